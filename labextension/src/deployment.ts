/**
 * Deployment: which releases of a notebook answer at its address, and whether they can be made again, as the server
 * tells it.
 */
import type { IFault } from './finding';

/** How a release fares that requests go to. */
export interface ITally {
  readonly role: 'live' | 'canary' | 'shadow' | 'standby';
  readonly requests: number;
  readonly errors: number;
  readonly p50_ms: number | null;
  readonly p95_ms: number | null;
  readonly trouble: string | null;
}

/** How a shadow's answers compare with those that were given. */
export interface IShadowReport {
  readonly same: number;
  readonly different: number;
  readonly failed: number;
}

/** One line of a deployment's history. */
export interface IChange {
  readonly at: string;
  readonly verb: 'promote' | 'canary' | 'shadow' | 'rollback' | 'withdraw' | 'stop';
  readonly release: string | null;
  readonly instead_of: string | null;
  readonly share: number | null;
  readonly note: string;
  readonly by: string;
}

/** Which releases of a notebook answer at its address, and how they fare. */
export interface IDeployment {
  readonly live: string | null;
  readonly canary: string | null;
  /** What the canary gets of the requests. */
  readonly share: number;
  readonly shadow: string | null;
  /** What was live before, the last one last. */
  readonly before: readonly string[];
  readonly history: readonly IChange[];
  readonly state: 'running' | 'degraded' | 'down' | 'stopped';
  readonly url: string | null;
  readonly releases: Readonly<Record<string, ITally>>;
  readonly shadow_report: IShadowReport | null;
  readonly trouble: string | null;
}

/** How a release shall be deployed: it gets all requests, a share of them, or copies only. */
export interface IPromotion {
  readonly canary?: number;
  readonly shadow?: boolean;
  readonly note: string;
}

/** What of a release that was made again is the same. */
export type Sameness = 'same bits' | 'same model' | 'same metrics' | 'different';

/** How making a release again from its record stands. */
export interface IReproduction {
  readonly state: 'running' | 'done' | 'lost';
  /** What it is at. */
  readonly step: string;
  readonly result: {
    readonly ok: boolean;
    readonly error: IFault | null;
    readonly verdict?: Sameness;
    readonly seconds?: number;
  } | null;
}
