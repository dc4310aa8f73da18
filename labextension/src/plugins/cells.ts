import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IToolbarWidgetRegistry } from '@jupyterlab/apputils';
import type { Cell } from '@jupyterlab/cells';
import { INotebookTracker } from '@jupyterlab/notebook';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';
import { CellMarks } from '../cells/CellMarks';
import { StagePicker } from '../cells/StagePicker';
import { CommandIDs } from '../commands';
import { IPipelines } from '../pipelines';

/** Stages and errors where they belong: at the cells. */
export const cells: JupyterFrontEndPlugin<void> = {
  id: 'nb2prod:cells',
  description: 'Shows the stage of a cell, lets it be chosen, and marks errors at their cell.',
  autoStart: true,
  requires: [INotebookTracker, IPipelines],
  optional: [IToolbarWidgetRegistry, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    tracker: INotebookTracker,
    pipelines: IPipelines,
    toolbars: IToolbarWidgetRegistry | null,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('nb2prod');
    const askOf = (panel: NotebookPanel, cell: Cell): void => {
      panel.content.activeCellIndex = panel.content.widgets.indexOf(cell);
      panel.content.deselectAll();
      if (app.commands.hasCommand(CommandIDs.setStage)) {
        void app.commands.execute(CommandIDs.setStage);
      }
    };
    pipelines.opened.connect((_: IPipelines, panel: NotebookPanel) => {
      const model = pipelines.of(panel);
      if (model) {
        const marks = new CellMarks({
          panel,
          model,
          trans,
          onBadge: cell => askOf(panel, cell)
        });
        panel.disposed.connect(() => marks.dispose());
      }
    });
    toolbars?.addFactory<Cell>('Cell', 'nb2prod-stage', cell => {
      const panel = tracker.find(({ content }) => content.widgets.includes(cell));
      const model = panel && pipelines.of(panel);
      const notebook = panel?.model;
      const taggable = notebook && model && cell.model.type === 'code';
      return taggable ? new StagePicker({ cell, notebook, model, trans }) : new Widget();
    });
  }
};
