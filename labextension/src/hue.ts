/**
 * Hue: the colour by which a stage is known at its cells and in the graph. Its name always stands beside it.
 */
import type { IGraph } from './tokens';

/** As many colours as the style sheet has; they are told apart with any kind of sight. */
const HUES = 7;

/** The number of a stage's colour, in the notebook's order; setup, which serves all, has none. */
export function hueOf(graph: Pick<IGraph, 'stages'> | null, name: string): string {
  const named = (graph?.stages ?? []).filter(({ role }) => role !== 'setup');
  const at = named.findIndex(stage => stage.name === name);
  return at < 0 ? 'none' : String(at % HUES);
}
