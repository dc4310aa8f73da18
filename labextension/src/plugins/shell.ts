import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ILauncher } from '@jupyterlab/launcher';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { CommandIDs } from '../commands';
import { pipelineIcon } from '../icons';
import { IPipelines } from '../pipelines';
import { PipelineStatus } from '../status';

/** What a new notebook begins with: the smallest pipeline. */
const CELLS = [
  '%load_ext nb2prod',
  '%%stage load\nrows = [1, 2, 3]',
  '%%stage train\nmean = sum(rows) / len(rows)\nmean'
];

/** What stands around the notebook: a card in the launcher and an item in the status bar. */
export const shell: JupyterFrontEndPlugin<void> = {
  id: 'nb2prod:shell',
  description: 'Adds a card to the launcher and an item to the status bar.',
  autoStart: true,
  requires: [IPipelines],
  optional: [ITranslator, ILauncher, IStatusBar],
  activate: (
    app: JupyterFrontEnd,
    pipelines: IPipelines,
    translator: ITranslator | null,
    launcher: ILauncher | null,
    bar: IStatusBar | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('nb2prod');
    const { commands, serviceManager } = app;
    commands.addCommand(CommandIDs.create, {
      label: args => (args['isLauncher'] ? trans.__('Pipeline Notebook') : trans.__('New Pipeline Notebook')),
      caption: trans.__('Make a notebook that has stages already'),
      icon: pipelineIcon,
      describedBy: { args: { type: 'object', properties: { cwd: { type: 'string' } } } },
      execute: async args => {
        const made = await serviceManager.contents.newUntitled({ path: String(args['cwd'] ?? ''), type: 'notebook' });
        const content = { nbformat: 4, nbformat_minor: 5, metadata: KERNEL, cells: CELLS.map(cellOf) };
        await serviceManager.contents.save(made.path, { type: 'notebook', format: 'json', content });
        await commands.execute('docmanager:open', { path: made.path });
        if (commands.hasCommand(CommandIDs.showPanel)) {
          await commands.execute(CommandIDs.showPanel);
        }
      }
    });
    launcher?.add({
      command: CommandIDs.create,
      category: trans.__('Notebook'),
      rank: 10,
      args: { isLauncher: true }
    });
    bar?.registerStatusItem(shell.id, {
      item: new PipelineStatus(pipelines, trans, () => void commands.execute(CommandIDs.showPanel)),
      align: 'left',
      rank: 5,
      isActive: () => pipelines.current !== null,
      activeStateChanged: pipelines.currentChanged
    });
  }
};

const KERNEL = { kernelspec: { name: 'python3', display_name: 'Python 3', language: 'python' } };

function cellOf(source: string, index: number): object {
  return { cell_type: 'code', id: `nb2prod-${index}`, metadata: {}, outputs: [], execution_count: null, source };
}
