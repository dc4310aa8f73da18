/**
 * AskStage: the dialog that names the stage of the selected cells.
 */
import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';
import { StageInput } from './StageInput';

class StageForm extends Widget implements Dialog.IBodyWidget<string | null | undefined> {
  constructor(trans: TranslationBundle, names: readonly string[], now: string | null) {
    super();
    this._field = new StageInput(trans, trans.__('Name of the stage'));
    this._field.offer(names);
    this._field.input.value = now ?? '';
    this._field.input.addEventListener('focus', () => this._field.input.select());
    const hint = document.createElement('p');
    hint.className = 'jp-nb2prod-Hint';
    hint.textContent = trans.__('Small letters, digits and _; empty for no stage');
    this.addClass('jp-nb2prod-StageForm');
    this.node.append(this._field.node, hint);
  }

  getValue(): string | null | undefined {
    return this._field.name;
  }

  private readonly _field: StageInput;
}

/** A name, null for no stage, or undefined when the user thought better of it or named none that can be. */
export async function askStage(
  trans: TranslationBundle,
  count: number,
  names: readonly string[],
  now: string | null
): Promise<string | null | undefined> {
  const answer = await showDialog({
    title: trans._n('Stage of this cell', 'Stage of %1 cells', count),
    body: new StageForm(trans, names, now),
    buttons: [Dialog.cancelButton(), Dialog.okButton({ label: trans.__('Set stage') })],
    focusNodeSelector: 'input'
  });
  return answer.button.accept ? answer.value : undefined;
}
