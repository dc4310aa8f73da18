/**
 * Model: what is known of one open notebook's pipeline, its newest run and its last release.
 */
import type { PartialJSONObject } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import { Debouncer, Throttler } from '@lumino/polling';
import { Signal } from '@lumino/signaling';
import type { ISignal } from '@lumino/signaling';
import { follow } from './follow';
import { after, begun, ended, onlyRunsTell, same, shown, standing } from './journal';
import type { IProgress, IRunView, ShownState } from './journal';
import { ServiceFault } from './service';
import type {
  IFault,
  IFinding,
  IGraph,
  INotebookDocument,
  IOptionForm,
  IPipelineService,
  IResult,
  IServiceState,
  IStep,
  Verb
} from './tokens';

/** Milliseconds without typing before the server is asked for the graph. */
const QUIET = 150;

/** Milliseconds for which changes are gathered before they are told. */
const GATHER = 30;

/** Why the server could not be asked; status 0 means that it did not answer. */
export interface ITrouble {
  readonly fault: IFault;
  readonly status: number;
}

export class PipelineModel implements IDisposable {
  constructor(
    readonly document: INotebookDocument,
    private readonly _service: IPipelineService
  ) {
    document.changed.connect(this._onEdited, this);
    void this._recall();
    void this._inspect();
  }

  /** Emitted when anything below has changed. */
  get changed(): ISignal<PipelineModel, void> {
    return this._changed;
  }

  /** Emitted once for each run that ends while this page looks on. */
  get finished(): ISignal<PipelineModel, IRunView> {
    return this._finished;
  }

  /** The pipeline of the notebook as it is now, saved or not. */
  get graph(): IGraph | null {
    return this._graph;
  }

  /** How a stage may be told to run. */
  get form(): IOptionForm | null {
    return this._form;
  }

  /** The newest run. */
  get run(): IRunView | null {
    return this._run;
  }

  /** The result of the last Ship that left a release. */
  get shipped(): IResult | null {
    return this._shipped;
  }

  /** The service of that release. */
  get service(): IServiceState | null {
    return this._serving;
  }

  /** A row that the service can be asked for. */
  get example(): PartialJSONObject | null {
    return this._example;
  }

  /** What was asked for and has not begun yet. */
  get pending(): Verb | 'serve' | 'stop' | null {
    return this._pending;
  }

  get trouble(): ITrouble | null {
    return this._trouble;
  }

  /** Whether a verb is under way, so that another must wait. */
  get busy(): boolean {
    return this._pending !== null || this._run?.state === 'running';
  }

