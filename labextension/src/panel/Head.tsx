/**
 * Head: the notebook's name, the verbs, and how the run that is looked at stands.
 */
import type { JSX } from 'react';
import { CommandIDs } from '../commands';
import type { IRunView } from '../journal';
import type { PipelineModel } from '../model';
import { duration, runWord, stepWord } from '../words';
import { useCommands, useTrans } from './context';

export function Head({ model }: { readonly model: PipelineModel }): JSX.Element {
  const trans = useTrans();
  const execute = useCommands();
  const { run } = model;
  const waits = model.asking.pending !== null;
  return (
    <div className="jp-nb2prod-Head">
      <h2 title={model.document.path}>{model.document.name}</h2>
      <div className="jp-nb2prod-Head-buttons">
        <button
          className="jp-nb2prod-Button jp-mod-ship"
          title={trans.__('Save, run, package and rehearse this notebook, then start it as a service')}
          disabled={waits}
          onClick={() => execute(CommandIDs.ship)}
        >
          {trans.__('Ship')}
        </button>
        <button
          className="jp-nb2prod-Button"
          title={trans.__('Save this notebook and run the stages that are not kept')}
          disabled={waits}
          onClick={() => execute(CommandIDs.run)}
        >
          {trans.__('Run')}
        </button>
        {run?.state === 'running' && (
          <button
            className="jp-nb2prod-Button"
            title={trans.__('Stop what is under way')}
            onClick={() => void model.runs.cancel(run.run)}
          >
            {trans.__('Cancel')}
          </button>
        )}
        <button
          className="jp-nb2prod-Button"
          aria-label={trans.__('Help')}
          title={trans.__('What the panel shows, and the keys (?)')}
          onClick={() => execute(CommandIDs.help)}
        >
          ?
        </button>
      </div>
      <Status model={model} />
      {run && <Records model={model} run={run} />}
    </div>
  );
}

function Status({ model }: { readonly model: PipelineModel }): JSX.Element {
  const trans = useTrans();
  const { run } = model;
  const { pending } = model.asking;
  const saving = pending === 'run' || pending === 'ship';
  return (
    <p className="jp-nb2prod-Status" role="status" data-state={saving ? 'running' : run?.state} data-verb={run?.verb}>
      {saving && trans.__('Saving and starting …')}
      {!saving && run && outcome(run)}
      {!saving && run?.state === 'running' && <span> {underWay(run)}</span>}
    </p>
  );

  function outcome(view: IRunView): string {
    const word = runWord(trans, view.verb, view.state);
    return view.state === 'done' && view.seconds !== null
      ? trans.__('%1 in %2', word, duration(trans, view.seconds))
      : word;
  }

  function underWay(view: IRunView): string {
    const step = Object.entries(view.steps).find(([, { state }]) => state === 'running')?.[0];
    const stage = Object.entries(view.stages).find(([, { state }]) => state === 'running')?.[0];
    if (stage) {
      const found = model.graph?.stages.find(({ name }) => name === stage);
      const cell = view.cell === null ? undefined : found?.cells[found.cell_ids.indexOf(view.cell)];
      return cell === undefined ? stage : trans.__('%1, cell %2', stage, cell + 1);
    }
    return step ? stepWord(trans, step) : '';
  }
}

/** What the run left, each a click away. */
function Records({ model, run }: { readonly model: PipelineModel; readonly run: IRunView }): JSX.Element {
  const trans = useTrans();
  const execute = useCommands();
  const { path } = model.document;
  const url = (record: 'report' | 'log'): string => model.service.recordUrl(path, run.run, record);
  const over = run.state === 'done' || run.state === 'failed';
  return (
    <p className="jp-nb2prod-Records">
      {over && (
        <a href={url('report')} target="_blank" rel="noreferrer">
          {trans.__('Report')}
        </a>
      )}
      {over && (
        <button
          className="jp-nb2prod-Link"
          title={trans.__('Open a copy of the notebook as this run left it, with its outputs')}
          onClick={() => execute(CommandIDs.openExecuted, { run: run.run })}
        >
          {trans.__('Executed notebook')}
        </button>
      )}
      <a href={url('log')} target="_blank" rel="noreferrer">
        {trans.__('Log')}
      </a>
    </p>
  );
}
