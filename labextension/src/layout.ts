/**
 * Layout: where the stages and edges of a pipeline are drawn, in pixels from the top left.
 */
import { Graph, layout as dagre } from '@dagrejs/dagre';
import type { IEdge, IGraph } from './tokens';

export const NODE = { width: 160, height: 44 } as const;

const MARGIN = 4;

/** A pipeline of more edges than this is drawn without the names on them: they would hide it. */
const LABELLED = 16;

/** A pipeline of more stages than this is ranked the quick way. */
const QUICK = 40;

/** How wide a character of an edge's label is, and how many there may be. */
const LETTER = 6;
const LETTERS = 22;

export interface IPoint {
  readonly x: number;
  readonly y: number;
}

/** A node by its top left corner. */
export interface INodeBox extends IPoint {
  readonly name: string;
}

export interface IEdgePath {
  readonly edge: IEdge;
  /** The `d` of an SVG path. */
  readonly path: string;
  /** What flows, short, and the middle of where it is written. */
  readonly label: string;
  readonly at: IPoint;
}

export interface IDrawing {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly INodeBox[];
  readonly edges: readonly IEdgePath[];
}

type Drawn = Pick<IGraph, 'stages' | 'edges'>;

/** What a drawing depends on: while it is the same, the drawing is. */
export function shapeOf({ stages, edges }: Drawn): string {
  return JSON.stringify([
    stages.map(({ name, role }) => [name, role]),
    edges.map(({ from, to, names, why }) => [from, to, names, why])
  ]);
}

/**
 * Lay a pipeline out from top to bottom; edges to unknown stages are left out.
 *
 * Setup serves every stage, so its edges say little and hide the others: they are drawn only where nothing else leads.
 */
export function draw(graph: Drawn): IDrawing {
  const plane = new Graph({ multigraph: false });
  plane.setGraph({
    rankdir: 'TB',
    nodesep: 16,
    edgesep: 12,
    ranksep: 26,
    marginx: MARGIN,
    marginy: MARGIN,
    ranker: graph.stages.length > QUICK ? 'longest-path' : 'network-simplex'
  });
  for (const stage of graph.stages) {
    plane.setNode(stage.name, { ...NODE });
  }
  const edges = telling(graph).filter(({ from, to }) => from !== to && plane.hasNode(from) && plane.hasNode(to));
  const labelled = edges.length <= LABELLED;
  for (const edge of edges) {
    const label = labelled ? labelOf(edge.names) : '';
    const size = label ? { width: label.length * LETTER, height: 12, labelpos: 'c' } : {};
    plane.setEdge(edge.from, edge.to, { edge, label, ...size });
  }
  dagre(plane);
  const size = plane.graph() as { width?: number; height?: number };
  return {
    width: finite(size.width),
    height: finite(size.height),
    nodes: plane.nodes().map(name => corner(name, plane.node(name) as IPoint)),
    edges: plane.edges().map(({ v, w }) => pathOf(plane.edge({ v, w }) as ILaid))
  };
}

/** The names that flow along an edge, as many as fit. */
export function labelOf(names: readonly string[]): string {
  for (let shown = names.length; shown > 0; shown--) {
    const rest = names.length - shown;
    const label = names.slice(0, shown).join(', ') + (rest ? ` +${rest}` : '');
    if (label.length <= LETTERS) {
      return label;
    }
  }
  return names.length ? `${names[0].slice(0, LETTERS - 5)}…${names.length > 1 ? ` +${names.length - 1}` : ''}` : '';
}

/** An edge as dagre leaves it. */
interface ILaid {
  readonly edge: IEdge;
  readonly label: string;
  readonly points: readonly IPoint[];
  readonly x?: number;
  readonly y?: number;
}

function pathOf({ edge, label, points, x, y }: ILaid): IEdgePath {
  const middle = points[Math.floor(points.length / 2)];
  return { edge, label, path: curve(points), at: { x: x ?? middle.x, y: y ?? middle.y } };
}

function telling({ stages, edges }: Drawn): readonly IEdge[] {
  const setup = new Set(stages.filter(({ role }) => role === 'setup').map(({ name }) => name));
  const fed = new Set(edges.filter(({ from }) => !setup.has(from)).map(({ to }) => to));
  return edges.filter(({ from, to }) => !setup.has(from) || !fed.has(to));
}

/** The name that lies `step` places after `name`, staying inside. */
export function neighbour(names: readonly string[], name: string | null, step: number): string | null {
  if (!names.length) {
    return null;
  }
  const at = name === null ? -1 : names.indexOf(name);
  const next = at < 0 ? 0 : Math.min(names.length - 1, Math.max(0, at + step));
  return names[next];
}

function corner(name: string, centre: IPoint): INodeBox {
  return { name, x: centre.x - NODE.width / 2, y: centre.y - NODE.height / 2 };
}

/** A smooth line: straight to the middle of each inner segment, bent at the points between. */
function curve(points: readonly IPoint[]): string {
  const [first, ...rest] = points;
  const last = rest[rest.length - 1] ?? first;
  const bends = rest.slice(0, -1).map((point, index) => {
    const after = rest[index + 1];
    const end = index === rest.length - 2 ? last : { x: (point.x + after.x) / 2, y: (point.y + after.y) / 2 };
    return `Q${at(point)} ${at(end)}`;
  });
  return [`M${at(first)}`, ...(bends.length ? bends : [`L${at(last)}`])].join(' ');
}

function at(point: IPoint): string {
  return `${Math.round(point.x * 10) / 10},${Math.round(point.y * 10) / 10}`;
}

function finite(size: number | undefined): number {
  return size !== undefined && Number.isFinite(size) ? size : 0;
}
