/**
 * Pipeline: one notebook's graph, progress, release and findings, and the buttons that act on it.
 */
import type { JSX, ReactNode } from 'react';
import type { IRunView } from '../journal';
import type { PipelineModel } from '../model';
import type { IPlace, IStage } from '../tokens';
import { duration, runWord, stepWord, troubleWords } from '../words';
import { Faults, Findings } from './Findings';
import { Graph } from './Graph';
import { OptionForm } from './OptionForm';
import { Release } from './Release';
import { StageDetail } from './StageDetail';
import { Steps } from './Steps';
import { useTrans } from './context';

export function Pipeline({ model }: { readonly model: PipelineModel }): JSX.Element {
  const trans = useTrans();
  const { run, shipped, faults, findings } = model;
  const reveal = (place: IPlace): void => void model.document.reveal(place);
  return (
    <>
      <Head model={model} />
      {model.trouble && <Trouble model={model} />}
      {run?.state === 'lost' && <Lost run={run} />}
      {faults.length > 0 && <Faults faults={faults} onReveal={reveal} />}
      {run?.verb === 'ship' && <Steps run={run} />}
      <Section title={trans.__('Stages')}>
        <Stages model={model} reveal={reveal} />
      </Section>
      {findings.length > 0 && (
        <details className="jp-nb2prod-Section" open={findings.some(({ severity }) => severity === 'error')}>
          <summary>{trans.__('Findings (%1)', findings.length)}</summary>
          <Findings findings={findings} onReveal={reveal} />
        </details>
      )}
      {shipped && (
        <Section title={trans.__('Release')}>
          <Release
            result={shipped}
            service={model.service}
            example={model.example}
            pending={model.pending === 'serve' || model.pending === 'stop' ? model.pending : null}
            onServe={() => void model.serve()}
            onStop={() => void model.stop()}
          />
        </Section>
      )}
    </>
  );
}

function Head({ model }: { readonly model: PipelineModel }): JSX.Element {
  const trans = useTrans();
  const running = model.run?.state === 'running';
  return (
    <div className="jp-nb2prod-Head">
      <h2 title={model.document.path}>{model.document.name}</h2>
      <div className="jp-nb2prod-Head-buttons">
        <button
          className="jp-nb2prod-Button jp-mod-ship"
          title={trans.__('Save, run, package and rehearse this notebook, then start it as a service')}
          disabled={model.busy}
          onClick={() => void model.start('ship')}
        >
          {trans.__('Ship')}
        </button>
        <button
          className="jp-nb2prod-Button"
          title={trans.__('Save this notebook and run the stages that are not kept')}
          disabled={model.busy}
          onClick={() => void model.start('run')}
        >
          {trans.__('Run')}
        </button>
        {running && (
          <button
            className="jp-nb2prod-Button"
            title={trans.__('Stop what is under way')}
            onClick={() => void model.cancel()}
          >
            {trans.__('Cancel')}
          </button>
        )}
      </div>
      <Status model={model} />
    </div>
  );
}

function Status({ model }: { readonly model: PipelineModel }): JSX.Element {
  const trans = useTrans();
  const { run, pending } = model;
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

/** The process of a run ended without a word: killed, or the machine went down. */
function Lost({ run }: { readonly run: IRunView }): JSX.Element {
  const trans = useTrans();
  return (
    <div className="jp-nb2prod-Finding" data-severity="error" role="alert">
      <p>{trans.__('Its process ended without a word.')}</p>
      <p className="jp-nb2prod-Finding-cure">
        {trans.__('Start it again: what it finished is kept. Its log is .nb2prod/runs/%1/log.txt.', run.run)}
      </p>
    </div>
  );
}

function Trouble({ model }: { readonly model: PipelineModel }): JSX.Element | null {
  const trans = useTrans();
  if (!model.trouble) {
    return null;
  }
  const [what, cure] = troubleWords(trans, model.trouble);
  return (
    <div className="jp-nb2prod-Finding" data-severity="error" data-code={model.trouble.fault.code} role="alert">
      <p>{what}</p>
      <p className="jp-nb2prod-Finding-cure">{cure}</p>
    </div>
  );
}

function Stages({
  model,
  reveal
}: {
  readonly model: PipelineModel;
  readonly reveal: (place: IPlace) => void;
}): JSX.Element | null {
  const trans = useTrans();
  const { graph, selected } = model;
  if (!graph) {
    return null;
  }
  const stage = graph.stages.find(({ name }) => name === selected);
  const open = ({ name, cells, cell_ids }: IStage): void =>
    reveal({
      stage: name,
      cell: cells[0] ?? null,
      cell_id: cell_ids[0] ?? null
    });
  return (
    <>
      {!model.tagged && (
        <p className="jp-nb2prod-Hint">
          {trans.__(
            'No cell has a stage yet. Choose one in the toolbar of a cell, or begin the cell with %1 and a name.',
            '%%stage'
          )}
        </p>
      )}
      {graph.stages.length > 0 && (
        <Graph
          graph={graph}
          selected={selected}
          progress={name => model.stage(name)}
          bytes={name => model.step(name)?.bytes ?? null}
          onSelect={name => model.select(name)}
          onOpen={open}
        />
      )}
      {stage && (
        <StageDetail
          stage={stage}
          edges={graph.edges}
          progress={model.stage(stage.name)}
          left={model.step(stage.name)?.artifacts ?? []}
        >
          {model.form && (
            <OptionForm
              form={model.form}
              stage={stage}
              onChange={(option, value) => model.document.setOption(stage, option, value)}
            />
          )}
        </StageDetail>
      )}
    </>
  );
}

function Section({ title, children }: { readonly title: string; readonly children: ReactNode }): JSX.Element {
  return (
    <section className="jp-nb2prod-Section">
      <h3>{title}</h3>
      {children}
    </section>
  );
}
