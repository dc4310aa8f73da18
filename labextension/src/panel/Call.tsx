/**
 * Call: try the service with a row, and how others ask it.
 */
import { Clipboard } from '@jupyterlab/apputils';
import type { JSX } from 'react';
import { curl, python } from '../snippets';
import { TryIt } from './TryIt';
import type { ITryItProps } from './TryIt';
import { useTrans } from './context';

export interface ICallProps extends ITryItProps {
  readonly url: string;
}

export function Call({ url, example, onPredict }: ICallProps): JSX.Element {
  const trans = useTrans();
  return (
    <div>
      <details className="jp-nb2prod-Fold">
        <summary>{trans.__('Try it')}</summary>
        <TryIt example={example} onPredict={onPredict} />
      </details>
      <Snippet title={trans.__('Call it with curl')} text={curl(url, example)} />
      <Snippet title={trans.__('Call it with Python')} text={python(url, example)} />
    </div>
  );
}

function Snippet({ title, text }: { readonly title: string; readonly text: string }): JSX.Element {
  const trans = useTrans();
  return (
    <div className="jp-nb2prod-Call">
      <details className="jp-nb2prod-Fold">
        <summary>{title}</summary>
        <pre tabIndex={0}>{text}</pre>
      </details>
      <button
        className="jp-nb2prod-Button"
        aria-label={trans.__('Copy: %1', title)}
        onClick={() => Clipboard.copyToSystem(text)}
      >
        {trans.__('Copy')}
      </button>
    </div>
  );
}
