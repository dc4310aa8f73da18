/**
 * OptionForm: how a stage runs; the fields are those that the server's schema names.
 */
import { useId } from 'react';
import type { JSX } from 'react';
import type { OptionValue } from '../stage';
import type { IOptionField, IOptionForm, IStage } from '../tokens';
import { useTrans } from './context';

export interface IOptionFormProps {
  readonly form: IOptionForm;
  readonly stage: IStage;
  readonly onChange: (option: string, value: OptionValue | null) => void;
}

export function OptionForm({ form, stage, onChange }: IOptionFormProps): JSX.Element {
  const trans = useTrans();
  return (
    <details className="jp-nb2prod-Fold jp-nb2prod-Options">
      <summary>{trans.__('Options')}</summary>
      {Object.entries(form.properties).map(([name, field]) => (
        <Field
          key={`${stage.name} ${name} ${String(stage.options[name])}`}
          name={name}
          field={field}
          value={stage.options[name] as OptionValue | undefined}
          onChange={value => onChange(name, value)}
        />
      ))}
    </details>
  );
}

interface IFieldProps {
  readonly name: string;
  readonly field: IOptionField;
  readonly value: OptionValue | undefined;
  readonly onChange: (value: OptionValue | null) => void;
}

function Field({ name, field, value, onChange }: IFieldProps): JSX.Element {
  const trans = useTrans();
  const id = useId();
  const about = `${id}about`;
  const choices = field.enum ?? (field.type === 'boolean' ? ['true', 'false'] : null);
  const take = (text: string): void => onChange(text === '' ? null : read(text, field));
  return (
    <div className="jp-nb2prod-Field">
      <label htmlFor={id}>{name}</label>
      {choices ? (
        <select
          id={id}
          aria-describedby={about}
          value={String(value ?? '')}
          onChange={({ target }) => take(target.value)}
        >
          <option value="">{trans.__('default')}</option>
          {choices.map(choice => (
            <option key={choice}>{choice}</option>
          ))}
        </select>
      ) : (
        <input
          id={id}
          aria-describedby={about}
          type={field.type === 'string' ? 'text' : 'number'}
          step={field.type === 'integer' ? 1 : 'any'}
          min={field.minimum}
          placeholder={trans.__('default')}
          defaultValue={value === undefined ? '' : String(value)}
          onBlur={({ target }) => {
            if (target.reportValidity() && target.value !== String(value ?? '')) {
              take(target.value);
            }
          }}
          onKeyDown={({ key, currentTarget }) => key === 'Enter' && currentTarget.blur()}
        />
      )}
      <span id={about}>{field.description}</span>
    </div>
  );
}

function read(text: string, { type }: IOptionField): OptionValue {
  if (type === 'boolean') {
    return text === 'true';
  }
  return type === 'string' ? text : Number(text);
}
