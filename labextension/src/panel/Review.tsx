/**
 * Review: what a ship will run, check and put into the release, before it begins.
 */
import { Dialog, ReactWidget, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { JSX, ReactNode } from 'react';
import { SHIP_STEPS } from '../journal';
import type { IFinding } from '../finding';
import type { IReview } from '../tokens';
import { duration, stepWord } from '../words';
import { Prose } from './Prose';
import { Sign } from './Sign';
import { Trans, useTrans } from './context';

/** What stands in the dialog. */
export interface IReviewed {
  readonly review: IReview;
  readonly warnings: readonly IFinding[];
  readonly typed: Readonly<Record<string, string>>;
}

/** Show the review; true when the ship shall begin. */
export async function askReview(trans: TranslationBundle, name: string, reviewed: IReviewed): Promise<boolean> {
  const body = ReactWidget.create(
    <Trans.Provider value={trans}>
      <Review {...reviewed} />
    </Trans.Provider>
  );
  body.addClass('jp-nb2prod-Review');
  body.node.tabIndex = 0; // it may scroll
  const answer = await showDialog({
    title: trans.__('Ship %1', name),
    body,
    buttons: [Dialog.cancelButton(), Dialog.okButton({ label: trans.__('Ship') })],
    defaultButton: 1
  });
  return answer.button.accept;
}

/** Steps that do not judge anything, and so are not told as checks. */
const WORK: ReadonlySet<string> = new Set(['check', 'run', 'package', 'release', 'serve']);

function Review({ review, warnings, typed }: IReviewed): JSX.Element {
  const trans = useTrans();
  const { steps, seconds } = review;
  const toRun = steps.filter(({ action }) => action === 'run');
  return (
    <>
      <Part title={trans.__('Runs')}>
        <p>
          {runs()} {seconds >= 1 && trans.__('They took %1 when they ran last.', duration(trans, seconds))}
        </p>
        <ul className="jp-nb2prod-Review-list">
          {toRun.map(({ stage, why }) => (
            <li key={stage}>
              <Sign state="pending" />
              <span title={why}>
                <b>{stage}</b> <Prose text={why} />
              </span>
            </li>
          ))}
        </ul>
      </Part>
      <Part title={trans.__('Checks')}>
        <ul className="jp-nb2prod-Review-list">
          {SHIP_STEPS.filter(step => !WORK.has(step)).map(step => (
            <li key={step}>
              <Sign state="pending" />
              <span>{stepWord(trans, step)}</span>
            </li>
          ))}
        </ul>
        {warnings.length > 0 && (
          <p>
            {trans._n('%1 warning stands.', '%1 warnings stand.', warnings.length)} <Prose text={warnings[0].message} />
          </p>
        )}
      </Part>
      <Contents review={review} typed={typed} />
    </>
  );

  function runs(): string {
    if (toRun.length === steps.length) {
      return trans._n('%1 stage.', 'All %1 stages.', steps.length);
    }
    return toRun.length
      ? trans.__('%1 of %2 stages; the others are kept.', toRun.length, steps.length)
      : trans.__('Nothing: all stages are kept.');
  }
}

function Contents({ review, typed }: Pick<IReviewed, 'review' | 'typed'>): JSX.Element {
  const trans = useTrans();
  const { offer, files } = review;
  return (
    <Part title={trans.__('Goes in')}>
      <dl>
        <Row
          term={offered()}
          values={offer.kind === 'tables' ? offer.names : offer.names.slice(0, 1)}
          none={trans.__('none found yet')}
        />
        <Row term={trans.__('Files')} values={files} none={trans.__('none')} />
        {Object.keys(typed).length > 0 && (
          <Row
            term={trans.__('Parameters')}
            values={Object.entries(typed).map(([name, value]) => `${name} = ${value}`)}
            none=""
          />
        )}
      </dl>
    </Part>
  );

  function offered(): string {
    switch (offer.kind) {
      case 'function':
        return trans.__('Function');
      case 'tables':
        return offer.sure ? trans.__('Tables') : trans.__('What of it is a table');
      default:
        return trans.__('Model');
    }
  }
}

function Part({ title, children }: { readonly title: string; readonly children: ReactNode }): JSX.Element {
  return (
    <section>
      <h3>{title}</h3>
      {children}
    </section>
  );
}

interface IRowProps {
  readonly term: string;
  readonly values: readonly string[];
  readonly none: string;
}

function Row({ term, values, none }: IRowProps): JSX.Element {
  return (
    <>
      <dt>{term}</dt>
      <dd>{values.length ? values.map(value => <code key={value}>{value}</code>) : none}</dd>
    </>
  );
}
