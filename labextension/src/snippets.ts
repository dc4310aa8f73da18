/**
 * Snippets: how to ask a service for one prediction, from a shell and from Python.
 */
import type { PartialJSONValue } from '@lumino/coreutils';

export function curl(url: string, row: PartialJSONValue): string {
  const body = JSON.stringify({ rows: [row] }).replace(/'/g, `'\\''`);
  return `curl ${url}/predict -H 'Content-Type: application/json' -d '${body}'`;
}

/** Only Python's own library, so that it runs anywhere. */
export function python(url: string, row: PartialJSONValue): string {
  return [
    'import json, urllib.request',
    '',
    `row = ${literal(row)}`,
    'request = urllib.request.Request(',
    `    ${JSON.stringify(`${url}/predict`)},`,
    '    json.dumps({"rows": [row]}).encode(),',
    '    {"Content-Type": "application/json"},',
    ')',
    'print(json.load(urllib.request.urlopen(request)))'
  ].join('\n');
}

/** A value of JSON as Python writes it. */
function literal(value: PartialJSONValue | undefined): string {
  if (value === null || value === undefined) {
    return 'None';
  }
  if (typeof value === 'boolean') {
    return value ? 'True' : 'False';
  }
  if (Array.isArray(value)) {
    return `[${value.map(literal).join(', ')}]`;
  }
  if (typeof value === 'object') {
    const items = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${literal(item)}`);
    return `{${items.join(', ')}}`;
  }
  return JSON.stringify(value);
}
