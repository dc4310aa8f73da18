/**
 * Metrics: the model's numbers beside the baseline's.
 */
import type { JSX } from 'react';
import type { IResult } from '../tokens';
import { metric } from '../words';
import { useTrans } from './context';

export function Metrics({ result }: { readonly result: IResult }): JSX.Element {
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
