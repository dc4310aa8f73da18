/**
 * Sign: a state as a small drawing, so that it is told apart without colour.
 */
import type { JSX } from 'react';
import type { ShownState } from '../journal';

const STROKES: Readonly<Record<ShownState, string>> = {
  pending: 'M8 3.5a4.5 4.5 0 1 1 0 9a4.5 4.5 0 1 1 0-9',
  stale: 'M8 3.5a4.5 4.5 0 1 1 0 9a4.5 4.5 0 1 1 0-9 M8 6v4 M6 8h4',
  kept: 'M3.5 5.5h9v7h-9z M5.5 3h5',
  running: 'M8 2.5a5.5 5.5 0 1 1-5.5 5.5',
  done: 'M3 8.5l3.5 3.5L13 4.5',
  reused: 'M12.5 8a4.5 4.5 0 1 1-1.6-3.4 M11.3 1.8v3h-3',
  failed: 'M4 4l8 8 M12 4l-8 8',
  skipped: 'M3.5 8h9'
};

export interface ISignProps {
  readonly state: ShownState;
  /** Inside another drawing: where to put it. */
  readonly x?: number;
  readonly y?: number;
}

export function Sign({ state, x, y }: ISignProps): JSX.Element {
  return (
    <svg
      className="jp-nb2prod-Sign"
      data-state={state}
      x={x}
      y={y}
      width="16"
      height="16"
      viewBox="0 0 16 16"
      aria-hidden="true"
    >
      <path d={STROKES[state]} />
    </svg>
  );
}
