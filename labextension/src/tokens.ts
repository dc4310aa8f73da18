/**
 * The words of nb2prod: the JSON that the server sends, and the interfaces our plugins share.
 */
import type { PartialJSONObject, PartialJSONValue } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import type { IDeployment, IPromotion, IReproduction } from './deployment';
import type { IEdit, IFault, IFinding, IPlace, IRequires } from './finding';

export type Verb = 'run' | 'ship';
export type RunState = 'running' | 'done' | 'failed' | 'cancelled' | 'lost';
export type StageState = 'running' | 'done' | 'reused' | 'failed' | 'skipped';
export type StepState = 'running' | 'done' | 'failed';

/** A stage that a notebook seems to have; one that is `given` is tagged already. */
export interface IProposal {
  readonly name: string;
  readonly role: string;
  readonly cells: readonly number[];
  readonly cell_ids: readonly string[];
  readonly why: string;
  readonly confidence: number;
  readonly given: boolean;
}

export interface ISuggestion {
  readonly stages: readonly IProposal[];
  readonly edits: readonly IEdit[];
}

export interface IStage {
  readonly name: string;
  readonly role: string;
  readonly cells: readonly number[];
  readonly cell_ids: readonly string[];
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  readonly options: PartialJSONObject;
}

export interface IEdge {
  readonly from: string;
  readonly to: string;
  readonly names: readonly string[];
  readonly why: string;
}

/** What one cell takes from an earlier stage. */
export interface IUse {
  readonly cell: number;
  readonly cell_id: string | null;
  readonly from: string;
  readonly names: readonly string[];
}

/** A name that a run may set anew; `value` is its default as Python source. */
export interface IParameter {
  readonly name: string;
  readonly value: string;
}

/** The pipeline of a notebook as it is now. */
export interface IGraph {
  readonly notebook: string;
  readonly stages: readonly IStage[];
  readonly edges: readonly IEdge[];
  readonly uses: readonly IUse[];
  readonly parameters: readonly IParameter[];
  readonly findings: readonly IFinding[];
}

/** One option of a stage, in JSON Schema. */
export interface IOptionField {
  readonly type: 'integer' | 'number' | 'boolean' | 'string';
  readonly description: string;
  readonly minimum?: number;
  readonly enum?: readonly string[];
}

export interface IOptionForm {
  readonly properties: Readonly<Record<string, IOptionField>>;
}

/** Values that share objects, kept together. */
export interface IArtifact {
  readonly names: readonly string[];
  readonly kinds: readonly string[];
  readonly bytes: number;
}

/** One line of a plan; the numbers are of the run that is reused, else of the last one. */
export interface IStep {
  readonly stage: string;
  readonly action: 'run' | 'reuse' | 'skip';
  readonly why: string;
  readonly seconds: number | null;
  readonly bytes: number | null;
  readonly artifacts: readonly IArtifact[];
}

export type Metrics = Readonly<Record<string, number>>;

export interface IVerdict {
  readonly rule: string;
  readonly ok: boolean;
  readonly detail: string;
}

export interface IRehearsal {
  readonly rows: number;
  readonly equal: boolean;
  readonly cold_start_seconds?: number;
  readonly p50_ms?: number;
  readonly p95_ms?: number;
}

/** A release that runs, or ran, as a process on the server's machine. */
export interface IServiceState {
  readonly release: string;
  readonly state: 'running' | 'stopped';
  readonly url: string | null;
}

/** What a run or a Ship came to; a run has none of the optional fields. */
export interface IResult {
  readonly run: string;
  readonly verb: Verb;
  readonly ok: boolean;
  readonly error: IFault | null;
  readonly release?: string | null;
  readonly metrics?: Metrics | null;
  readonly baseline?: {
    readonly name: string;
    readonly metrics: Metrics;
  } | null;
  readonly gate?: {
    readonly ok: boolean;
    readonly verdicts: readonly IVerdict[];
  } | null;
  readonly rehearsal?: IRehearsal | null;
  readonly service?: IServiceState | null;
  readonly url?: string | null;
  /** The path of its risk sheet, where it has one. */
  readonly risk?: string | null;
  /** Whether the stages gave what the notebook gives when it is run straight through. */
  readonly verify?: { readonly equal: boolean } | null;
}

