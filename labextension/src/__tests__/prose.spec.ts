import { pieces } from '../prose';
import { preview } from '../preview';

describe('Prose', () => {
  it('sets apart what stands between backticks', () => {
    expect(pieces('`a` is read, `b.c` is not')).toEqual([
      { text: 'a', isCode: true },
      { text: ' is read, ', isCode: false },
      { text: 'b.c', isCode: true },
      { text: ' is not', isCode: false }
    ]);
  });

  it('leaves a lonely backtick and plain words alone', () => {
    expect(pieces("don't `")).toEqual([{ text: "don't `", isCode: false }]);
    expect(pieces('')).toEqual([]);
  });
});

describe('Preview', () => {
  const content = {
    cells: [
      { source: 'a', metadata: { x: 1 } },
      { source: 'b', metadata: {} }
    ],
    metadata: {}
  };
  const none = { cell_id: null, source: null, metadata: null, tags: null, above: null };

  it('carries edits out in a copy', () => {
    const made = preview(content, [
      { ...none, cell: 0, metadata: { stage: 'load' } },
      { ...none, cell: 1, source: 'c', tags: ['skip'] }
    ]);
    expect(made['cells']).toEqual([
      { source: 'a', metadata: { x: 1, nb2prod: { stage: 'load' } } },
      { source: 'c', metadata: { tags: ['skip'] } }
    ]);
    expect(content.cells[0].metadata).toEqual({ x: 1 });
  });
});
