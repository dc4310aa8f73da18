/**
 * Help: what the panel shows, and the keys.
 */
import { Dialog, ReactWidget, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { JSX } from 'react';
import { Sign } from './Sign';
import type { ISignProps } from './Sign';
import { Trans, useTrans } from './context';

/** The keys of a command, as they are set now. */
export interface IKey {
  readonly label: string;
  readonly keys: string;
}

/** Where to read more. */
export type Manual = (page: string) => string;

export async function showHelp(trans: TranslationBundle, keys: readonly IKey[], manual: Manual): Promise<void> {
  const body = ReactWidget.create(
    <Trans.Provider value={trans}>
      <Help keys={keys} manual={manual} />
    </Trans.Provider>
  );
  body.addClass('jp-nb2prod-Review');
  body.node.tabIndex = 0; // it may scroll
  await showDialog({ title: trans.__('Pipelines'), body, buttons: [Dialog.okButton({ label: trans.__('Close') })] });
}

function Help({ keys, manual }: { readonly keys: readonly IKey[]; readonly manual: Manual }): JSX.Element {
  const trans = useTrans();
  const states: readonly (readonly [ISignProps['state'], string])[] = [
    ['pending', trans.__('to run: it has not run before')],
    ['stale', trans.__('stale: what it depends on has changed since it ran')],
    ['kept', trans.__('kept: a run takes what it left')],
    ['running', trans.__('running')],
    ['done', trans.__('done in this run')],
    ['failed', trans.__('failed: the error is at its cell')],
    ['skipped', trans.__('not run: a stage above has failed, or the run was stopped')]
  ];
  return (
    <>
      <section>
        <h3>{trans.__('From a notebook to a service')}</h3>
        <p>
          {trans.__(
            'Name the stages of your notebook at its cells, or begin cells with %1 and a name. Ship runs them, checks the result and starts the model as a service.',
            '%%stage'
          )}
        </p>
      </section>
      <section>
        <h3>{trans.__('Stages are')}</h3>
        <ul className="jp-nb2prod-Review-list">
          {states.map(([state, text]) => (
            <li key={state}>
              <Sign state={state} />
              <span>{text}</span>
            </li>
          ))}
        </ul>
      </section>
      <section>
        <h3>{trans.__('Keys')}</h3>
        <dl>
          {[
            ...keys,
            { label: trans.__('In the graph: move, open the cell'), keys: '↑ ↓ Enter' },
            { label: trans.__('In the graph: larger, smaller, fit'), keys: '+ − 0' }
          ].map(({ label, keys: shown }) => (
            <div key={label}>
              <dt>{label}</dt>
              <dd>
                <kbd>{shown}</kbd>
              </dd>
            </div>
          ))}
        </dl>
      </section>
      <Pages manual={manual} />
    </>
  );
}

function Pages({ manual }: { readonly manual: Manual }): JSX.Element {
  const trans = useTrans();
  const pages: readonly (readonly [string, string])[] = [
    ['lab', trans.__('This panel')],
    ['tagging', trans.__('Stages and findings')],
    ['running', trans.__('Runs')],
    ['serving', trans.__('Services')]
  ];
  return (
    <section>
      <h3>{trans.__('Read more')}</h3>
      <ul className="jp-nb2prod-Review-list">
        {pages.map(([page, text]) => (
          <li key={page}>
            <a href={manual(page)} target="_blank" rel="noreferrer">
              {text}
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}
