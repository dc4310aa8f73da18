/**
 * GraphEdge: what flows from one stage to another, by its names; why is told when it is pointed at.
 */
import type { JSX } from 'react';
import type { IEdgePath } from '../layout';
import { useTrans } from './context';

export interface IEdgeLineProps {
  readonly path: IEdgePath;
  /** The id of its arrow head; with `lit` behind it, of the lit one. */
  readonly arrow: string;
  readonly lit: boolean;
  readonly onSelect: (stage: string) => void;
}

/** A click leads to the stage that reads, whose detail says all; keys reach that stage itself. */
export function EdgeLine({ path, arrow, lit, onSelect }: IEdgeLineProps): JSX.Element {
  const trans = useTrans();
  const { from, to, names, why } = path.edge;
  return (
    <g className="jp-nb2prod-Graph-edge" data-lit={lit} data-from={from} data-to={to} onClick={() => onSelect(to)}>
      <title>{trans.__('%1 → %2: %3\n%4', from, to, names.join(', '), why)}</title>
      <path className="jp-nb2prod-Graph-near" d={path.path} />
      <path className="jp-nb2prod-Graph-line" d={path.path} markerEnd={`url(#${arrow}${lit ? 'lit' : ''})`} />
      {path.label && (
        <text className="jp-nb2prod-Graph-label" x={path.at.x} y={path.at.y + 3}>
          {path.label}
        </text>
      )}
    </g>
  );
}

export function Arrow({ id, lit }: { readonly id: string; readonly lit: boolean }): JSX.Element {
  return (
    <marker
      id={id}
      viewBox="0 0 8 8"
      refX="8"
      refY="4"
      markerWidth="9"
      markerHeight="9"
      markerUnits="userSpaceOnUse"
      orient="auto"
    >
      <path className="jp-nb2prod-Graph-arrow" data-lit={lit} d="M0 0.5 L8 4 L0 7.5 z" />
    </marker>
  );
}
