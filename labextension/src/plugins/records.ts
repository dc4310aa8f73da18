import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { PathExt } from '@jupyterlab/coreutils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import type { TranslationBundle } from '@jupyterlab/translation';
import { CommandIDs } from '../commands';
import { comparisonTab } from '../panel/Comparison';
import { asked } from '../focus';
import { showHelp } from '../panel/Help';
import { IPipelines } from '../pipelines';

/** What runs have left, opened in tabs of their own, and the help. */
export const records: JupyterFrontEndPlugin<void> = {
  id: 'nb2prod:records',
  description: 'Opens the executed notebook of a run, compares two runs, and explains the panel.',
  autoStart: true,
  requires: [IPipelines],
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, pipelines: IPipelines, translator: ITranslator | null): void => {
    const trans = (translator ?? nullTranslator).load('nb2prod');
    const { commands, serviceManager, shell } = app;
    commands.addCommand(CommandIDs.openExecuted, {
      label: trans.__('Open Executed Notebook'),
      caption: trans.__('Open a copy of the notebook as a run left it, with its outputs'),
      describedBy: { args: { type: 'object', properties: { run: { type: 'string' } }, required: ['run'] } },
      isVisible: () => false,
      execute: async args => {
        const model = pipelines.current;
        if (!model) {
          return;
        }
        const { path } = model.document;
        const run = String(args['run']);
        const copy = PathExt.join(PathExt.dirname(path), `${PathExt.basename(path, '.ipynb')}.${run}.ipynb`);
        const content = await model.service.executed(path, run);
        await serviceManager.contents.save(copy, { type: 'notebook', format: 'json', content });
        await commands.execute('docmanager:open', { path: copy });
      }
    });
    commands.addCommand(CommandIDs.compare, {
      label: trans.__('Compare Runs'),
      caption: trans.__('Show what differs between two runs'),
      describedBy: {
        args: {
          type: 'object',
          properties: { path: { type: 'string' }, one: { type: 'string' }, other: { type: 'string' } },
          required: ['path', 'one', 'other']
        }
      },
      isVisible: () => false,
      execute: async args => {
        const model = pipelines.current;
        const [path, one, other] = [args['path'], args['one'], args['other']].map(String);
        await model?.asking.ask(null, async () => {
          const tab = comparisonTab(trans, await model.service.compare(path, one, other));
          shell.add(tab, 'main');
          shell.activateById(tab.id);
        });
      }
    });
    addHelp(app, pipelines, trans);
  }
};

function addHelp(app: JupyterFrontEnd, pipelines: IPipelines, trans: TranslationBundle): void {
  const { commands } = app;
  commands.addCommand(CommandIDs.help, {
    label: trans.__('About Pipelines'),
    caption: trans.__('What the panel shows, and the keys'),
    describedBy: { args: { type: 'object', properties: {} } },
    execute: () =>
      asked(
        app.shell,
        showHelp(
          trans,
          [CommandIDs.setStage, CommandIDs.ship, CommandIDs.run, CommandIDs.showPanel].map(command => ({
            label: commands.label(command),
            keys: commands.keyBindings
              .filter(binding => binding.command === command)
              .map(({ keys }) => keys.join(' '))
              .join(', ')
          })),
          page => pipelines.manualUrl(page)
        )
      )
  });
}
