import { nullTranslator } from '@jupyterlab/translation/lib/base';
import { curl, duration, metric, milliseconds, placeWord, troubleWords } from '../words';

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
});
