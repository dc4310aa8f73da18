/**
 * Release: what Ship left behind: its service, its numbers against the baseline, the gate and the rehearsal.
 */
import { Clipboard } from '@jupyterlab/apputils';
import type { PartialJSONObject } from '@lumino/coreutils';
import type { JSX } from 'react';
import type { IResult, IServiceState } from '../tokens';
import { curl, duration, metric, milliseconds } from '../words';
import { Sign } from './Sign';
import { useTrans } from './context';

export interface IReleaseProps {
  readonly result: IResult;
  readonly service: IServiceState | null;
  readonly example: PartialJSONObject | null;
  readonly pending: 'serve' | 'stop' | null;
  readonly onServe: () => void;
  readonly onStop: () => void;
}

export function Release({ result, service, example, pending, onServe, onStop }: IReleaseProps): JSX.Element {
  const trans = useTrans();
  const running = service?.state === 'running';
  return (
    <article
      className="jp-nb2prod-Card"
      data-release={result.release}
      aria-label={trans.__('Release %1', result.release ?? '')}
    >
      <p className="jp-nb2prod-Card-id">{result.release}</p>
      <div className="jp-nb2prod-Card-service" data-state={running ? 'running' : 'stopped'}>
        <Sign state={running ? 'done' : 'skipped'} />
        {running && service.url ? (
          <a className="jp-nb2prod-Card-url" href={service.url} target="_blank" rel="noreferrer">
            {service.url}
          </a>
        ) : (
          <span className="jp-nb2prod-Card-url">{trans.__('Service stopped')}</span>
        )}
        <button className="jp-nb2prod-Button" disabled={pending !== null} onClick={running ? onStop : onServe}>
          {serviceWord()}
        </button>
      </div>
      {running && service.url && example && <Call line={curl(service.url, example)} />}
      {result.metrics && <MetricTable result={result} />}
      {result.gate && <Gate gate={result.gate} />}
      {result.rehearsal && <Rehearsal rehearsal={result.rehearsal} />}
    </article>
  );

  function serviceWord(): string {
    if (pending !== null) {
      return pending === 'serve' ? trans.__('Starting …') : trans.__('Stopping …');
    }
    return running ? trans.__('Stop') : trans.__('Start');
  }
}

function Call({ line }: { readonly line: string }): JSX.Element {
  const trans = useTrans();
  return (
    <div className="jp-nb2prod-Call">
      <details className="jp-nb2prod-Fold">
        <summary>{trans.__('Call it with curl')}</summary>
        <pre tabIndex={0}>{line}</pre>
      </details>
      <button className="jp-nb2prod-Button" onClick={() => Clipboard.copyToSystem(line)}>
        {trans.__('Copy')}
      </button>
    </div>
  );
}

function MetricTable({ result }: { readonly result: IResult }): JSX.Element {
  const trans = useTrans();
  const mine = result.metrics ?? {};
  const theirs = result.baseline?.metrics ?? {};
  return (
    <table className="jp-nb2prod-Metrics">
      <thead>
        <tr>
          <th scope="col">{trans.__('Metric')}</th>
          <th scope="col">{trans.__('Model')}</th>
          {result.baseline && (
            <th scope="col" title={result.baseline.name}>
              {trans.__('Baseline')}
            </th>
          )}
        </tr>
      </thead>
      <tbody>
        {Object.entries(mine).map(([name, value]) => (
          <tr key={name}>
            <th scope="row">{name.replace(/_/g, ' ')}</th>
            <Value value={value} kind="model" />
            {result.baseline && <Value value={theirs[name]} kind="baseline" />}
          </tr>
        ))}
      </tbody>
      {result.baseline && <caption>{trans.__('Baseline: %1', result.baseline.name)}</caption>}
    </table>
  );
}

/** A number, with a bar where its scale is known to be 0 to 1. */
function Value({
  value,
  kind
}: {
  readonly value: number | undefined;
  readonly kind: 'model' | 'baseline';
}): JSX.Element {
  if (value === undefined) {
    return <td>–</td>;
  }
  const share = value >= 0 && value <= 1 ? value : null;
  return (
    <td data-kind={kind}>
      <span>{metric(value)}</span>
      {share !== null && (
        <span className="jp-nb2prod-Metrics-bar" style={{ width: `${share * 100}%` }} aria-hidden="true" />
      )}
    </td>
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

function Rehearsal({ rehearsal }: { readonly rehearsal: NonNullable<IResult['rehearsal']> }): JSX.Element {
  const trans = useTrans();
  const { rows, equal, cold_start_seconds: cold, p50_ms: median, p95_ms: slow } = rehearsal;
  return (
    <section>
      <h4>{trans.__('Rehearsal')}</h4>
      <ul className="jp-nb2prod-Gate">
        <li data-ok={equal}>
          <Sign state={equal ? 'done' : 'failed'} />
          <span>
            {equal
              ? trans._n(
                  'Same prediction as the notebook on %1 row',
                  'Same predictions as the notebook on %1 rows',
                  rows
                )
              : trans.__('Other predictions than the notebook on %1 rows', rows)}
          </span>
        </li>
      </ul>
      <dl className="jp-nb2prod-Numbers">
        {cold !== undefined && <Figure term={trans.__('cold start')} value={duration(trans, cold)} />}
        {median !== undefined && <Figure term={trans.__('half within')} value={milliseconds(trans, median)} />}
        {slow !== undefined && <Figure term={trans.__('95 % within')} value={milliseconds(trans, slow)} />}
      </dl>
    </section>
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
