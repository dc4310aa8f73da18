import type { PartialJSONObject, PartialJSONValue } from '@lumino/coreutils';
import { applied, edit, optionEdit, stageOf } from '../stage';
import type { IStageEdit, ITagged } from '../stage';

/** The cell after the edit, as the shared model would leave it. */
function edited(cell: ITagged, name: string | null): ITagged {
  return changed(cell, edit(cell, name));
}

function changed(cell: ITagged, { text, metadata }: IStageEdit): ITagged {
  const after: Record<string, PartialJSONValue | undefined> = { ...cell.metadata };
  for (const [key, value] of Object.entries(metadata)) {
    if (value === null) {
      delete after[key];
    } else {
      after[key] = value;
    }
  }
  return { source: applied(cell.source, text), metadata: after as PartialJSONObject };
}

const plain = (source: string): ITagged => ({ source, metadata: {} });

describe('the stage of a cell', () => {
  it('is written in its metadata and read back', () => {
    const cell = edited(plain('x = 1'), 'load');

    expect(cell).toEqual({ source: 'x = 1', metadata: { nb2prod: { stage: 'load' } } });
    expect(stageOf(cell)).toBe('load');
  });

  it('leaves what others keep in the metadata', () => {
    const metadata = { other: { a: 1 }, nb2prod: { retries: 2, stage: 'load' } };

    expect(edited({ source: '', metadata }, 'train').metadata).toEqual({
      other: { a: 1 },
      nb2prod: { retries: 2, stage: 'train' }
    });
    expect(edited({ source: '', metadata }, null).metadata).toEqual({ other: { a: 1 }, nb2prod: { retries: 2 } });
  });

  it('leaves no empty key behind when it is taken away', () => {
    expect(edited({ source: '', metadata: { nb2prod: { stage: 'load' } } }, null).metadata).toEqual({});
  });

  it('is read from a %%stage line', () => {
    expect(stageOf(plain('%%stage load\nx = 1'))).toBe('load');
    expect(stageOf(plain('\n%%stage load --retries 2'))).toBe('load');
    expect(stageOf(plain('# %%stage load'))).toBeNull();
    expect(stageOf(plain('%%stages load'))).toBeNull();
  });

  it('is rewritten in its %%stage line, whose options stay', () => {
    const cell = edited(plain('%%stage load --retries 2  # twice\nx = 1'), 'fetch');

    expect(cell).toEqual(plain('%%stage fetch --retries 2  # twice\nx = 1'));
  });

  it('goes away with its %%stage line', () => {
    expect(edited(plain('%%stage load\nx = 1'), null)).toEqual(plain('x = 1'));
    expect(edited(plain('%%stage load'), null)).toEqual(plain(''));
  });

  it('is rewritten in its tag, and other tags stay', () => {
    const metadata = { tags: ['a', 'stage:load'] };

    expect(stageOf({ source: '', metadata })).toBe('load');
    expect(edited({ source: '', metadata }, 'fetch').metadata).toEqual({ tags: ['a', 'stage:fetch'] });
    expect(edited({ source: '', metadata }, null).metadata).toEqual({ tags: ['a'] });
    expect(edited({ source: '', metadata: { tags: ['stage:load'] } }, null).metadata).toEqual({});
  });

  it('is never there twice', () => {
    const twice = { source: '%%stage a\n1', metadata: { tags: ['stage:b'], nb2prod: { stage: 'c' } } };

    expect(stageOf(twice)).toBe('a');
    expect(stageOf(edited(twice, null))).toBeNull();
  });

  it('is absent from a cell whose metadata is not as we write it', () => {
    for (const odd of [null, 'load', ['load'], { stage: 7 }]) {
      expect(stageOf({ source: '', metadata: { nb2prod: odd } as PartialJSONObject })).toBeNull();
    }
    expect(stageOf({ source: '', metadata: { tags: 'stage:load' } })).toBeNull();
  });
});

describe('an option of a stage', () => {
  const option = (cell: ITagged, value: string | number | boolean | null) =>
    changed(cell, optionEdit(cell, 'retries', value));

  it('stands on the line that names the stage, once', () => {
    const source = '%%stage load --no-cache --retries=1 # why\nx = 1';

    expect(option(plain('%%stage load\nx = 1'), 2).source).toBe('%%stage load --retries 2\nx = 1');
    expect(option(plain(source), 3).source).toBe('%%stage load --retries 3 --no-cache # why\nx = 1');
    expect(option(plain(source), null).source).toBe('%%stage load --no-cache # why\nx = 1');
    expect(option(plain('%%stage load --retries "1" --cache no'), null).source).toBe('%%stage load --cache no');
    expect(option(plain('%%stage load --retries\n1'), 'a b').source).toBe('%%stage load --retries "a b"\n1');
  });

  it('stands in the metadata where the name does', () => {
    const tagged = { source: 'x', metadata: { tags: ['stage:load', 'mine'] } };

    expect(option({ source: 'x', metadata: { nb2prod: { stage: 'load' } } }, 2).metadata).toEqual({
      nb2prod: { stage: 'load', retries: 2 }
    });
    expect(option(tagged, 2).metadata).toEqual({ tags: ['mine'], nb2prod: { stage: 'load', retries: 2 } });
    expect(option({ source: 'x', metadata: { nb2prod: { stage: 'a', retries: 2 } } }, null).metadata).toEqual({
      nb2prod: { stage: 'a' }
    });
    expect(option(plain('x'), 2)).toEqual(plain('x'));
  });
});

describe('a name in a line and another in the metadata', () => {
  it('are one after an edit', () => {
    const cell = { source: '%%stage load\nx', metadata: { nb2prod: { stage: 'fetch', note: 'mine' } } };

    expect(edited(cell, 'read')).toEqual({ source: '%%stage read\nx', metadata: { nb2prod: { note: 'mine' } } });
  });
});
