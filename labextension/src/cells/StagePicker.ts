/**
 * StagePicker: the stage of the active cell, typed or chosen in its toolbar.
 */
import type { Cell } from '@jupyterlab/cells';
import type { INotebookModel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Message } from '@lumino/messaging';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import type { PipelineModel } from '../model';
import { stageOf } from '../stage';
import { setStage, tagged } from '../tagging';
import { StageInput } from './StageInput';

export interface IStagePickerOptions {
  readonly cell: Cell;
  readonly notebook: INotebookModel;
  readonly model: PipelineModel;
  readonly trans: TranslationBundle;
}

export class StagePicker extends Widget {
  constructor(private readonly _options: IStagePickerOptions) {
    super();
    const { cell, model, trans } = _options;
    this.addClass('jp-nb2prod-Picker');
    this._field = new StageInput(trans, trans.__('Stage of this cell'));
    this.node.append(this._field.node);
    cell.model.contentChanged.connect(this._fill, this);
    cell.model.metadataChanged.connect(this._fill, this);
    model.changed.connect(this._fill, this);
    this._fill();
  }

  handleEvent(event: Event): void {
    const { input } = this._field;
    if (event.type === 'focus') {
      input.select();
    } else if (event.type === 'change') {
      this._take();
    } else if (event instanceof KeyboardEvent && event.key === 'Escape') {
      event.stopPropagation();
      this._fill();
      this._leave();
    } else if (event instanceof KeyboardEvent && event.key === 'Enter') {
      event.stopPropagation();
      event.preventDefault();
      this._take();
      this._leave();
    } else {
      event.stopPropagation(); // keys and clicks are the field's, not the notebook's
    }
  }

  override dispose(): void {
    Signal.clearData(this);
    super.dispose();
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    EVENTS.forEach(name => this._field.input.addEventListener(name, this));
  }

  protected override onBeforeDetach(message: Message): void {
    EVENTS.forEach(name => this._field.input.removeEventListener(name, this));
    super.onBeforeDetach(message);
  }

  private _take(): void {
    const { cell, notebook } = this._options;
    const { name, input } = this._field;
    if (name === undefined) {
      input.reportValidity();
    } else if (name !== stageOf(tagged(cell.model))) {
      setStage(notebook, [cell.model], name);
    }
  }

  /** Give the keys back to the notebook, in command mode. */
  private _leave(): void {
    this._field.input.blur();
    this._options.cell.node.closest<HTMLElement>('.jp-Notebook')?.focus();
  }

  private _fill(): void {
    const { cell, model, trans } = this._options;
    if (cell.isDisposed) {
      return;
    }
    const stages = model.graph?.stages ?? [];
    const within = stages.find(({ cell_ids }) => cell_ids.includes(cell.model.id))?.name;
    const { input } = this._field;
    this._field.offer(stages.map(({ name }) => name));
    input.placeholder = within ? trans.__('in %1', within) : trans.__('stage …');
    if (document.activeElement !== input) {
      input.value = stageOf(tagged(cell.model)) ?? '';
    }
  }

  private readonly _field: StageInput;
}

const EVENTS = ['change', 'focus', 'keydown', 'mousedown'] as const;
