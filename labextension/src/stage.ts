/**
 * Stage of a cell: where its name is written, and the smallest edit that changes it.
 *
 * A name stands in a `%%stage` line, in a tag `stage:NAME`, or in the cell's metadata; the first of these counts. An edit
 * changes the name where it stands, so that a cell never carries two.
 */
import type { PartialJSONObject, PartialJSONValue } from '@lumino/coreutils';

/** The metadata key that is ours. */
export const KEY = 'nb2prod';

/** What a stage may be called. The server has the last word; this helps while typing. */
export const NAME = '[a-z][a-z0-9_]*';

const MAGIC = /^(\s*%%stage[ \t]+)([^\s]+)([^\n]*)/;
const TAG = 'stage:';

export type OptionValue = string | number | boolean;

/** What an edit needs to know of a cell. */
export interface ITagged {
  readonly source: string;
  readonly metadata: PartialJSONObject;
}

/** Replace the characters `start` to `end` of the source. */
export interface ITextEdit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** What to change; `undefined` leaves a key as it is, `null` removes it. */
export interface IStageEdit {
  readonly text?: ITextEdit;
  readonly metadata: Readonly<Record<string, PartialJSONValue | null>>;
}

/** The name a cell carries itself, or null. */
export function stageOf(cell: ITagged): string | null {
  return magicName(cell.source) ?? tagName(cell.metadata) ?? metadataName(cell.metadata);
}

/** The edit that makes `name` the stage of a cell; null takes every name away. */
export function edit(cell: ITagged, name: string | null): IStageEdit {
  if (name === null) {
    return {
      text: withoutMagic(cell.source),
      metadata: {
        ...inTags(cell.metadata, null),
        ...inMetadata(cell.metadata, null)
      }
    };
  }
  const text = withMagic(cell.source, name);
  if (text) {
    // The line is what counts; a second name beside it could only contradict it.
    return { text, metadata: { ...inTags(cell.metadata, null), ...inMetadata(cell.metadata, null) } };
  }
  if (tagName(cell.metadata) !== null) {
    return { metadata: inTags(cell.metadata, name) };
  }
  return { metadata: inMetadata(cell.metadata, name) };
}

/** The edit that gives a cell's stage an option; null takes it away. It stands where the stage's name does. */
export function optionEdit(cell: ITagged, option: string, value: OptionValue | null): IStageEdit {
  const found = MAGIC.exec(cell.source);
  if (found) {
    const start = found[1].length + found[2].length;
    const others = found[3].replace(written(option), '');
    // Before the others: a comment may stand behind them.
    const text = value === null ? others : ` --${option} ${quoted(value)}${others}`;
    return { text: { start, end: found[0].length, text }, metadata: {} };
  }
  const stage = stageOf(cell);
  if (stage === null) {
    return { metadata: {} };
  }
  const others = Object.entries(ours(cell.metadata)).filter(([key]) => key !== option);
  const all = Object.fromEntries([...others, ['stage', stage], ...(value === null ? [] : [[option, value]])]);
  return { metadata: { ...inTags(cell.metadata, null), [KEY]: all } };
}

/** An option on a `%%stage` line: `--name`, `--no-name`, `--name=value` or `--name value`. */
function written(option: string): RegExp {
  const text = `"[^"]*"|'[^']*'`;
  const value = `=(?:${text}|\\S*)|[ \\t]+(?:${text}|(?!--)[^\\s#]\\S*)`;
  return new RegExp(`[ \\t]+--(?:no-)?${option}(?:${value})?(?=\\s|$)`, 'g');
}

function quoted(value: OptionValue): string {
  const text = String(value);
  return /^[^\s"'#\\]+$/.test(text) ? text : `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/** Apply a text edit; the editor does the same through the shared model. */
export function applied(source: string, change: ITextEdit | undefined): string {
  return change ? source.slice(0, change.start) + change.text + source.slice(change.end) : source;
}

function magicName(source: string): string | null {
  return MAGIC.exec(source)?.[2] ?? null;
}

function withMagic(source: string, name: string): ITextEdit | undefined {
  const found = MAGIC.exec(source);
  return found
    ? {
        start: found[1].length,
        end: found[1].length + found[2].length,
        text: name
      }
    : undefined;
}

function withoutMagic(source: string): ITextEdit | undefined {
  const found = MAGIC.exec(source);
  if (!found) {
    return undefined;
  }
  const newline = source[found[0].length] === '\n' ? 1 : 0;
  return { start: 0, end: found[0].length + newline, text: '' };
}

function tagsOf(metadata: PartialJSONObject): readonly string[] {
  const tags = metadata['tags'];
  return Array.isArray(tags) ? tags.filter((tag): tag is string => typeof tag === 'string') : [];
}

function tagName(metadata: PartialJSONObject): string | null {
  return (
    tagsOf(metadata)
      .find(tag => tag.startsWith(TAG))
      ?.slice(TAG.length) ?? null
  );
}

function inTags(metadata: PartialJSONObject, name: string | null): Record<string, PartialJSONValue | null> {
  if (tagName(metadata) === null) {
    return {};
  }
  const others = tagsOf(metadata).filter(tag => !tag.startsWith(TAG));
  const tags = name === null ? others : [...others, TAG + name];
  return { tags: tags.length ? tags : null };
}

function ours(metadata: PartialJSONObject): PartialJSONObject {
  const value = metadata[KEY];
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as PartialJSONObject) : {};
}

function metadataName(metadata: PartialJSONObject): string | null {
  const name = ours(metadata)['stage'];
  return typeof name === 'string' && name ? name : null;
}

function inMetadata(metadata: PartialJSONObject, name: string | null): Record<string, PartialJSONValue | null> {
  const { stage, ...others } = ours(metadata);
  if (name !== null) {
    return { [KEY]: { ...others, stage: name } };
  }
  if (stage === undefined) {
    return {};
  }
  return { [KEY]: Object.keys(others).length ? others : null };
}
