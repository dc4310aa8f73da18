/**
 * Answer: what a service said to one row, as people read it: its prediction, or what is wrong with which field.
 */
import type { PartialJSONValue } from '@lumino/coreutils';
import type { IAnswer, IRowFault } from './tokens';

interface IRefusal {
  readonly error?: string;
  readonly message?: string;
  readonly detail?: readonly { readonly field?: string | null; readonly msg?: string }[];
}

/** Read the body of a reply; what is no JSON is said as it is. */
export function answerOf(ok: boolean, body: string): IAnswer {
  let said: unknown;
  try {
    said = JSON.parse(body);
  } catch {
    return { ok, text: body, faults: [] };
  }
  if (ok) {
    const one: unknown = Array.isArray(said) && said.length === 1 ? said[0] : said;
    return { ok, text: JSON.stringify(one, null, 1), faults: [] };
  }
  const { error, message, detail } = (said ?? {}) as IRefusal;
  const faults: readonly IRowFault[] = (Array.isArray(detail) ? (detail as NonNullable<IRefusal['detail']>) : []).map(
    ({ field, msg }) => ({ field: field ?? null, text: msg ?? '' })
  );
  return { ok, text: error ?? message ?? body, faults };
}

/** A value as a control has it. */
export function textOf(value: PartialJSONValue | undefined): string {
  return value === null || value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value);
}

/** What stands in a control, as a value like the example's; what is none stays a text, so that the service says why. */
export function valueOf(text: string, like: PartialJSONValue | undefined): PartialJSONValue {
  if (text.trim() === '') {
    return null;
  }
  if (typeof like === 'string') {
    return text;
  }
  try {
    return JSON.parse(text) as PartialJSONValue;
  } catch {
    return text;
  }
}
