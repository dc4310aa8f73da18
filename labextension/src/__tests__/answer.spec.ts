import { answerOf, textOf, valueOf } from '../answer';

describe('what a service says', () => {
  it('is one row where it was asked for one', () => {
    expect(answerOf(true, '[{"prediction":"no"}]')).toEqual({
      ok: true,
      text: '{\n "prediction": "no"\n}',
      faults: []
    });
  });

  it('names the fields that are at fault', () => {
    const body = '{"error":"The request has 1 fault","detail":[{"field":"age","msg":"must be a number","row":0}]}';
    expect(answerOf(false, body)).toEqual({
      ok: false,
      text: 'The request has 1 fault',
      faults: [{ field: 'age', text: 'must be a number' }]
    });
  });

  it('may be no JSON, or not as expected', () => {
    expect(answerOf(false, '<html>')).toEqual({ ok: false, text: '<html>', faults: [] });
    expect(answerOf(false, '{"message":"The service is not running."}').text).toBe('The service is not running.');
    expect(answerOf(false, 'null').text).toBe('null');
  });
});

describe('what is typed', () => {
  it('is of the kind that the example is of', () => {
    expect(valueOf('12', 3)).toBe(12);
    expect(valueOf('12', '3')).toBe('12');
    expect(valueOf('[1, 2]', [0])).toEqual([1, 2]);
    expect(valueOf('many', 3)).toBe('many');
    expect(valueOf(' ', 3)).toBeNull();
    expect(textOf({ a: 1 })).toBe('{"a":1}');
    expect(textOf(null)).toBe('');
  });
});