/** One line of the history of a notebook's runs. */
export interface IRunSummary {
  readonly run: string;
  readonly verb: Verb;
  readonly state: RunState;
  readonly release?: string | null;
  /** In seconds since 1970, and how long it took. */
  readonly started: number;
  readonly seconds: number;
}

interface IEventBase {
  readonly seq: number;
  readonly at: number;
}

/** One line of a run's journal. */
export type RunEvent = IEventBase &
  (
    | {
        readonly event: 'start';
        readonly run: string;
        readonly verb: Verb;
        readonly stages: readonly string[];
      }
    | {
        readonly event: 'step';
        readonly step: string;
        readonly state: StepState;
        readonly seconds: number | null;
        readonly detail: string;
      }
    | {
        readonly event: 'stage';
        readonly stage: string;
        readonly state: StageState;
        readonly seconds: number | null;
        readonly why: string;
      }
    | {
        readonly event: 'cell';
        readonly cell: number;
        readonly cell_id: string;
        readonly stage: string;
        readonly state: StepState;
      }
    | ({ readonly event: 'finding' } & IFinding)
    | ({ readonly event: 'error' } & IFault)
    | { readonly event: 'end'; readonly ok: boolean; readonly result: IResult }
  );

/** A piece of a journal, and how the run stands. */
export interface IJournalPage {
  readonly state: RunState;
  readonly events: readonly RunEvent[];
}

/** New values for parameters, as they were typed. */
export type Typed = Readonly<Record<string, string>>;

/** What is to be done. */
export interface IOrder {
  readonly verb: Verb;
  readonly typed: Typed;
  /** Stages to run even when they are kept. */
  readonly force?: readonly string[];
  /** Run this stage and all that depend on it, even when they are kept. */
  readonly since?: string;
  /** The last stage to run. */
  readonly until?: string;
}

/** What a ship would run and put into a release; `seconds` is what the stages to run took when they ran last. */
export interface IReview {
  readonly steps: readonly IStep[];
  readonly offer: {
    readonly kind: 'model' | 'function' | 'tables';
    readonly names: readonly string[];
    /** False where only the values tell whether they are tables. */
    readonly sure: boolean;
  };
  readonly files: readonly string[];
  readonly seconds: number;
}

/** What there is to be read of a release. */
export type ReleasePage = 'risk' | 'monitor';

/** What a run left that can be opened. */
export type RunRecord = 'report' | 'log' | 'notebook';

export interface IPair<T> {
  readonly one: T;
  readonly other: T;
}

export type INamedPair = IPair<PartialJSONValue | null> & { readonly name: string };

/** What differs between two runs. */
export interface IComparison {
  readonly runs: readonly string[];
  readonly parameters: readonly INamedPair[];
  readonly metrics: readonly INamedPair[];
  readonly stages: readonly {
    readonly name: string;
    readonly change: 'added' | 'removed' | 'changed' | 'same';
    readonly diff: readonly string[];
    readonly seconds: IPair<number | null>;
  }[];
  readonly edges: {
    readonly added: readonly IFlow[];
    readonly removed: readonly IFlow[];
  };
}

/** A name that flows from a stage to another. */
export interface IFlow {
  readonly from: string;
  readonly to: string;
  readonly name: string;
}

