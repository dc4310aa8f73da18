/**
 * Prose: a sentence of the server, with names set as code.
 */
import type { JSX } from 'react';
import { pieces } from '../prose';

export function Prose({ text }: { readonly text: string }): JSX.Element {
  return (
    <>
      {pieces(text).map((piece, index) =>
        piece.isCode ? (
          <code key={index} className="jp-nb2prod-Name">
            {piece.text}
          </code>
        ) : (
          <span key={index}>{piece.text}</span>
        )
      )}
    </>
  );
}
