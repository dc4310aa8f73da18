/**
 * Parameters: other values for the next run or ship; the notebook keeps its own.
 */
import { useId } from 'react';
import type { JSX } from 'react';
import type { PipelineModel } from '../model';
import type { IParameter } from '../tokens';
import { useTrans } from './context';

export function Parameters({ model }: { readonly model: PipelineModel }): JSX.Element {
  const trans = useTrans();
  return (
    <>
      {(model.graph?.parameters ?? []).map(parameter => (
        <Field key={parameter.name} parameter={parameter} model={model} />
      ))}
      <p className="jp-nb2prod-Hint">{trans.__('For the next run or ship. Empty: as the notebook says.')}</p>
    </>
  );
}

function Field({
  parameter: { name, value },
  model
}: {
  readonly parameter: IParameter;
  readonly model: PipelineModel;
}): JSX.Element {
  const id = useId();
  return (
    <div className="jp-nb2prod-Field">
      <label htmlFor={id}>{name}</label>
      <input
        id={id}
        type="text"
        spellCheck={false}
        placeholder={value}
        value={model.typed[name] ?? ''}
        onChange={({ target }) => model.setParameter(name, target.value)}
      />
    </div>
  );
}
