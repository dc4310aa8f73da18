/**
 * Call: try the service with a row, and how others ask it.
 */
import { Clipboard } from '@jupyterlab/apputils';
import { JSONExt } from '@lumino/coreutils';
import type { PartialJSONObject, PartialJSONValue } from '@lumino/coreutils';
import { useId, useState } from 'react';
import type { FormEvent, JSX } from 'react';
import { curl, python } from '../snippets';
import type { IAnswer } from '../tokens';
import { useTrans } from './context';

export interface ICallProps {
  readonly url: string;
  /** What it can be asked for: columns by name, or one value, such as a text. */
  readonly example: PartialJSONValue;
  readonly onPredict: (row: PartialJSONValue) => Promise<IAnswer>;
}

export function Call({ url, example, onPredict }: ICallProps): JSX.Element {
  const trans = useTrans();
  return (
    <div>
      <details className="jp-nb2prod-Fold">
        <summary>{trans.__('Try it')}</summary>
        <TryIt example={example} onPredict={onPredict} />
      </details>
      <Snippet title={trans.__('Call it with curl')} text={curl(url, example)} />
      <Snippet title={trans.__('Call it with Python')} text={python(url, example)} />
    </div>
  );
}

function TryIt({ example, onPredict }: Omit<ICallProps, 'url'>): JSX.Element {
  const trans = useTrans();
  const id = useId();
  const whole = trans.__('row');
  const named = JSONExt.isObject(example);
  const fields: PartialJSONObject = named ? (example as PartialJSONObject) : { [whole]: example };
  const [row, setRow] = useState(fields);
  const [answer, setAnswer] = useState<IAnswer | null>(null);
  const ask = (event: FormEvent): void => {
    event.preventDefault();
    setAnswer(null);
    onPredict(named ? row : (row[whole] ?? null)).then(setAnswer, (error: Error) =>
      setAnswer({ ok: false, text: error.message })
    );
  };
  return (
    <form className="jp-nb2prod-Try" onSubmit={ask}>
      {Object.entries(row).map(([name, value]) => (
        <div className="jp-nb2prod-Field" key={name}>
          <label htmlFor={`${id}${name}`}>{name}</label>
          <Value
            id={`${id}${name}`}
            value={value ?? null}
            kind={typeof fields[name]}
            onChange={next => setRow({ ...row, [name]: next })}
          />
        </div>
      ))}
      <button className="jp-nb2prod-Button">{trans.__('Predict')}</button>
      <output data-ok={answer?.ok} aria-live="polite">
        {answer?.text}
      </output>
    </form>
  );
}

interface IValueProps {
  readonly id: string;
  readonly value: PartialJSONValue;
  /** The type of the example's value, which the answer is asked with. */
  readonly kind: string;
  readonly onChange: (value: PartialJSONValue) => void;
}

function Value({ id, value, kind, onChange }: IValueProps): JSX.Element {
  if (kind === 'boolean') {
    return (
      <input id={id} type="checkbox" checked={value === true} onChange={event => onChange(event.target.checked)} />
    );
  }
  return (
    <input
      id={id}
      type={kind === 'number' ? 'number' : 'text'}
      step="any"
      value={typeof value === 'object' ? JSON.stringify(value) : String(value)}
      onChange={({ target }) =>
        onChange(kind === 'number' && target.value !== '' ? Number(target.value) : target.value || null)
      }
    />
  );
}

function Snippet({ title, text }: { readonly title: string; readonly text: string }): JSX.Element {
  const trans = useTrans();
  return (
    <div className="jp-nb2prod-Call">
      <details className="jp-nb2prod-Fold">
        <summary>{title}</summary>
        <pre tabIndex={0}>{text}</pre>
      </details>
      <button
        className="jp-nb2prod-Button"
        aria-label={trans.__('Copy: %1', title)}
        onClick={() => Clipboard.copyToSystem(text)}
      >
        {trans.__('Copy')}
      </button>
    </div>
  );
}
