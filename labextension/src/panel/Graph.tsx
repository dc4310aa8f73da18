/**
 * Graph: the stages and what flows between them, one tab stop, moved through with the arrow keys.
 */
import { useEffect, useId, useMemo, useRef } from 'react';
import type { JSX, KeyboardEvent } from 'react';
import type { IProgress, ShownState } from '../journal';
import { NODE, draw, neighbour } from '../layout';
import type { INodeBox } from '../layout';
import type { IGraph, IStage } from '../tokens';
import { duration, stateWord } from '../words';
import { Sign } from './Sign';
import { useTrans } from './context';

const STEP: Readonly<Record<string, number>> = {
  ArrowDown: 1,
  ArrowRight: 1,
  ArrowUp: -1,
  ArrowLeft: -1,
  Home: -Infinity,
  End: Infinity
};

/** States whose seconds say something. */
const TIMED: ReadonlySet<ShownState> = new Set(['done', 'failed']);

/** More characters than this do not fit into a node. */
const FITS = 14;

export interface IGraphProps {
  readonly graph: IGraph;
  readonly selected: string | null;
  readonly progress: (stage: string) => IProgress<ShownState>;
  readonly onSelect: (stage: string) => void;
  readonly onOpen: (stage: IStage) => void;
}

export function Graph({ graph, selected, progress, onSelect, onOpen }: IGraphProps): JSX.Element {
  const trans = useTrans();
  const arrow = useId();
  const drawing = useMemo(() => draw(graph), [graph]);
  const names = graph.stages.map(({ name }) => name);
  const entry = selected !== null && names.includes(selected) ? selected : (names[0] ?? null);
  const { svg, onKeyDown } = useArrowKeys(names, entry, onSelect);

  return (
    <svg
      ref={svg}
      className="jp-nb2prod-Graph"
      role="group"
      aria-label={trans.__('Stages of the pipeline')}
      viewBox={`0 0 ${drawing.width} ${drawing.height}`}
      style={{ width: drawing.width }}
      onKeyDown={onKeyDown}
    >
      <defs>
        <Arrow id={arrow} lit={false} />
        <Arrow id={`${arrow}lit`} lit={true} />
      </defs>
      {drawing.edges.map(({ from, to, path }) => {
        const lit = selected !== null && (from === selected || to === selected);
        return (
          <path
            key={`${from}>${to}`}
            className="jp-nb2prod-Graph-edge"
            data-lit={lit}
            d={path}
            markerEnd={`url(#${arrow}${lit ? 'lit' : ''})`}
          />
        );
      })}
      {drawing.nodes.map(box => (
        <Node
          key={box.name}
          box={box}
          stage={graph.stages.find(({ name }) => name === box.name)}
          progress={progress(box.name)}
          pressed={box.name === selected}
          tabIndex={box.name === entry ? 0 : -1}
          onSelect={onSelect}
          onOpen={onOpen}
        />
      ))}
    </svg>
  );
}

/** Arrow keys choose the stage before or after; the focus goes with the choice. */
function useArrowKeys(names: readonly string[], entry: string | null, onSelect: (stage: string) => void) {
  const svg = useRef<SVGSVGElement>(null);
  const moved = useRef(false);
  useEffect(() => {
    if (moved.current) {
      moved.current = false;
      svg.current?.querySelector<SVGGElement>('[tabindex="0"]')?.focus();
    }
  }, [entry]);
  const onKeyDown = (event: KeyboardEvent): void => {
    const next = event.key in STEP ? neighbour(names, entry, STEP[event.key]) : null;
    if (next !== null) {
      event.preventDefault();
      moved.current = next !== entry;
      onSelect(next);
    }
  };
  return { svg, onKeyDown };
}

function Arrow({ id, lit }: { readonly id: string; readonly lit: boolean }): JSX.Element {
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

interface INodeProps {
  readonly box: INodeBox;
  readonly stage: IStage | undefined;
  readonly progress: IProgress<ShownState>;
  readonly pressed: boolean;
  readonly tabIndex: number;
  readonly onSelect: (stage: string) => void;
  readonly onOpen: (stage: IStage) => void;
}

function Node({ box, stage, progress, pressed, tabIndex, onSelect, onOpen }: INodeProps): JSX.Element {
  const trans = useTrans();
  const word = stateWord(trans, progress.state);
  const text =
    progress.seconds === null || !TIMED.has(progress.state)
      ? word
      : trans.__('%1 · %2', word, duration(trans, progress.seconds));
  const open = (): void => {
    onSelect(box.name);
    if (stage) {
      onOpen(stage);
    }
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      open();
    }
  };
  return (
    <g
      className="jp-nb2prod-Graph-node"
      data-stage={box.name}
      data-state={progress.state}
      transform={`translate(${box.x},${box.y})`}
      role="button"
      aria-label={trans.__('Stage %1, %2', box.name, text)}
      aria-pressed={pressed}
      tabIndex={tabIndex}
      onClick={open}
      onKeyDown={onKeyDown}
    >
      <title>{box.name}</title>
      <rect width={NODE.width} height={NODE.height} rx="4" />
      <Sign state={progress.state} x={10} y={NODE.height / 2 - 8} />
      <text className="jp-nb2prod-Graph-name" x="34" y="19">
        {box.name.length > FITS ? `${box.name.slice(0, FITS - 1)}…` : box.name}
      </text>
      <text className="jp-nb2prod-Graph-state" x="34" y="34">
        {text}
      </text>
    </g>
  );
}
