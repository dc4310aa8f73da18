/**
 * Pipelines: the model of each open notebook, and which one the user looks at.
 */
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { Contents } from '@jupyterlab/services';
import { Token } from '@lumino/coreutils';
import { Signal } from '@lumino/signaling';
import type { ISignal } from '@lumino/signaling';
import { NotebookDocument } from './document';
import { PipelineModel } from './model';
import type { IPipelineService } from './tokens';

/** The pipelines of the open notebooks. */
export interface IPipelines {
  /** The pipeline of the notebook that has, or last had, the focus. */
  readonly current: PipelineModel | null;
  readonly currentChanged: ISignal<IPipelines, void>;
  /** Emitted when a notebook is opened, once its cells are there. */
  readonly opened: ISignal<IPipelines, NotebookPanel>;
  of(panel: NotebookPanel): PipelineModel | null;
  /** Where a browser finds a page of the documentation. */
  manualUrl(page: string): string;
}

export const IPipelines = new Token<IPipelines>('nb2prod:IPipelines', 'The pipelines of the open notebooks.');

export class Pipelines implements IPipelines {
  constructor(
    private readonly _tracker: INotebookTracker,
    private readonly _service: IPipelineService,
    private readonly _contents: Contents.IManager
  ) {
    _tracker.forEach(panel => this._onAdded(_tracker, panel));
    _tracker.widgetAdded.connect(this._onAdded, this);
    _tracker.currentChanged.connect(this._onCurrent, this);
    _contents.fileChanged.connect(this._onFile, this);
  }

  get current(): PipelineModel | null {
    const panel = this._tracker.currentWidget;
    return panel && this.of(panel);
  }

  get currentChanged(): ISignal<IPipelines, void> {
    return this._currentChanged;
  }

  get opened(): ISignal<IPipelines, NotebookPanel> {
    return this._opened;
  }

  of(panel: NotebookPanel): PipelineModel | null {
    return this._models.get(panel) ?? null;
  }

  manualUrl(page: string): string {
    return this._service.manualUrl(page);
  }

  private _onAdded(_: INotebookTracker, panel: NotebookPanel): void {
    void panel.context.ready.then(() => {
      if (panel.isDisposed) {
        return;
      }
      this._models.set(panel, new PipelineModel(new NotebookDocument(panel, this._contents), this._service));
      panel.disposed.connect(this._onDisposed, this);
      this._opened.emit(panel);
      this._currentChanged.emit();
    });
  }

  /** A list of requirements that was edited beside the notebooks changes what is to be said of them. */
  private _onFile(_: Contents.IManager, { type, newValue }: Contents.IChangedArgs): void {
    const file = newValue?.path?.split('/').pop() ?? '';
    if (type === 'save' && /^(requirements.*\.(txt|in)|pyproject\.toml)$/.test(file)) {
      this._models.forEach(model => void model.look());
    }
  }

  private _onDisposed(panel: NotebookPanel): void {
    this._models.get(panel)?.dispose();
    this._models.delete(panel);
  }

  private _onCurrent(): void {
    this._currentChanged.emit();
  }

  private readonly _models = new Map<NotebookPanel, PipelineModel>();
  private readonly _currentChanged = new Signal<IPipelines, void>(this);
  private readonly _opened = new Signal<IPipelines, NotebookPanel>(this);
}
