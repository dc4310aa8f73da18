/**
 * Promotion: how a release shall be deployed, and whether a step shall be taken back, asked before it is done.
 */
import { Dialog, ReactWidget, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { useState } from 'react';
import type { JSX } from 'react';
import type { IDeployment, IPromotion } from '../deployment';
import { Trans, useTrans } from './context';

type Kind = 'all' | 'canary' | 'shadow';

/** What is chosen: the share is in percent. */
interface IChoice {
  readonly kind: Kind;
  readonly share: number;
  readonly note: string;
}

const FIRST: IChoice = { kind: 'all', share: 10, note: '' };

/** A form in a dialog, whose value is read when the dialog is accepted. */
class Form extends ReactWidget implements Dialog.IBodyWidget<IChoice> {
  constructor(
    private readonly _trans: TranslationBundle,
    private readonly _draw: (onChange: (choice: IChoice) => void) => JSX.Element
  ) {
    super();
    this.addClass('jp-nb2prod-Review');
  }

  getValue(): IChoice {
    return this._choice;
  }

  protected override render(): JSX.Element {
    const onChange = (choice: IChoice): void => {
      this._choice = choice;
    };
    return <Trans.Provider value={this._trans}>{this._draw(onChange)}</Trans.Provider>;
  }

  private _choice = FIRST;
}

async function ask(title: string, body: Form, label: string, caution: boolean): Promise<IChoice | null> {
  const accept = caution ? Dialog.warnButton({ label }) : Dialog.okButton({ label });
  const answer = await showDialog({ title, body, buttons: [Dialog.cancelButton(), accept], defaultButton: 1 });
  return answer.button.accept ? answer.value : null;
}

/** Ask how a release shall be deployed; null when it shall not. */
export async function askPromotion(
  trans: TranslationBundle,
  release: string,
  deployment: IDeployment | null
): Promise<IPromotion | null> {
  const live = deployment?.live ?? null;
  const body = new Form(trans, onChange => <Promotion release={release} live={live} onChange={onChange} />);
  const choice = await ask(trans.__('Promote a release'), body, trans.__('Promote'), false);
  if (choice === null) {
    return null;
  }
  const { kind, share, note } = choice;
  return { note, ...(kind === 'canary' && { canary: share / 100 }), ...(kind === 'shadow' && { shadow: true }) };
}

/** Ask whether the last step shall be taken back; the note says why, null that it shall not. */
export async function askRollback(
  trans: TranslationBundle,
  { canary, live, before }: IDeployment
): Promise<string | null> {
  const last = before[before.length - 1];
  const words = canary
    ? trans.__('The canary %1 is withdrawn; %2 answers all requests.', canary, live ?? '')
    : trans.__('%1 answers again, as it did before.', last);
  const body = new Form(trans, onChange => <Rollback words={words} onChange={onChange} />);
  return (await ask(trans.__('Roll back'), body, trans.__('Roll back'), true))?.note ?? null;
}

/** Ask whether nothing shall answer any more. */
export async function askRetire(trans: TranslationBundle, { url }: IDeployment): Promise<boolean> {
  const answer = await showDialog({
    title: trans.__('Stop the deployment'),
    body: trans.__('Nothing will answer at %1 until a release is promoted or rolled back to.', url ?? ''),
    buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: trans.__('Stop') })]
  });
  return answer.button.accept;
}

interface IPromotionProps {
  readonly release: string;
  readonly live: string | null;
  readonly onChange: (choice: IChoice) => void;
}

function Promotion({ release, live, onChange }: IPromotionProps): JSX.Element {
  const trans = useTrans();
  const { choice, choose } = useChoice(onChange);
  const alone = live === null || live === release;
  const kinds: readonly (readonly [Kind, string])[] = [
    ['all', trans.__('All requests go to it')],
    ['canary', trans.__('Canary: it answers a share of them')],
    ['shadow', trans.__('Shadow: it gets copies, its answers are only compared')]
  ];
  return (
    <>
      <p>
        <code>{release}</code>
      </p>
      <p className="jp-nb2prod-Hint">
        {live === null
          ? trans.__('Nothing answers for this notebook yet.')
          : trans.__('%1 answers now; no request is lost in the change.', live)}
      </p>
      <fieldset className="jp-nb2prod-Kinds">
        <legend>{trans.__('Requests')}</legend>
        {kinds.map(([kind, word]) => (
          <label key={kind}>
            <input
              type="radio"
              name="nb2prod-kind"
              value={kind}
              checked={choice.kind === kind}
              disabled={alone && kind !== 'all'}
              onChange={() => choose({ kind })}
            />
            {word}
          </label>
        ))}
      </fieldset>
      {choice.kind === 'canary' && (
        <label className="jp-nb2prod-Share">
          {trans.__('Share in percent')}
          <input
            type="number"
            min={1}
            max={99}
            value={choice.share}
            onChange={({ target }) => choose({ share: Math.min(99, Math.max(1, Number(target.value))) })}
          />
        </label>
      )}
      <Note note={choice.note} onChange={note => choose({ note })} />
    </>
  );
}

function Rollback({ words, onChange }: { readonly words: string } & Pick<IPromotionProps, 'onChange'>): JSX.Element {
  const { choice, choose } = useChoice(onChange);
  return (
    <>
      <p>{words}</p>
      <Note note={choice.note} onChange={note => choose({ note })} />
    </>
  );
}

function useChoice(onChange: (choice: IChoice) => void) {
  const [choice, setChoice] = useState(FIRST);
  const choose = (changed: Partial<IChoice>): void => {
    const next = { ...choice, ...changed };
    setChoice(next);
    onChange(next);
  };
  return { choice, choose };
}

function Note({ note, onChange }: { readonly note: string; readonly onChange: (note: string) => void }): JSX.Element {
  const trans = useTrans();
  return (
    <label className="jp-nb2prod-Note">
      {trans.__('Why (for the history)')}
      <input type="text" value={note} onChange={({ target }) => onChange(target.value)} />
    </label>
  );
}
