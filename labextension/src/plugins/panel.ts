import { ILayoutRestorer } from '@jupyterlab/application';
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { CommandIDs, PANEL } from '../commands';
import { pipelineIcon } from '../icons';
import { PipelinePanel } from '../panel/PipelinePanel';
import { IPipelines } from '../pipelines';

/** The side panel; everything else works without it. */
export const panel: JupyterFrontEndPlugin<void> = {
  id: 'nb2prod:panel',
  description: 'Adds the side panel with the graph, the progress, the release and the findings.',
  autoStart: true,
  requires: [IPipelines],
  optional: [ITranslator, ILayoutRestorer, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    pipelines: IPipelines,
    translator: ITranslator | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('nb2prod');
    const widget = new PipelinePanel(pipelines, trans, (command, args) => {
      if (app.commands.hasCommand(command)) {
        void app.commands.execute(command, args);
      }
    });
    widget.id = PANEL;
    widget.title.icon = pipelineIcon;
    widget.title.caption = trans.__('Pipeline');
    app.shell.add(widget, 'right', { rank: 650, type: 'Pipeline' });
    restorer?.add(widget, widget.id);
    app.commands.addCommand(CommandIDs.showPanel, {
      label: trans.__('Show Pipeline'),
      caption: trans.__('Show the pipeline of this notebook in the side panel'),
      icon: pipelineIcon,
      describedBy: { args: { type: 'object', properties: {} } },
      execute: async () => {
        // A layout that is restored later would hide the panel again.
        await app.restored;
        app.shell.activateById(widget.id);
      }
    });
    palette?.addItem({
      command: CommandIDs.showPanel,
      category: trans.__('Pipeline')
    });
  }
};
