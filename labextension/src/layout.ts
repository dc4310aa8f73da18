/**
 * Layout: where the stages and edges of a pipeline are drawn, in pixels from the top left.
 */
import { Graph, layout as dagre } from '@dagrejs/dagre';
import type { IEdge, IGraph } from './tokens';

export const NODE = { width: 148, height: 44 } as const;

const MARGIN = 4;

export interface IPoint {
  readonly x: number;
  readonly y: number;
}

/** A node by its top left corner. */
export interface INodeBox extends IPoint {
  readonly name: string;
}

export interface IEdgePath {
  readonly from: string;
  readonly to: string;
  /** The `d` of an SVG path. */
  readonly path: string;
}

export interface IDrawing {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly INodeBox[];
  readonly edges: readonly IEdgePath[];
}

/**
 * Lay a pipeline out from top to bottom; edges to unknown stages are left out.
 *
 * Setup serves every stage, so its edges say little and hide the others: they are drawn only where nothing else leads.
 */
export function draw(graph: Pick<IGraph, 'stages' | 'edges'>): IDrawing {
  const plane = new Graph({ multigraph: false });
  plane.setGraph({
    rankdir: 'TB',
    nodesep: 16,
    ranksep: 26,
    marginx: MARGIN,
    marginy: MARGIN
  });
  plane.setDefaultEdgeLabel(() => ({}));
  for (const stage of graph.stages) {
    plane.setNode(stage.name, { ...NODE });
  }
  for (const edge of telling(graph)) {
    if (edge.from !== edge.to && plane.hasNode(edge.from) && plane.hasNode(edge.to)) {
      plane.setEdge(edge.from, edge.to);
    }
  }
  dagre(plane);
  const size = plane.graph() as { width?: number; height?: number };
  return {
    width: finite(size.width),
    height: finite(size.height),
    nodes: plane.nodes().map(name => corner(name, plane.node(name) as IPoint)),
    edges: plane.edges().map(({ v, w }) => ({
      from: v,
      to: w,
      path: curve((plane.edge({ v, w }) as { points: IPoint[] }).points)
    }))
  };
}

function telling({ stages, edges }: Pick<IGraph, 'stages' | 'edges'>): readonly IEdge[] {
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
