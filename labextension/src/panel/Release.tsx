/**
 * Release: what Ship left behind: its service, its numbers against the baseline, the gate and the rehearsal.
 */
import type { JSX, ReactNode } from 'react';
import { CommandIDs } from '../commands';
import type { Pending } from '../asking';
import type { Releases } from '../releases';
import type { IResult, ReleasePage } from '../tokens';
import { duration, milliseconds } from '../words';
import { Call } from './Call';
import { Metrics } from './Metrics';
import { Reproduce, Sameness } from './Reproduce';
import { Sign } from './Sign';
import { useCommands, useTrans } from './context';

export interface IReleaseProps {
  readonly result: IResult;
  readonly releases: Releases;
  /** Where the pages about it are. */
  readonly urlOf: (page: ReleasePage) => string;
  readonly pending: Pending | null;
}

export function Release({ result, releases, urlOf, pending }: IReleaseProps): JSX.Element {
  const trans = useTrans();
  const { serving, address, example } = releases;
  const release = result.release ?? '';
  const running = serving?.state === 'running';
  return (
    <article className="jp-nb2prod-Card" data-release={release} aria-label={trans.__('Release %1', release)}>
      <p className="jp-nb2prod-Card-id" title={release}>
        {release}
      </p>
      <div className="jp-nb2prod-Card-service" data-state={running ? 'running' : 'stopped'}>
        <Sign state={running ? 'done' : 'skipped'} />
        {running && address ? (
          <a className="jp-nb2prod-Card-url" href={address} target="_blank" rel="noreferrer">
            {address}
          </a>
        ) : (
          <span className="jp-nb2prod-Card-url">{trans.__('Service stopped')}</span>
        )}
        <button
          className="jp-nb2prod-Button"
          disabled={pending !== null}
          onClick={() => void (running ? releases.stop() : releases.serve())}
        >
          {serviceWord()}
        </button>
      </div>
      {running && serving.url && example && (
        <Call key={release} url={serving.url} example={example} onPredict={row => releases.predict(row)} />
      )}
      <Verbs result={result} releases={releases} urlOf={urlOf} pending={pending} />
      <Sameness release={release} releases={releases} />
      {Object.keys(result.metrics ?? {}).length > 0 && <Metrics result={result} />}
      {result.gate && <Gate gate={result.gate} />}
      {(result.rehearsal || result.verify) && <Rehearsal result={result} />}
    </article>
  );

  function serviceWord(): string {
    if (pending === 'serve' || pending === 'stop') {
      return pending === 'serve' ? trans.__('Starting …') : trans.__('Stopping …');
    }
    return running ? trans.__('Stop') : trans.__('Start');
  }
}

/** What is to be done with it, and read about it. */
function Verbs({ result, releases, urlOf, pending }: IReleaseProps): JSX.Element {
  const trans = useTrans();
  const execute = useCommands();
  const release = result.release ?? '';
  return (
    <div className="jp-nb2prod-Card-verbs">
      <button
        className="jp-nb2prod-Button"
        title={trans.__('Let requests at the address of this notebook go to this release')}
        disabled={pending !== null}
        onClick={() => execute(CommandIDs.promote, { release })}
      >
        {pending === 'promote' ? trans.__('Promoting …') : trans.__('Promote …')}
      </button>
      <Reproduce className="jp-nb2prod-Button" release={release} releases={releases} waits={pending !== null} />
      {result.risk && (
        <span className="jp-nb2prod-Card-verbs">
          <a href={urlOf('risk')} target="_blank" rel="noreferrer">
            {trans.__('Risk sheet')}
          </a>
          <a href={urlOf('monitor')} target="_blank" rel="noreferrer">
            {trans.__('Monitor')}
          </a>
        </span>
      )}
    </div>
  );
}

function Gate({ gate }: { readonly gate: NonNullable<IResult['gate']> }): JSX.Element {
  const trans = useTrans();
  return (
    <section>
      <h4>{gate.ok ? trans.__('Gate passed') : trans.__('Gate failed')}</h4>
      <ul className="jp-nb2prod-Gate">
        {gate.verdicts.map(({ rule, ok, detail }) => (
          <li key={rule} data-ok={ok}>
            <Sign state={ok ? 'done' : 'failed'} />
            <span>{rule}</span>
            <span className="jp-nb2prod-Gate-detail">{ok ? detail : trans.__('failed: %1', detail)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Rehearsal({ result: { rehearsal, verify } }: { readonly result: IResult }): JSX.Element {
  const trans = useTrans();
  const { cold_start_seconds: cold, p50_ms: median, p95_ms: slow } = rehearsal ?? {};
  return (
    <section>
      <h4>{trans.__('Rehearsal')}</h4>
      <ul className="jp-nb2prod-Gate">
        {verify && (
          <Check ok={verify.equal}>
            {verify.equal
              ? trans.__('Same results as the notebook run straight through')
              : trans.__('Other results than the notebook run straight through')}
          </Check>
        )}
        {rehearsal && (
          <Check ok={rehearsal.equal}>
            {rehearsal.equal
              ? trans._n(
                  'Same prediction as the notebook on %1 row',
                  'Same predictions as the notebook on %1 rows',
                  rehearsal.rows
                )
              : trans.__('Other predictions than the notebook on %1 rows', rehearsal.rows)}
          </Check>
        )}
      </ul>
      <dl className="jp-nb2prod-Numbers">
        {cold !== undefined && <Figure term={trans.__('cold start')} value={duration(trans, cold)} />}
        {median !== undefined && <Figure term={trans.__('half within')} value={milliseconds(trans, median)} />}
        {slow !== undefined && <Figure term={trans.__('95 % within')} value={milliseconds(trans, slow)} />}
      </dl>
    </section>
  );
}

function Check({ ok, children }: { readonly ok: boolean; readonly children: ReactNode }): JSX.Element {
  return (
    <li data-ok={ok}>
      <Sign state={ok ? 'done' : 'failed'} />
      <span>{children}</span>
    </li>
  );
}

function Figure({ term, value }: { readonly term: string; readonly value: string }): JSX.Element {
  return (
    <div>
      <dd>{value}</dd>
      <dt>{term}</dt>
    </div>
  );
}
