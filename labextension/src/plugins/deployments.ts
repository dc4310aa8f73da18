import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import type { TranslationBundle } from '@jupyterlab/translation';
import { CommandIDs } from '../commands';
import { asked } from '../focus';
import { askPromotion, askRetire, askRollback } from '../panel/Promotion';
import { IPipelines } from '../pipelines';

/** Releases put in each other's place. */
export const deployments: JupyterFrontEndPlugin<void> = {
  id: 'nb2prod:deployments',
  description: 'Promotes releases, takes promotions back, and stops what answers.',
  autoStart: true,
  requires: [IPipelines],
  optional: [ITranslator, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    pipelines: IPipelines,
    translator: ITranslator | null,
    palette: ICommandPalette | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('nb2prod');
    const { commands } = app;
    const free = (): boolean => pipelines.current?.asking.pending === null;
    commands.addCommand(CommandIDs.promote, {
      label: trans.__('Promote Release …'),
      caption: trans.__('Let requests go to a release: all, a share, or copies only'),
      describedBy: {
        args: {
          type: 'object',
          properties: {
            release: { type: 'string', description: trans.__('The release; absent: the one that is shown') }
          }
        }
      },
      isEnabled: () => free() && Boolean(pipelines.current?.releases.shown),
      execute: async args => {
        const model = pipelines.current;
        const release = args['release'] ?? model?.releases.shown?.release;
        const promotion =
          model && release
            ? await asked(app.shell, askPromotion(trans, String(release), model.deployments.current))
            : null;
        if (model && promotion) {
          await model.deployments.promote(String(release), promotion);
        }
      }
    });
    addBack(app, pipelines, trans);
    for (const command of [CommandIDs.promote, CommandIDs.rollback, CommandIDs.retire]) {
      palette?.addItem({ command, category: trans.__('Pipeline') });
    }
  }
};

/** The ways back. */
function addBack({ commands, shell }: JupyterFrontEnd, pipelines: IPipelines, trans: TranslationBundle): void {
  const free = (): boolean => pipelines.current?.asking.pending === null;
  const current = () => pipelines.current?.deployments.current ?? null;
  commands.addCommand(CommandIDs.rollback, {
    label: trans.__('Roll Back …'),
    caption: trans.__('Withdraw the canary, or go back to the release that was live before'),
    describedBy: { args: { type: 'object', properties: {} } },
    isEnabled: () => free() && pipelines.current?.deployments.canRollBack === true,
    execute: async () => {
      const model = pipelines.current;
      const deployment = current();
      const note = deployment && (await asked(shell, askRollback(trans, deployment)));
      if (model && note !== null) {
        await model.deployments.rollback(note);
      }
    }
  });
  commands.addCommand(CommandIDs.retire, {
    label: trans.__('Stop Deployment …'),
    caption: trans.__('Let nothing answer at the address of this notebook'),
    describedBy: { args: { type: 'object', properties: {} } },
    isEnabled: () => free() && Boolean(current()?.live),
    execute: async () => {
      const model = pipelines.current;
      const deployment = current();
      if (model && deployment && (await asked(shell, askRetire(trans, deployment)))) {
        await model.deployments.retire();
      }
    }
  });
}
