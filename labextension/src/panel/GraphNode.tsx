/**
 * GraphNode: one stage of the graph, with its state, how long it took and how much it left.
 */
import type { JSX, KeyboardEvent } from 'react';
import type { IProgress, ShownState } from '../journal';
import { NODE } from '../layout';
import type { INodeBox } from '../layout';
import type { IStage } from '../tokens';
import { duration, size, stateWord } from '../words';
import { Sign } from './Sign';
import { useTrans } from './context';

/** States whose seconds say something. */
const TIMED: ReadonlySet<ShownState> = new Set(['done', 'failed', 'kept']);

/** States in which what the stage left is there. */
const LEFT: ReadonlySet<ShownState> = new Set(['done', 'reused', 'kept']);

/** More characters than this do not fit into a node. */
const FITS = 15;

export interface IGraphNodeProps {
  readonly box: INodeBox;
  readonly hue: string;
  readonly stage: IStage | undefined;
  readonly progress: IProgress<ShownState>;
  readonly bytes: number | null;
  readonly pressed: boolean;
  readonly tabIndex: number;
  readonly onSelect: (stage: string) => void;
  readonly onOpen: (stage: IStage) => void;
}

export function GraphNode(props: IGraphNodeProps): JSX.Element {
  const { box, hue, stage, progress, bytes, pressed, tabIndex, onSelect, onOpen } = props;
  const trans = useTrans();
  const { state, seconds, why } = progress;
  const text = [
    stateWord(trans, state),
    ...(seconds !== null && TIMED.has(state) ? [duration(trans, seconds)] : []),
    ...(bytes && LEFT.has(state) ? [size(trans, bytes)] : [])
  ].join(' · ');
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
      className="jp-nb2prod-Graph-node jp-nb2prod-Hue"
      data-stage={box.name}
      data-state={state}
      data-hue={hue}
      transform={`translate(${box.x},${box.y})`}
      role="button"
      aria-label={trans.__('Stage %1, %2', box.name, text)}
      aria-pressed={pressed}
      tabIndex={tabIndex}
      onClick={open}
      onKeyDown={onKeyDown}
    >
      <title>{why ? trans.__('%1: %2', box.name, why) : box.name}</title>
      <rect className="jp-nb2prod-Graph-box" width={NODE.width} height={NODE.height} rx="4" />
      <rect className="jp-nb2prod-Graph-hue" width="5" height={NODE.height} rx="2.5" />
      <Sign state={state} x={13} y={NODE.height / 2 - 8} />
      <text className="jp-nb2prod-Graph-name" x="36" y="19">
        {box.name.length > FITS ? `${box.name.slice(0, FITS - 1)}…` : box.name}
      </text>
      <text className="jp-nb2prod-Graph-state" x="36" y="34">
        {text}
      </text>
    </g>
  );
}
