import { NODE, draw, labelOf, neighbour, shapeOf } from '../layout';
import type { IStage } from '../tokens';

const stage = (name: string, role = 'stage'): IStage => ({
  name,
  role,
  cells: [],
  cell_ids: [],
  reads: [],
  writes: [],
  options: {}
});
const edge = (from: string, to: string) => ({ from, to, names: [], why: '' });

describe('the drawing of a pipeline', () => {
  it('has every stage below those it reads from', () => {
    const { nodes } = draw({
      stages: ['a', 'b', 'c'].map(name => stage(name)),
      edges: [edge('a', 'b'), edge('b', 'c'), edge('a', 'c')]
    });
    const [a, b, c] = nodes;

    expect(b.y).toBeGreaterThanOrEqual(a.y + NODE.height);
    expect(c.y).toBeGreaterThanOrEqual(b.y + NODE.height);
  });

  it('has no two stages in one place, and all of them inside', () => {
    const { nodes, width, height } = draw({
      stages: ['a', 'b', 'c', 'd'].map(name => stage(name)),
      edges: [edge('a', 'b'), edge('a', 'c'), edge('a', 'd')]
    });

    expect(new Set(nodes.map(({ x, y }) => `${x},${y}`)).size).toBe(4);
    for (const { x, y } of nodes) {
      expect(x).toBeGreaterThanOrEqual(0);
      expect(y).toBeGreaterThanOrEqual(0);
      expect(x + NODE.width).toBeLessThanOrEqual(width);
      expect(y + NODE.height).toBeLessThanOrEqual(height);
    }
  });

  it('is drawn for a pipeline with a cycle, and for none', () => {
    expect(draw({ stages: [stage('a'), stage('b')], edges: [edge('a', 'b'), edge('b', 'a')] }).nodes).toHaveLength(2);
    expect(draw({ stages: [], edges: [] })).toEqual({ width: 0, height: 0, nodes: [], edges: [] });
  });

  it('leaves out edges to stages that are not there, and to themselves', () => {
    expect(draw({ stages: [stage('a')], edges: [edge('a', 'gone'), edge('a', 'a')] }).edges).toEqual([]);
  });

  it('shows what setup gives only to stages that nothing else leads to', () => {
    const { edges } = draw({
      stages: [stage('setup', 'setup'), stage('load'), stage('train')],
      edges: [edge('setup', 'load'), edge('setup', 'train'), edge('load', 'train')]
    });

    expect(edges.map(({ edge: { from, to } }) => `${from} ${to}`).sort()).toEqual(['load train', 'setup load']);
  });

  it('has paths that an SVG can draw', () => {
    const { edges } = draw({ stages: [stage('a'), stage('b')], edges: [edge('a', 'b')] });

    expect(edges[0].path).toMatch(/^M[\d.]+,[\d.]+( [QL][\d., ]+)+$/);
  });
});

describe('moving through the stages', () => {
  it('stays inside', () => {
    expect(neighbour(['a', 'b'], 'a', 1)).toBe('b');
    expect(neighbour(['a', 'b'], 'b', 1)).toBe('b');
    expect(neighbour(['a', 'b'], 'b', -Infinity)).toBe('a');
    expect(neighbour(['a', 'b'], 'a', Infinity)).toBe('b');
    expect(neighbour(['a', 'b'], null, 1)).toBe('a');
    expect(neighbour([], null, 1)).toBeNull();
  });
});

describe('what is written at an edge', () => {
  it('is the names that fit, and how many more there are', () => {
    expect(labelOf(['a', 'b'])).toBe('a, b');
    expect(labelOf(['X_train', 'X_test', 'y_train', 'y_test'])).toBe('X_train, X_test +2');
    expect(labelOf(['a_name_that_is_longer_than_most', 'b'])).toBe('a_name_that_is_lo… +1');
    expect(labelOf([])).toBe('');
  });
});

describe('the shape of a pipeline', () => {
  it('is the same while only cells move', () => {
    const moved = { ...stage('a'), cells: [4] };

    expect(shapeOf({ stages: [moved], edges: [] })).toBe(shapeOf({ stages: [stage('a')], edges: [] }));
    expect(shapeOf({ stages: [stage('b')], edges: [] })).not.toBe(shapeOf({ stages: [stage('a')], edges: [] }));
  });
});
