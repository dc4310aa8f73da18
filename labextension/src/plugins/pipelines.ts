import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IPipelines, Pipelines } from '../pipelines';
import { PipelineService } from '../service';

/** Gives every open notebook its pipeline. */
export const pipelines: JupyterFrontEndPlugin<IPipelines> = {
  id: 'nb2prod:pipelines',
  description: 'Knows the pipeline, the runs and the release of each open notebook.',
  autoStart: true,
  requires: [INotebookTracker],
  provides: IPipelines,
  activate: (app: JupyterFrontEnd, tracker: INotebookTracker): IPipelines => {
    const { serverSettings, contents } = app.serviceManager;
    return new Pipelines(tracker, new PipelineService(serverSettings), contents);
  }
};
