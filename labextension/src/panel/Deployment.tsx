/**
 * Deployment: which releases answer at the notebook's address, how they fare, and how that came to be.
 */
import type { JSX } from 'react';
import { CommandIDs } from '../commands';
import type { PipelineModel } from '../model';
import type { IDeployment, IChange } from '../deployment';
import { ago, amongOwn, milliseconds, roleWord } from '../words';
import { Sign } from './Sign';
import type { ISignProps } from './Sign';
import { useCommands, useTrans } from './context';

const SIGNS: Readonly<Record<IDeployment['state'], ISignProps['state']>> = {
  running: 'done',
  degraded: 'stale',
  down: 'failed',
  stopped: 'skipped'
};

export function Deployment({ model }: { readonly model: PipelineModel }): JSX.Element | null {
  const trans = useTrans();
  const execute = useCommands();
  const { current, address, canRollBack } = model.deployments;
  if (!current) {
    return null;
  }
  const { state, trouble, shadow_report: report } = current;
  const waits = model.asking.pending !== null;
  return (
    <section className="jp-nb2prod-Section jp-nb2prod-Deployment" data-state={state}>
      <h3>{trans.__('Deployment')}</h3>
      <div className="jp-nb2prod-Card-service">
        <Sign state={SIGNS[state]} />
        {address ? (
          <a className="jp-nb2prod-Card-url" href={address} target="_blank" rel="noreferrer">
            {address}
          </a>
        ) : (
          <span className="jp-nb2prod-Card-url">{trans.__('Nothing answers')}</span>
        )}
        <button
          className="jp-nb2prod-Button"
          disabled={waits || !canRollBack}
          onClick={() => execute(CommandIDs.rollback)}
        >
          {model.asking.pending === 'rollback' ? trans.__('Rolling back …') : trans.__('Roll back …')}
        </button>
        {state !== 'stopped' && (
          <button
            className="jp-nb2prod-Button"
            aria-label={trans.__('Stop the deployment')}
            disabled={waits}
            onClick={() => execute(CommandIDs.retire)}
          >
            {model.asking.pending === 'retire' ? trans.__('Stopping …') : trans.__('Stop …')}
          </button>
        )}
      </div>
      {trouble && (
        <p className="jp-nb2prod-Finding" data-severity={state === 'down' ? 'error' : 'warning'} role="alert">
          {trouble}
        </p>
      )}
      <Roles deployment={current} />
      {report && (
        <p className="jp-nb2prod-Hint" data-report="shadow">
          {trans.__(
            'The shadow gave %1 same answers, %2 others, and failed %3 times.',
            report.same,
            report.different,
            report.failed
          )}
        </p>
      )}
      <Changes history={current.history} />
    </section>
  );
}

/** Who answers, and how it goes. */
function Roles({ deployment }: { readonly deployment: IDeployment }): JSX.Element | null {
  const trans = useTrans();
  const { live, canary, share, shadow, releases } = deployment;
  const roles = [
    { role: 'live', word: roleWord(trans, 'live'), release: live },
    { role: 'canary', word: trans.__('canary, %1 %', Math.round(share * 100)), release: canary },
    { role: 'shadow', word: roleWord(trans, 'shadow'), release: shadow }
  ];
  const taken = roles.filter(({ release }) => release !== null);
  if (!taken.length) {
    return null;
  }
  return (
    <table className="jp-nb2prod-Roles" aria-label={trans.__('Releases that answer')}>
      <thead>
        <tr>
          <th scope="col">{trans.__('Release')}</th>
          <th scope="col">{trans.__('Requests')}</th>
          <th scope="col">{trans.__('Errors')}</th>
          <th scope="col" title={trans.__('95 % of the last requests were answered within')}>
            {trans.__('95 %')}
          </th>
        </tr>
      </thead>
      <tbody>
        {taken.map(({ role, word, release }) => {
          const tally = releases[release ?? ''];
          return (
            <tr key={role} data-role={role} data-release={release}>
              <th scope="row">
                <span className="jp-nb2prod-Roles-role">{word}</span>{' '}
                <code title={release ?? ''}>{amongOwn(release ?? '')}</code>
              </th>
              <td>{tally?.requests ?? '–'}</td>
              <td>{tally?.errors ?? '–'}</td>
              <td>{tally?.p95_ms ? milliseconds(trans, tally.p95_ms) : '–'}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function Changes({ history }: { readonly history: readonly IChange[] }): JSX.Element {
  const trans = useTrans();
  return (
    <details className="jp-nb2prod-Fold">
      <summary>{trans._n('%1 change', '%1 changes', history.length)}</summary>
      <ol className="jp-nb2prod-Changes">
        {[...history].reverse().map((change, index) => (
          <li key={`${change.at} ${index}`} data-verb={change.verb}>
            <span>{word(change)}</span>
            <span className="jp-nb2prod-History-when" title={change.at}>
              {ago(trans, Date.parse(change.at) / 1000)}
            </span>
            {change.note && <span className="jp-nb2prod-Changes-note">{change.note}</span>}
          </li>
        ))}
      </ol>
    </details>
  );

  function word({ verb, release, share }: IChange): string {
    const name = amongOwn(release ?? '');
    const words: Readonly<Record<IChange['verb'], string>> = {
      promote: trans.__('promoted %1', name),
      canary: trans.__('canary of %1 %: %2', Math.round((share ?? 0) * 100), name),
      shadow: trans.__('shadow: %1', name),
      rollback: trans.__('rolled back to %1', name),
      withdraw: trans.__('withdrew %1', name),
      stop: trans.__('stopped %1', name)
    };
    return words[verb];
  }
}