/** The verbs of the server. Paths are relative to its root; every call rejects with a `ServiceFault`. */
export interface IPipelineService {
  /** How a stage may be told to run, for a form. */
  options(): Promise<IOptionForm>;
  graph(path: string, content: PartialJSONObject): Promise<IGraph>;
  plan(path: string, content: PartialJSONObject, typed: Typed): Promise<readonly IStep[]>;
  suggest(path: string, content: PartialJSONObject): Promise<ISuggestion>;
  /** Add to a file of the notebook's project; resolves with the file's path. */
  require(path: string, requires: IRequires): Promise<string>;
  review(path: string, content: PartialJSONObject, typed: Typed): Promise<IReview>;
  start(path: string, order: IOrder): Promise<string>;
  compare(path: string, one: string, other: string): Promise<IComparison>;
  /** Where a browser finds what a run left. */
  recordUrl(path: string, run: string, record: RunRecord): string;
  /** Where a browser finds a page of the documentation. */
  manualUrl(page: string): string;
  /** The notebook that a run ran, with its outputs. */
  executed(path: string, run: string): Promise<PartialJSONObject>;
  runs(path: string): Promise<readonly IRunSummary[]>;
  page(path: string, run: string, after: number): Promise<IJournalPage>;
  /** Tell `listen` each event after `after`; resolves when the stream closes, for whatever reason. */
  stream(
    path: string,
    run: string,
    after: number,
    listen: (event: RunEvent) => void,
    signal: AbortSignal
  ): Promise<void>;
  cancel(path: string, run: string): Promise<void>;
  releases(path: string): Promise<readonly IRelease[]>;
  serve(path: string, release: string): Promise<IServiceState>;
  stop(path: string, release: string): Promise<IServiceState>;
  /** What answers at the notebook's address; null where nothing was ever promoted. */
  deployment(path: string): Promise<IDeployment | null>;
  promote(path: string, release: string, promotion: IPromotion): Promise<IDeployment>;
  rollback(path: string, note: string): Promise<IDeployment>;
  retire(path: string): Promise<IDeployment>;
  /** Make a release again from its record, and compare. */
  reproduce(path: string, release: string): Promise<IReproduction>;
  reproduction(path: string, release: string): Promise<IReproduction | null>;
  /** Where a browser finds what is to be read of a release: its risk sheet, or how it fares. */
  releaseUrl(path: string, release: string, page: ReleasePage): string;
  /** Where a browser reaches a service whose own address is `url`; `release` may be LIVE. */
  address(path: string, release: string, url: string): string;
  predict(path: string, release: string, row: PartialJSONValue): Promise<IAnswer>;
}

/** What a service said. */
export interface IAnswer {
  readonly ok: boolean;
  readonly text: string;
  readonly faults: readonly IRowFault[];
}

/** What is wrong with a field of a row, or with all of it. */
export interface IRowFault {
  readonly field: string | null;
  readonly text: string;
}

/** What Ship left behind, with the state of its service. */
export interface IRelease {
  readonly id: string;
  readonly service?: IServiceState | null;
  /** A row that it can be asked for. */
  readonly example?: PartialJSONValue | null;
  /** Whether it was made again; null if nobody asked. */
  readonly reproduction?: IReproduction | null;
}

/** An open notebook, as much of it as a pipeline needs. */
export interface INotebookDocument extends IDisposable {
  readonly path: string;
  readonly name: string;
  /** Emitted when cells, their text or their tags may have changed. */
  readonly changed: ISignal<INotebookDocument, void>;
  /** The notebook as it is now, without outputs. */
  content(): PartialJSONObject;
  /** Write it if it has unsaved changes; false when it could not be written, which the user was told. */
  save(): Promise<boolean>;
  /** Bring a cell into view and select it. */
  reveal(place: IPlace): Promise<void>;
  /** Carry edits out, all at once, so that one «undo» takes them back. */
  apply(edits: readonly IEdit[]): void;
  /** Tell how a stage runs; null leaves it to the default. */
  setOption(stage: Pick<IStage, 'cell_ids'>, option: string, value: string | number | boolean | null): void;
}
