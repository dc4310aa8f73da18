/**
 * PipelinePanel: the side panel of the notebook the user looks at.
 */
import { ReactWidget, UseSignal } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { JSX } from 'react';
import type { PipelineModel } from '../model';
import type { IPipelines } from '../pipelines';
import { Boundary } from './Boundary';
import { Pipeline } from './Pipeline';
import { Commands, Trans } from './context';
import type { Execute } from './context';

export class PipelinePanel extends ReactWidget {
  constructor(
    private readonly _pipelines: IPipelines,
    private readonly _trans: TranslationBundle,
    private readonly _execute: Execute
  ) {
    super();
    this.addClass('jp-nb2prod-Panel');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', _trans.__('Pipeline'));
  }

  protected override render(): JSX.Element {
    return (
      <Trans.Provider value={this._trans}>
        <Commands.Provider value={this._execute}>
          <Boundary>
            <UseSignal signal={this._pipelines.currentChanged}>
              {() => this._current(this._pipelines.current)}
            </UseSignal>
          </Boundary>
        </Commands.Provider>
      </Trans.Provider>
    );
  }

  private _current(model: PipelineModel | null): JSX.Element {
    if (!model) {
      return <p className="jp-nb2prod-Hint">{this._trans.__('Open a notebook to see its pipeline.')}</p>;
    }
    return (
      <UseSignal key={model.document.path} signal={model.changed}>
        {() => <Pipeline model={model} />}
      </UseSignal>
    );
  }
}
