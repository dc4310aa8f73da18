import { nullTranslator } from '@jupyterlab/translation/lib/base';
import { curl, python } from '../snippets';
import { ago, duration, metric, milliseconds, placeWord, size, troubleWords } from '../words';

const trans = nullTranslator.load('nb2prod');
const place = { cell: null, cell_id: null, stage: null };

describe('numbers', () => {
  it('are short', () => {
    expect(duration(trans, 0.04)).toBe('0.0 s');
    expect(duration(trans, 12.6)).toBe('13 s');
    expect(duration(trans, 71.3)).toBe('1 min 11 s');
    expect(duration(trans, 119.7)).toBe('2 min 0 s');
    expect(milliseconds(trans, 4.24)).toBe('4.2 ms');
    expect(metric(0.9123456)).toBe('0.9123');
    expect(metric(0)).toBe('0');
  });
});

describe('places', () => {
  it('count cells from one', () => {
    expect(placeWord(trans, { ...place, cell: 3, stage: 'load' })).toBe('Cell 4');
    expect(placeWord(trans, { ...place, stage: 'load' })).toBe('Stage load');
    expect(placeWord(trans, place)).toBe('');
  });
});

describe('a call of a service', () => {
  it('survives the shell', () => {
    expect(curl('http://127.0.0.1:1', { name: "d'Arc" })).toBe(
      `curl http://127.0.0.1:1/predict -H 'Content-Type: application/json' -d '{"rows":[{"name":"d'\\''Arc"}]}'`
    );
  });
});

describe('a server that refuses', () => {
  const fault = { ...place, code: null, message: '', cure: '', detail: null };

  it('is told apart from one that is away, or has no nb2prod', () => {
    const words = (status: number, message = '') => troubleWords(trans, { status, fault: { ...fault, message } });

    expect(words(0)[0]).toContain('does not answer');
    expect(words(404)[0]).toContain('no nb2prod');
    expect(words(404, 'There is no notebook a.ipynb.')[0]).toBe('There is no notebook a.ipynb.');
    expect(words(403)[0]).toContain('refuses');
    expect(words(500)[0]).toContain('500');
  });

  it('is Python, whatever the row holds', () => {
    expect(python('http://127.0.0.1:1', { on: true, off: null, tags: ['a'] })).toContain(
      'row = {"on": True, "off": None, "tags": ["a"]}'
    );
  });
});

describe('a time', () => {
  it('is told as people tell it', () => {
    expect(ago(trans, 0, 30)).toBe('just now');
    expect(ago(trans, 0, 7200)).toBe('2 hours ago');
  });
});

describe('a size', () => {
  it('is told in steps of a thousand', () => {
    expect([size(trans, 12), size(trans, 1500), size(trans, 2_000_000)]).toEqual(['12 B', '1.5 kB', '2 MB']);
  });
});