  get selected(): string | null {
    return this._selected;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Whether somebody has named a stage, and so wants a pipeline. */
  get tagged(): boolean {
    return this._graph?.stages.some(({ role }) => role !== 'setup') ?? false;
  }

  /** Why the newest run failed. */
  get faults(): readonly IFault[] {
    return this._run && this._run.state !== 'done' ? standing(this._run.faults, this._graph?.findings ?? []) : [];
  }

  /** What else speaks against this notebook: read from its text as it is now, or met by the newest run. */
  get findings(): readonly IFinding[] {
    const faults = this.faults;
    const found = [...(this._graph?.findings ?? []), ...(this._run?.findings ?? []).filter(onlyRunsTell)];
    return found.filter(finding => !faults.some(fault => same(fault, finding)));
  }

  stage(name: string): IProgress<ShownState> {
    return shown(name, this._run, this._plan);
  }

  /** What a run would do with a stage, and what it left when it last ran. */
  step(name: string): IStep | null {
    return this._plan.find(({ stage }) => stage === name) ?? null;
  }

  select(stage: string | null): void {
    this._selected = stage;
    this._tell();
  }

  /** Save the notebook and start a verb on the file. */
  async start(verb: Verb): Promise<void> {
    if (this.busy) {
      return;
    }
    await this._asking(verb, async () => {
      if (await this.document.save()) {
        this._watch(await this._service.start(this.document.path, verb), verb, true);
      }
    });
  }

  async cancel(): Promise<void> {
    const run = this._run;
    if (run?.state === 'running') {
      await this._asking(null, () => this._service.cancel(this.document.path, run.run));
    }
  }

  async serve(): Promise<void> {
    await this._serviceVerb('serve');
  }

  async stop(): Promise<void> {
    await this._serviceVerb('stop');
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    this._following.abort();
    this._quiet.dispose();
    this._gather.dispose();
    this.document.dispose();
    Signal.clearData(this);
  }

  private _onEdited(): void {
    void this._quiet.invoke().catch(() => undefined); // rejects when disposed
  }

  /** Find again what this notebook has behind it. */
  private async _recall(): Promise<void> {
    await this._asking(null, async () => {
      const path = this.document.path;
      const runs = await this._service.runs(path);
      const newest = runs[0];
      if (newest && this._run === null) {
        this._watch(newest.run, newest.verb, newest.state === 'running');
      }
      const shipped = runs.find(({ release }) => release);
      if (shipped && shipped !== newest) {
        const { events } = await this._service.page(path, shipped.run, 0);
        this._keep(events.reduce(after, begun(shipped.run, shipped.verb)).result);
        await this._look();
      }
      this._form = await this._service.options();
    });
  }

  /** Follow a run from its first event; a `live` one is announced when it ends. */
  private _watch(run: string, verb: Verb, live: boolean): void {
    this._following.abort();
    const following = new AbortController();
    this._following = following;
    this._run = begun(run, verb);
    const listen = (event: Parameters<typeof after>[1]) => {
      this._run = after(this._run ?? begun(run, verb), event);
      this._tell();
    };
    this._tell();
    const { path } = this.document;
    void follow(this._service, {
      path,
      run,
      listen,
      signal: following.signal
    }).then(state => {
      if (following.signal.aborted || !this._run) {
        return;
      }
      this._run = ended(this._run, state);
      this._keep(this._run.result);
      this._tell();
      if (live) {
        this._finished.emit(this._run);
      }
      void this._foresee();
      void this._look();
    });
  }

  /** Keep the result of a Ship that left a release; nothing else replaces the one shown. */
  private _keep(result: IResult | null): void {
    if (result?.release && (!this._shipped || result.run >= this._shipped.run)) {
      this._shipped = result;
      this._serving = result.service ?? null;
      this._tell();
    }
  }

  /** Ask how the service of the release shown stands. */
  private async _look(): Promise<void> {
    const release = this._shipped?.release;
    if (release) {
      await this._asking(null, async () => {
        const releases = await this._service.releases(this.document.path);
        const found = releases.find(({ id }) => id === release);
        this._serving = found?.service ?? null;
        this._example = found?.example ?? null;
      });
    }
  }

  /** Ask for the pipeline of the text as it is. */
  private async _inspect(): Promise<void> {
    const content = this.document.content();
    const text = JSON.stringify(content);
    if (text === this._inspected) {
      return;
    }
    this._inspected = text;
    await this._asking(null, async () => {
      const graph = await this._service.graph(this.document.path, content);
      if (this._inspected === text) {
        this._graph = graph;
      }
    });
    await this._foresee();
  }

  /** Ask what a run of the notebook as it is would do. A plan that cannot be made is no trouble: findings say why. */
  private async _foresee(): Promise<void> {
    if (this._isDisposed || this.busy) {
      return;
    }
    if (!this._graph || this._graph.findings.some(({ severity }) => severity === 'error')) {
      this._plan = [];
      this._tell();
      return;
    }
    const text = this._inspected;
    let plan: readonly IStep[] = [];
    try {
      plan = await this._service.plan(this.document.path, this.document.content());
    } catch {
      // findings say why there is none
    }
    if (this._inspected === text) {
      this._plan = plan;
      this._tell();
    }
  }

  private async _serviceVerb(verb: 'serve' | 'stop'): Promise<void> {
    const release = this._shipped?.release;
    if (release && this._pending === null) {
      await this._asking(verb, async () => {
        this._serving = await this._service[verb](this.document.path, release);
      });
    }
  }

  /** Do what needs the server; its refusal is kept to be shown. */
  private async _asking(pending: Verb | 'serve' | 'stop' | null, ask: () => Promise<void>): Promise<void> {
    this._pending = pending ?? this._pending;
    this._tell();
    try {
      await ask();
      this._trouble = null;
    } catch (error) {
      if (!(error instanceof ServiceFault)) {
        throw error;
      }
      this._trouble = { fault: error.fault, status: error.status };
    } finally {
      this._pending = pending === null ? this._pending : null;
      this._tell();
    }
  }

  private _tell(): void {
    if (!this._isDisposed) {
      void this._gather.invoke().catch(() => undefined); // rejects when disposed
    }
  }

  private _graph: IGraph | null = null;
  private _form: IOptionForm | null = null;
  private _plan: readonly IStep[] = [];
  private _run: IRunView | null = null;
  private _shipped: IResult | null = null;
  private _serving: IServiceState | null = null;
  private _example: PartialJSONObject | null = null;
  private _pending: Verb | 'serve' | 'stop' | null = null;
  private _trouble: ITrouble | null = null;
  private _selected: string | null = null;
  private _inspected = '';
  private _isDisposed = false;
  private _following = new AbortController();
  private readonly _changed = new Signal<PipelineModel, void>(this);
  private readonly _finished = new Signal<PipelineModel, IRunView>(this);
  private readonly _quiet = new Debouncer(() => this._inspect(), QUIET);
  private readonly _gather = new Throttler(() => this._changed.emit(), {
    limit: GATHER,
    edge: 'trailing'
  });
}
