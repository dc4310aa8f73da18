/**
 * TryIt: a form of the usual row, which asks the service; what it refuses is said beside the field that is at fault.
 */
import { JSONExt } from '@lumino/coreutils';
import type { PartialJSONObject, PartialJSONValue } from '@lumino/coreutils';
import { useEffect, useId, useRef, useState } from 'react';
import type { FormEvent, JSX } from 'react';
import { textOf, valueOf } from '../answer';
import type { IAnswer, IRowFault } from '../tokens';
import { useTrans } from './context';

export interface ITryItProps {
  /** What it can be asked for: columns by name, or one value, such as a text. */
  readonly example: PartialJSONValue;
  readonly onPredict: (row: PartialJSONValue) => Promise<IAnswer>;
}

export function TryIt({ example, onPredict }: ITryItProps): JSX.Element {
  const trans = useTrans();
  const id = useId();
  const form = useRef<HTMLFormElement>(null);
  const whole = trans.__('row');
  const named = JSONExt.isObject(example);
  const usual: PartialJSONObject = named ? (example as PartialJSONObject) : { [whole]: example };
  const [texts, setTexts] = useState(() =>
    Object.fromEntries(Object.entries(usual).map(([name, value]) => [name, textOf(value)]))
  );
  const [answer, setAnswer] = useState<IAnswer | null>(null);
  const faultOf = (name: string): IRowFault | undefined =>
    answer?.faults.find(({ field }) => field === name || field?.startsWith(`${name}.`));
  const ask = (event: FormEvent): void => {
    event.preventDefault();
    setAnswer(null);
    const row = Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, valueOf(text, usual[name])]));
    onPredict(named ? row : row[whole]).then(setAnswer, (error: Error) =>
      setAnswer({ ok: false, text: error.message || trans.__('The service does not answer.'), faults: [] })
    );
  };
  useEffect(() => form.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus(), [answer]);
  return (
    <form className="jp-nb2prod-Try" ref={form} onSubmit={ask} noValidate>
      {Object.entries(texts).map(([name, text]) => (
        <Field
          key={name}
          id={`${id}${name}`}
          name={name}
          text={text}
          like={usual[name]}
          fault={faultOf(name)}
          onChange={next => setTexts({ ...texts, [name]: next })}
        />
      ))}
      <button className="jp-nb2prod-Button">{trans.__('Predict')}</button>
      <output data-ok={answer?.ok} aria-live="polite">
        {answer && [answer.text, ...loose(answer, texts)].join('\n')}
      </output>
    </form>
  );
}

/** What is wrong with no field of the form. */
function loose({ faults }: IAnswer, texts: Readonly<Record<string, string>>): readonly string[] {
  return faults
    .filter(({ field }) => field === null || !(field.split('.')[0] in texts || field in texts))
    .map(({ field, text }) => (field === null ? text : `${field} ${text}`));
}

interface IFieldProps {
  readonly id: string;
  readonly name: string;
  readonly text: string;
  /** The example's value, of whose type the answer is asked. */
  readonly like: PartialJSONValue | undefined;
  readonly fault: IRowFault | undefined;
  readonly onChange: (text: string) => void;
}

function Field({ id, name, text, like, fault, onChange }: IFieldProps): JSX.Element {
  const told = `${id}fault`;
  const more = { id, 'aria-invalid': fault !== undefined, 'aria-describedby': fault && told };
  return (
    <div className="jp-nb2prod-Field">
      <label htmlFor={id}>{name}</label>
      {typeof like === 'boolean' ? (
        <input
          {...more}
          type="checkbox"
          checked={text === 'true'}
          onChange={({ target }) => onChange(`${target.checked}`)}
        />
      ) : (
        // A control for numbers has no text for half a number, and so nothing that the service could say is wrong.
        <input
          {...more}
          type="text"
          inputMode={typeof like === 'number' ? 'decimal' : undefined}
          value={text}
          onChange={({ target }) => onChange(target.value)}
        />
      )}
      {fault && (
        <span className="jp-nb2prod-Field-fault" id={told}>
          {fault.text}
        </span>
      )}
    </div>
  );
}
