/**
 * Comparison: two runs beside each other, in a tab of their own.
 */
import { MainAreaWidget, ReactWidget } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { PartialJSONValue } from '@lumino/coreutils';
import type { JSX, ReactNode } from 'react';
import type { IComparison, IFlow, INamedPair } from '../tokens';
import { duration, metric } from '../words';
import { Trans, useTrans } from './context';

/** A tab that shows a comparison. */
export function comparisonTab(trans: TranslationBundle, found: IComparison): MainAreaWidget {
  const content = ReactWidget.create(
    <Trans.Provider value={trans}>
      <Comparison found={found} />
    </Trans.Provider>
  );
  content.addClass('jp-nb2prod-Comparison');
  content.node.tabIndex = 0; // it scrolls
  const tab = new MainAreaWidget({ content });
  tab.id = `nb2prod-compare-${found.runs.join('-')}`;
  tab.title.label = trans.__('Compare runs');
  tab.title.closable = true;
  return tab;
}

function Comparison({ found }: { readonly found: IComparison }): JSX.Element {
  const trans = useTrans();
  const [one, other] = found.runs;
  const changed = found.stages.filter(({ change }) => change !== 'same');
  const { added, removed } = found.edges;
  return (
    <article aria-label={trans.__('Runs %1 and %2', one, other)}>
      <h2>{trans.__('What differs between two runs')}</h2>
      <Pairs title={trans.__('Parameters')} runs={found.runs} pairs={found.parameters} />
      <Pairs title={trans.__('Metrics')} runs={found.runs} pairs={found.metrics} />
      <Part title={trans.__('Time')}>
        <Table
          title={trans.__('Time')}
          runs={found.runs}
          rows={found.stages.map(({ name, seconds }) => [name, time(seconds.one), time(seconds.other)])}
        />
      </Part>
      <Part title={trans.__('Graph')}>
        {added.length + removed.length === 0 && <p>{trans.__('The same names flow.')}</p>}
        <Flows word={trans.__('added')} flows={added} />
        <Flows word={trans.__('removed')} flows={removed} />
      </Part>
      <Part title={trans.__('Code')}>
        {changed.length === 0 && <p>{trans.__('The same code ran.')}</p>}
        {changed.map(({ name, change, diff }) => (
          <section key={name} data-stage={name} data-change={change}>
            <h4>{trans.__('%1: %2', name, changeWord(change))}</h4>
            <Diff lines={diff} label={trans.__('Differences in %1', name)} />
          </section>
        ))}
      </Part>
    </article>
  );

  function time(seconds: number | null): string {
    return seconds === null ? '–' : duration(trans, seconds);
  }

  function changeWord(change: IComparison['stages'][number]['change']): string {
    const words = {
      added: trans.__('added'),
      removed: trans.__('removed'),
      changed: trans.__('changed'),
      same: trans.__('the same')
    };
    return words[change];
  }
}

function Part({ title, children }: { readonly title: string; readonly children: ReactNode }): JSX.Element {
  return (
    <section className="jp-nb2prod-Section">
      <h3>{title}</h3>
      {children}
    </section>
  );
}

interface IPairsProps {
  readonly title: string;
  readonly runs: readonly string[];
  readonly pairs: readonly INamedPair[];
}

function Pairs({ title, runs, pairs }: IPairsProps): JSX.Element {
  const trans = useTrans();
  return (
    <Part title={title}>
      {pairs.length ? (
        <Table title={title} runs={runs} rows={pairs.map(({ name, one, other }) => [name, shown(one), shown(other)])} />
      ) : (
        <p>{trans.__('No difference.')}</p>
      )}
    </Part>
  );
}

function shown(value: PartialJSONValue | null): string {
  if (value === null) {
    return '–';
  }
  return typeof value === 'number' ? metric(value) : JSON.stringify(value);
}

interface ITableProps {
  readonly title: string;
  readonly runs: readonly string[];
  readonly rows: readonly (readonly [string, string, string])[];
}

function Table({ title, runs, rows }: ITableProps): JSX.Element {
  const trans = useTrans();
  return (
    <table className="jp-nb2prod-Table" aria-label={title}>
      <thead>
        <tr>
          <th scope="col">{trans.__('Name')}</th>
          {runs.map(run => (
            <th scope="col" key={run}>
              {run}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map(([name, one, other]) => (
          <tr key={name} data-differs={one !== other}>
            <th scope="row">{name}</th>
            <td>{one}</td>
            <td>{other}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Flows({ word, flows }: { readonly word: string; readonly flows: readonly IFlow[] }): JSX.Element {
  const trans = useTrans();
  return (
    <ul>
      {flows.map(({ from, to, name }) => (
        <li key={`${from}>${to}:${name}`}>{trans.__('%1: %2 from %3 to %4', word, name, from, to)}</li>
      ))}
    </ul>
  );
}

/** Lines of a unified diff; the sign before each says what colour says. */
function Diff({ lines, label }: { readonly lines: readonly string[]; readonly label: string }): JSX.Element {
  return (
    <pre className="jp-nb2prod-Diff" tabIndex={0} aria-label={label} role="region">
      {lines.map((line, index) => (
        <span key={index} data-sign={line[0]}>
          {line}
          {'\n'}
        </span>
      ))}
    </pre>
  );
}
