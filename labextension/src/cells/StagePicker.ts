/**
 * StagePicker: the stage of the active cell, chosen in its toolbar.
 */
import type { Cell } from '@jupyterlab/cells';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Message } from '@lumino/messaging';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import { setStage, tagged } from '../document';
import type { PipelineModel } from '../model';
import { stageOf } from '../stage';

const NEW = '+';

export interface IStagePickerOptions {
  readonly cell: Cell;
  readonly model: PipelineModel;
  readonly trans: TranslationBundle;
  /** Ask for a name that no stage has yet. */
  readonly onNew: () => void;
}

export class StagePicker extends Widget {
  constructor(private readonly _options: IStagePickerOptions) {
    super();
    const { cell, model, trans } = _options;
    this.addClass('jp-nb2prod-Picker');
    this._select.setAttribute('aria-label', trans.__('Stage of this cell'));
    this._select.title = trans.__('The stage that this cell belongs to');
    this.node.append(this._select);
    cell.model.contentChanged.connect(this._fill, this);
    cell.model.metadataChanged.connect(this._fill, this);
    model.changed.connect(this._fill, this);
    this._fill();
  }

  handleEvent(event: Event): void {
    if (event.type === 'change') {
      this._onChoice(this._select.value);
    } else {
      event.stopPropagation(); // keys and clicks are the list's, not the notebook's
    }
  }

  override dispose(): void {
    Signal.clearData(this);
    super.dispose();
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    EVENTS.forEach(name => this._select.addEventListener(name, this));
  }

  protected override onBeforeDetach(message: Message): void {
    EVENTS.forEach(name => this._select.removeEventListener(name, this));
    super.onBeforeDetach(message);
  }

  private _onChoice(value: string): void {
    const { cell, onNew } = this._options;
    if (value === NEW) {
      this._fill();
      onNew();
    } else {
      setStage(cell.model, value || null);
    }
  }

  private _fill(): void {
    const { cell, model, trans } = this._options;
    if (cell.isDisposed) {
      return;
    }
    const own = stageOf(tagged(cell.model));
    const stages = model.graph?.stages ?? [];
    const within = stages.find(({ cell_ids }) => cell_ids.includes(cell.model.id))?.name;
    const names = new Set([...stages.map(({ name }) => name), ...(own ? [own] : [])]);
    const none = own === null && within ? trans.__('in %1', within) : trans.__('No stage');
    const options = [
      option('', none),
      ...[...names].map(name => option(name, name)),
      option(NEW, trans.__('New stage …'))
    ];
    this._select.replaceChildren(...options);
    this._select.value = own ?? '';
  }

  private readonly _select = document.createElement('select');
}

const EVENTS = ['change', 'keydown', 'mousedown'] as const;

function option(value: string, text: string): HTMLOptionElement {
  return new Option(text, value);
}
