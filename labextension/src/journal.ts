/**
 * Journal: what a run looks like after the events seen so far.
 */
import type { IFault, IFinding } from './finding';
import type { IResult, IStep, RunEvent, RunState, StageState, StepState, Verb } from './tokens';

/** The steps of Ship, in order. */
export const SHIP_STEPS = ['check', 'run', 'verify', 'baseline', 'package', 'rehearse', 'release', 'serve'] as const;

/** How a stage is shown: what became of it in a run, or what a plan says of it. */
export type ShownState = StageState | 'pending' | 'stale' | 'kept';

export interface IProgress<S extends string> {
  readonly state: S;
  readonly seconds: number | null;
  /** The reason or detail the server gave. */
  readonly why: string;
}

export interface IRunView {
  readonly run: string;
  readonly verb: Verb;
  readonly state: RunState;
  /** The last event seen; a stream is resumed after it. */
  readonly seq: number;
  /** When it began, in seconds since 1970, and how long it took. */
  readonly began: number | null;
  readonly seconds: number | null;
  readonly steps: Readonly<Record<string, IProgress<StepState>>>;
  readonly stages: Readonly<Record<string, IProgress<ShownState>>>;
  /** The cell that runs now, by its id. */
  readonly cell: string | null;
  readonly findings: readonly IFinding[];
  readonly faults: readonly IFault[];
  readonly result: IResult | null;
}

/** A run of which no event was seen yet. */
export function begun(run: string, verb: Verb): IRunView {
  return {
    run,
    verb,
    state: 'running',
    seq: 0,
    began: null,
    seconds: null,
    steps: {},
    stages: {},
    cell: null,
    findings: [],
    faults: [],
    result: null
  };
}

/** The view after one more event. Events seen before change nothing, so a replay is harmless. */
export function after(view: IRunView, event: RunEvent): IRunView {
  if (event.seq <= view.seq) {
    return view;
  }
  const next = { ...view, seq: event.seq, began: view.began ?? event.at };
  switch (event.event) {
    case 'start': {
      const waiting: IProgress<ShownState> = {
        state: 'pending',
        seconds: null,
        why: ''
      };
      return {
        ...next,
        verb: event.verb,
        stages: Object.fromEntries(event.stages.map(name => [name, waiting]))
      };
    }
    case 'step':
      return {
        ...next,
        steps: {
          ...view.steps,
          [event.step]: {
            state: event.state,
            seconds: event.seconds,
            why: event.detail
          }
        }
      };
    case 'stage':
      return {
        ...next,
        stages: {
          ...view.stages,
          [event.stage]: {
            state: event.state,
            seconds: event.seconds,
            why: event.why
          }
        }
      };
    case 'cell':
      return {
        ...next,
        cell: event.state === 'running' ? event.cell_id : null
      };
    case 'finding':
      return { ...next, findings: [...view.findings, event] };
    case 'error':
      return { ...next, faults: [...view.faults, event] };
    case 'end':
      return ended({ ...next, result: event.result, seconds: event.at - next.began }, event.ok ? 'done' : 'failed');
    default:
      // A newer server may send kinds of events that this page does not know yet.
      return next;
  }
}

/** The view of a run that no longer runs: nothing in it is left spinning. */
export function ended(view: IRunView, state: RunState): IRunView {
  const halted = state === 'done' ? 'done' : 'failed';
  return {
    ...view,
    state,
    cell: null,
    steps: settled(view.steps, halted),
    stages: settled(view.stages, state === 'done' ? 'done' : 'skipped')
  };
}

/** How a stage is to be shown, from the newest run and from the plan of the notebook as it is. */
export function shown(name: string, view: IRunView | null, plan: readonly IStep[]): IProgress<ShownState> {
  const ran = view?.stages[name];
  if (view?.state === 'running') {
    return ran ?? { state: 'pending', seconds: null, why: '' };
  }
  const step = plan.find(({ stage }) => stage === name);
  // What failed, and what did not run for that, stays to be seen until the next run.
  const stopped = ran?.state === 'failed' || (view?.state === 'failed' && ran?.state === 'skipped');
  if (!step || stopped) {
    return ran ?? { state: 'pending', seconds: null, why: '' };
  }
  if (step.action === 'reuse') {
    return ran?.state === 'done' ? ran : { state: 'kept', seconds: step.seconds, why: step.why };
  }
  return { state: step.seconds === null ? 'pending' : 'stale', seconds: null, why: step.why };
}

/** The part of a fault or finding by which it is known. */
type Reason = Pick<IFinding, 'message' | 'cell_id'> & { readonly code: string | null };

/** Whether only a run can tell. What the text tells (NB1xx) is told with the graph, and goes when the text is mended. */
export function onlyRunsTell({ code }: Reason): boolean {
  return !code?.startsWith('NB1');
}

export function same(one: Reason, other: Reason): boolean {
  return one.code === other.code && one.cell_id === other.cell_id && one.message === other.message;
}

/** The faults of an earlier run that the text, as it is now, has not outlived. */
export function standing(faults: readonly IFault[], now: readonly IFinding[]): readonly IFault[] {
  return faults.filter(
    fault => onlyRunsTell(fault) || fault.cell_id === null || now.some(finding => same(fault, finding))
  );
}

function settled<S extends string>(
  all: Readonly<Record<string, IProgress<S>>>,
  state: S
): Record<string, IProgress<S>> {
  return Object.fromEntries(
    Object.entries(all).map(([name, one]) => [name, one.state === 'running' ? { ...one, state } : one])
  );
}
