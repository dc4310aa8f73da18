/**
 * Graph: the stages and what flows between them, one tab stop, moved through with the arrow keys.
 */
import { useEffect, useId, useMemo, useRef } from 'react';
import type { JSX, KeyboardEvent } from 'react';
import { hueOf } from '../hue';
import type { IProgress, ShownState } from '../journal';
import { draw, neighbour, shapeOf } from '../layout';
import type { IGraph, IStage } from '../tokens';
import { Arrow, EdgeLine } from './GraphEdge';
import { GraphNode } from './GraphNode';
import { Viewport } from './Viewport';
import { useTrans } from './context';

const STEP: Readonly<Record<string, number>> = {
  ArrowDown: 1,
  ArrowRight: 1,
  ArrowUp: -1,
  ArrowLeft: -1,
  Home: -Infinity,
  End: Infinity
};

export interface IGraphProps {
  readonly graph: IGraph;
  readonly selected: string | null;
  readonly progress: (stage: string) => IProgress<ShownState>;
  readonly bytes: (stage: string) => number | null;
  readonly onSelect: (stage: string) => void;
  readonly onOpen: (stage: IStage) => void;
}

export function Graph({ graph, selected, progress, bytes, onSelect, onOpen }: IGraphProps): JSX.Element {
  const trans = useTrans();
  const arrow = useId();
  const shape = shapeOf(graph);
  const latest = useRef(graph);
  latest.current = graph;
  // Only a change of shape is laid out anew; every other one is a change of words.
  const drawing = useMemo(() => (shape ? draw(latest.current) : null), [shape]);
  const names = graph.stages.map(({ name }) => name);
  const entry = selected !== null && names.includes(selected) ? selected : (names[0] ?? null);
  const { svg, onKeyDown } = useArrowKeys(names, entry, onSelect);
  if (!drawing) {
    return <></>;
  }
  return (
    <Viewport width={drawing.width} height={drawing.height}>
      {size => (
        <svg
          ref={svg}
          className="jp-nb2prod-Graph"
          role="group"
          aria-label={trans.__('Stages of the pipeline')}
          viewBox={`0 0 ${drawing.width} ${drawing.height}`}
          style={size}
          onKeyDown={onKeyDown}
        >
          <defs>
            <Arrow id={arrow} lit={false} />
            <Arrow id={`${arrow}lit`} lit={true} />
          </defs>
          {drawing.edges.map(path => (
            <EdgeLine
              key={`${path.edge.from}>${path.edge.to}`}
              path={path}
              arrow={arrow}
              lit={selected !== null && (path.edge.from === selected || path.edge.to === selected)}
              onSelect={onSelect}
            />
          ))}
          {drawing.nodes.map(box => (
            <GraphNode
              key={box.name}
              box={box}
              hue={hueOf(graph, box.name)}
              stage={graph.stages.find(({ name }) => name === box.name)}
              progress={progress(box.name)}
              bytes={bytes(box.name)}
              pressed={box.name === selected}
              tabIndex={box.name === entry ? 0 : -1}
              onSelect={onSelect}
              onOpen={onOpen}
            />
          ))}
        </svg>
      )}
    </Viewport>
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
