import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, Notification } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { askStage } from '../cells/askStage';
import { CommandIDs, PANEL } from '../commands';
import { asked } from '../focus';
import { shipIcon } from '../icons';
import type { IRunView } from '../journal';
import type { PipelineModel } from '../model';
import { askReview } from '../panel/Review';
import { IPipelines } from '../pipelines';
import { stageOf } from '../stage';
import type { IRequires } from '../finding';
import { setStage, tagged } from '../tagging';
import { runWord } from '../words';

const NO_ARGUMENTS = { args: { type: 'object', properties: {} } } as const;

/** The verbs as commands, for the toolbar, the menus, the palette and the keyboard. */
export const commands: JupyterFrontEndPlugin<void> = {
  id: 'nb2prod:commands',
  description: 'Adds the commands Ship, Run pipeline, Cancel and Set stage.',
  autoStart: true,
  requires: [INotebookTracker, IPipelines],
  optional: [ITranslator, ICommandPalette, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    tracker: INotebookTracker,
    pipelines: IPipelines,
    translator: ITranslator | null,
    palette: ICommandPalette | null,
    registry: ISettingRegistry | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('nb2prod');
    let settings: ISettingRegistry.ISettings | null = null;
    void registry?.load(commands.id).then(loaded => {
      settings = loaded;
    });
    addVerbs(app, pipelines, trans, () => settings?.get('reviewBeforeShip').composite !== false);
    addSetStage(app, tracker, pipelines, trans);
    const refresh = (): void => app.commands.notifyCommandChanged();
    const announce = (model: PipelineModel, view: IRunView): void => {
      if (model !== pipelines.current || !isPanelVisible(app)) {
        tell(app, trans, view);
      }
    };
    pipelines.currentChanged.connect(refresh);
    pipelines.opened.connect((_: IPipelines, panel: NotebookPanel) => {
      const model = pipelines.of(panel);
      model?.changed.connect(refresh);
      model?.finished.connect(announce);
      model?.required.connect((_: PipelineModel, added: IRequires) => tellRequired(app, trans, added));
    });
    const category = trans.__('Pipeline');
    for (const command of [
      CommandIDs.ship,
      CommandIDs.run,
      CommandIDs.cancel,
      CommandIDs.setStage,
      CommandIDs.suggest
    ]) {
      palette?.addItem({ command, category });
    }
  }
};

function addVerbs(app: JupyterFrontEnd, pipelines: IPipelines, trans: TranslationBundle, asks: () => boolean): void {
  const { commands } = app;
  const show = async (): Promise<void> => {
    if (commands.hasCommand(CommandIDs.showPanel)) {
      await commands.execute(CommandIDs.showPanel);
    }
  };
  const free = (): boolean => pipelines.current !== null && pipelines.current.asking.pending === null;
  commands.addCommand(CommandIDs.ship, {
    label: trans.__('Ship'),
    caption: trans.__('Save, run, package and rehearse this notebook, then start it as a service'),
    icon: shipIcon,
    describedBy: NO_ARGUMENTS,
    isEnabled: free,
    execute: async () => {
      const model = pipelines.current;
      if (model && (!asks() || (await asked(app.shell, isReviewed(model, trans))))) {
        await show();
        await model.start('ship');
      } else {
        await show();
      }
    }
  });
  commands.addCommand(CommandIDs.run, {
    label: trans.__('Run Pipeline'),
    caption: trans.__('Save this notebook and run the stages that are not kept'),
    describedBy: NO_ARGUMENTS,
    isEnabled: free,
    execute: async () => {
      await show();
      await pipelines.current?.start('run');
    }
  });
  commands.addCommand(CommandIDs.suggest, {
    label: trans.__('Suggest Stages'),
    caption: trans.__('Show stages that this notebook seems to have'),
    describedBy: NO_ARGUMENTS,
    isEnabled: () => pipelines.current !== null,
    execute: async () => {
      await show();
      await pipelines.current?.suggest();
    }
  });
  commands.addCommand(CommandIDs.cancel, {
    label: trans.__('Cancel Run or Ship'),
    caption: trans.__('Stop what is under way'),
    describedBy: NO_ARGUMENTS,
    isEnabled: () => pipelines.current?.run?.state === 'running',
    execute: async () => {
      const model = pipelines.current;
      if (model?.run) {
        await model.runs.cancel(model.run.run);
      }
    }
  });
}

/** Show what a ship would do; when that cannot be said, the panel shows why. */
async function isReviewed(model: PipelineModel, trans: TranslationBundle): Promise<boolean> {
  const review = await model.review();
  const warnings = model.findings.filter(({ severity }) => severity === 'warning');
  return review !== null && askReview(trans, model.document.name, { review, warnings, typed: model.typed });
}

function addSetStage(
  app: JupyterFrontEnd,
  tracker: INotebookTracker,
  pipelines: IPipelines,
  trans: TranslationBundle
): void {
  const chosen = () => {
    const notebook = tracker.currentWidget?.content;
    return (notebook?.widgets ?? []).filter(cell => cell.model.type === 'code' && notebook?.isSelectedOrActive(cell));
  };
  app.commands.addCommand(CommandIDs.setStage, {
    label: trans.__('Set Stage …'),
    caption: trans.__('Name the stage that the selected cells belong to'),
    describedBy: {
      args: {
        type: 'object',
        properties: {
          stage: {
            type: 'string',
            description: trans.__('The name; empty takes the stage away; absent asks for it')
          }
        }
      }
    },
    isEnabled: () => chosen().length > 0,
    execute: async args => {
      const notebook = tracker.currentWidget?.model;
      const cells = chosen().map(({ model }) => model);
      if (!notebook || !cells.length) {
        return;
      }
      const given = args['stage'];
      const names = (pipelines.current?.graph?.stages ?? []).map(({ name }) => name);
      const now = stageOf(tagged(cells[0]));
      const name =
        typeof given === 'string' ? given || null : await asked(app.shell, askStage(trans, cells.length, names, now));
      if (name !== undefined) {
        setStage(notebook, cells, name);
      }
    }
  });
}

function isPanelVisible(app: JupyterFrontEnd): boolean {
  return [...app.shell.widgets('right')].some(({ id, isVisible }) => id === PANEL && isVisible);
}

function tell(app: JupyterFrontEnd, trans: TranslationBundle, view: IRunView): void {
  const text = runWord(trans, view.verb, view.state);
  const actions = app.commands.hasCommand(CommandIDs.showPanel)
    ? [
        {
          label: trans.__('Show'),
          callback: () => void app.commands.execute(CommandIDs.showPanel)
        }
      ]
    : [];
  if (view.state === 'done') {
    Notification.success(text, { autoClose: 4000, actions });
  } else {
    const message = view.faults[0]?.message;
    Notification.error(message ? trans.__('%1: %2', text, message) : text, {
      autoClose: 8000,
      actions
    });
  }
}

/** Say what was written into a file that is not on the screen, and lead to it. */
function tellRequired(app: JupyterFrontEnd, trans: TranslationBundle, { file, requirement }: IRequires): void {
  const open = {
    label: trans.__('Open'),
    callback: () => void app.commands.execute('docmanager:open', { path: file })
  };
  Notification.success(trans.__('Added %1 to %2', requirement, file), { actions: [open], autoClose: 6000 });
}
