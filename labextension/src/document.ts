/**
 * Document: an open notebook seen through its shared model, so that edits reach every collaborator.
 */
import type { NotebookPanel } from '@jupyterlab/notebook';
import { NotebookActions } from '@jupyterlab/notebook';
import type { Contents } from '@jupyterlab/services';
import type { PartialJSONObject } from '@lumino/coreutils';
import { Signal } from '@lumino/signaling';
import type { ISignal } from '@lumino/signaling';
import type { OptionValue } from './stage';
import { applyEdits, setOption } from './tagging';
import type { IEdit, IPlace } from './finding';
import type { INotebookDocument, IStage } from './tokens';

export class NotebookDocument implements INotebookDocument {
  constructor(
    private readonly _panel: NotebookPanel,
    private readonly _contents: Contents.IManager
  ) {
    _panel.model?.contentChanged.connect(this._onChanged, this);
  }

  get path(): string {
    return this._contents.localPath(this._panel.context.path);
  }

  get name(): string {
    return this.path.slice(this.path.lastIndexOf('/') + 1);
  }

  get changed(): ISignal<INotebookDocument, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  content(): PartialJSONObject {
    const model = this._panel.model;
    const cells = [...(model?.cells ?? [])].map(cell => ({
      id: cell.id,
      cell_type: cell.type,
      source: cell.sharedModel.getSource(),
      metadata: { ...cell.metadata },
      ...(cell.type === 'code' ? { outputs: [], execution_count: null } : {})
    }));
    return {
      nbformat: 4,
      nbformat_minor: 5,
      metadata: { ...model?.metadata },
      cells
    } as PartialJSONObject;
  }

  async save(): Promise<boolean> {
    if (!this._panel.model?.dirty) {
      return true;
    }
    try {
      await this._panel.context.save();
    } catch {
      return false; // the context has shown its dialog
    }
    return true;
  }

  async reveal(place: IPlace): Promise<void> {
    const notebook = this._panel.content;
    const byId = notebook.widgets.findIndex(({ model }) => model.id === place.cell_id);
    const index = byId >= 0 ? byId : (place.cell ?? -1);
    if (index < 0 || index >= notebook.widgets.length) {
      return;
    }
    notebook.deselectAll();
    notebook.activeCellIndex = index;
    await notebook.scrollToItem(index, 'smart');
    await NotebookActions.focusActiveCell(notebook, {
      waitUntilReady: true,
      preventScroll: true
    });
  }

  apply(edits: readonly IEdit[]): void {
    if (this._panel.model) {
      applyEdits(this._panel.model, edits);
    }
  }

  setOption(stage: Pick<IStage, 'cell_ids'>, option: string, value: OptionValue | null): void {
    const model = this._panel.model;
    if (model) {
      const cells = [...model.cells].filter(({ id }) => stage.cell_ids.includes(id));
      setOption(model, cells, option, value);
    }
  }

  dispose(): void {
    this._isDisposed = true;
    Signal.clearData(this);
  }

  private _onChanged(): void {
    this._changed.emit();
  }

  private _isDisposed = false;
  private readonly _changed = new Signal<INotebookDocument, void>(this);
}
