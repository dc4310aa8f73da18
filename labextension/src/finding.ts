/**
 * Findings and faults: what is wrong, where in the notebook, and what would mend it.
 */
import type { PartialJSONObject } from '@lumino/coreutils';

export type Severity = 'error' | 'warning';

/** Where in the notebook something is; `cell` counts from 0. */
export interface IPlace {
  readonly cell: number | null;
  readonly cell_id: string | null;
  readonly stage: string | null;
}

/** What becomes of a cell; what is null stays as it is. */
export interface IEdit {
  /** Its index before any edit. */
  readonly cell: number;
  readonly cell_id: string | null;
  readonly source: string | null;
  /** The whole of our key; empty takes it away. */
  readonly metadata: PartialJSONObject | null;
  readonly tags: readonly string[] | null;
  /** Source and tags of a new code cell above it. */
  readonly above: string | null;
  readonly above_tags?: readonly string[];
}

/** A line for a file of requirements, which is named as seen from the notebook. */
export interface IRequires {
  readonly file: string;
  readonly requirement: string;
}

/** Edits that do as a cure says, or a requirement to be written down. */
export interface IFix {
  readonly title: string;
  readonly edits: readonly IEdit[];
  readonly requires?: IRequires | null;
}

/** A located reason why the pipeline would not reproduce or may not ship. */
export interface IFinding extends IPlace {
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  readonly cure: string;
  readonly line: number | null;
  /** Ways to do as the cure says; the best one first. */
  readonly fixes?: readonly IFix[];
}

/** Why a verb failed. `code` is null when the failure is not one of nb2prod's. */
export interface IFault extends IPlace {
  readonly code: string | null;
  readonly message: string;
  readonly cure: string;
  readonly detail: string | null;
}
