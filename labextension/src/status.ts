/**
 * Status: the pipeline of the notebook in a few words, in the status bar.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import type { PipelineModel } from './model';
import type { IPipelines } from './pipelines';
import { runWord } from './words';

export class PipelineStatus extends Widget {
  constructor(
    private readonly _pipelines: IPipelines,
    private readonly _trans: TranslationBundle,
    onClick: () => void
  ) {
    super();
    this.addClass('jp-nb2prod-StatusItem');
    this._button.title = _trans.__('Show the pipeline');
    this._button.addEventListener('click', onClick);
    this.node.append(this._button);
    _pipelines.currentChanged.connect(this._onCurrent, this);
    this._onCurrent();
  }

  override dispose(): void {
    Signal.clearData(this);
    super.dispose();
  }

  private _onCurrent(): void {
    this._model?.changed.disconnect(this._draw, this);
    this._model = this._pipelines.current;
    this._model?.changed.connect(this._draw, this);
    this._draw();
  }

  private _draw(): void {
    const text = this._model && !this._model.isDisposed ? this._words(this._model) : '';
    this._button.textContent = text;
    this._button.hidden = text === '';
  }

  private _words(model: PipelineModel): string {
    const { run, graph } = model;
    if (run?.state === 'running') {
      return runWord(this._trans, run.verb, run.state);
    }
    if (!graph || !model.tagged) {
      return '';
    }
    const count = graph.stages.length;
    const toRun = graph.stages.filter(({ name }) => model.step(name)?.action === 'run').length;
    return toRun
      ? this._trans.__('%1 of %2 stages to run', toRun, count)
      : this._trans._n('%1 stage', '%1 stages', count);
  }

  private _model: PipelineModel | null = null;
  private readonly _button = document.createElement('button');
}
