/**
 * Stages: the graph, and what is to be said of the stage that is chosen in it.
 */
import type { JSX } from 'react';
import type { PipelineModel } from '../model';
import type { IPlace } from '../finding';
import type { IStage } from '../tokens';
import { Graph } from './Graph';
import { OptionForm } from './OptionForm';
import { StageDetail } from './StageDetail';
import { Suggestion } from './Suggestion';
import { useTrans } from './context';

export interface IStagesProps {
  readonly model: PipelineModel;
  readonly reveal: (place: IPlace) => void;
}

export function Stages({ model, reveal }: IStagesProps): JSX.Element | null {
  const trans = useTrans();
  const { graph, preview, selected } = model;
  if (!graph) {
    return null;
  }
  const drawn = preview ?? graph;
  // What is only suggested cannot be run, nor told how to.
  const stage = preview ? undefined : graph.stages.find(({ name }) => name === selected);
  const open = ({ name, cells, cell_ids }: IStage): void =>
    reveal({
      stage: name,
      cell: cells[0] ?? null,
      cell_id: cell_ids[0] ?? null
    });
  return (
    <>
      {!model.tagged && !model.suggestion && <Untagged model={model} />}
      <Suggestion model={model} reveal={reveal} />
      {preview && <p className="jp-nb2prod-Hint">{trans.__('Preview: the pipeline with all that is suggested.')}</p>}
      {drawn.stages.length > 0 && (
        <Graph
          graph={drawn}
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
          left={(model.step(stage.name)?.artifacts ?? []).filter(({ names }) =>
            names.some(name => stage.writes.includes(name))
          )}
        >
          <StageVerbs model={model} stage={stage} />
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

function Untagged({ model }: { readonly model: PipelineModel }): JSX.Element {
  const trans = useTrans();
  return (
    <>
      <p className="jp-nb2prod-Hint">
        {trans.__(
          'No cell has a stage yet. Choose one in the toolbar of a cell, or begin the cell with %1 and a name.',
          '%%stage'
        )}
      </p>
      <div className="jp-nb2prod-Verbs">
        <button className="jp-nb2prod-Button" onClick={() => void model.suggest()}>
          {trans.__('Suggest stages')}
        </button>
      </div>
    </>
  );
}

function StageVerbs({ model, stage }: { readonly model: PipelineModel; readonly stage: IStage }): JSX.Element {
  const trans = useTrans();
  const verbs = [
    {
      word: trans.__('Run this'),
      title: trans.__('Run this stage again, and above it what is not kept'),
      stages: { force: [stage.name], until: stage.name }
    },
    {
      word: trans.__('To here'),
      title: trans.__('Run what is not kept down to this stage'),
      stages: { until: stage.name }
    },
    {
      word: trans.__('From here'),
      title: trans.__('Run this stage and all that depend on it again'),
      stages: { since: stage.name }
    }
  ];
  return (
    <div className="jp-nb2prod-Verbs" role="group" aria-label={trans.__('Run parts of the pipeline')}>
      {verbs.map(({ word, title, stages }) => (
        <button
          key={word}
          className="jp-nb2prod-Button"
          title={title}
          disabled={model.asking.pending !== null}
          onClick={() => void model.start('run', stages)}
        >
          {word}
        </button>
      ))}
    </div>
  );
}
