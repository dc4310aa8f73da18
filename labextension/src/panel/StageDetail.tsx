/**
 * StageDetail: what the chosen stage reads and leaves, and why it is in its state.
 */
import type { JSX, ReactNode } from 'react';
import type { IProgress, ShownState } from '../journal';
import type { IArtifact, IEdge, IStage } from '../tokens';
import { size } from '../words';
import { Prose } from './Prose';
import { useTrans } from './context';

/** Longer reasons than a few lines are folded by CSS; more names than this are counted. */
const SOME = 8;

export interface IStageDetailProps {
  readonly stage: IStage;
  readonly edges: readonly IEdge[];
  readonly progress: IProgress<ShownState>;
  /** What it left when it last ran. */
  readonly left: readonly IArtifact[];
  readonly children?: ReactNode;
}

export function StageDetail({ stage, edges, progress, left, children }: IStageDetailProps): JSX.Element {
  const trans = useTrans();
  const cells = stage.cells.map(cell => String(cell + 1)).join(', ');
  const sources = edges.filter(({ to }) => to === stage.name);
  return (
    <section className="jp-nb2prod-Detail" aria-label={trans.__('Stage %1', stage.name)}>
      <dl>
        <Row term={trans.__('Cells')}>{cells}</Row>
        {sources.map(edge => (
          <Row key={edge.from} term={trans.__('From %1', edge.from)}>
            <Names names={edge.names} />
            <span className="jp-nb2prod-Detail-why">
              <Prose text={edge.why} />
            </span>
          </Row>
        ))}
        {sources.length === 0 && stage.reads.length > 0 && (
          <Row term={trans.__('Reads')}>
            <Names names={stage.reads} />
          </Row>
        )}
        {stage.writes.length > 0 && (
          <Row term={trans.__('Leaves')}>
            <Names names={stage.writes} />
            {left.length > 0 && <Sizes left={left} />}
          </Row>
        )}
        {progress.why && (
          <Row term={trans.__('Why')}>
            <Prose text={progress.why} />
          </Row>
        )}
      </dl>
      {children}
    </section>
  );
}

function Row({ term, children }: { readonly term: string; readonly children: ReactNode }): JSX.Element {
  return (
    <>
      <dt>{term}</dt>
      <dd>{children}</dd>
    </>
  );
}

function Names({ names }: { readonly names: readonly string[] }): JSX.Element {
  const trans = useTrans();
  const rest = names.length - SOME;
  return (
    <span title={rest > 0 ? names.join(', ') : undefined}>
      {names.slice(0, SOME).map(name => (
        <code key={name}>{name}</code>
      ))}
      {rest > 0 && trans._n('and %1 more', 'and %1 more', rest)}
    </span>
  );
}

/** What is kept and how large it is, the largest first; values that share objects are kept together. */
function Sizes({ left }: { readonly left: readonly IArtifact[] }): JSX.Element {
  const trans = useTrans();
  const sorted = [...left].sort((one, other) => other.bytes - one.bytes).slice(0, SOME);
  return (
    <span className="jp-nb2prod-Detail-why">
      {sorted.map(({ names, bytes }) => trans.__('%1 %2', names.join(' + '), size(trans, bytes))).join(', ')}
    </span>
  );
}
