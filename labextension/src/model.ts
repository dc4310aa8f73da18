/**
 * Model: what is known of one open notebook's pipeline as it is now, with its runs and releases.
 */
import type { PartialJSONObject } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import { Debouncer, Throttler } from '@lumino/polling';
import { Signal } from '@lumino/signaling';
import type { ISignal } from '@lumino/signaling';
import { Asking } from './asking';
import { Deployments } from './deployments';
import { after, begun, onlyRunsTell, same, shown, standing } from './journal';
import type { IProgress, IRunView, ShownState } from './journal';
import { preview } from './preview';
import { Releases } from './releases';
import { Runs } from './runs';
import type { IFault, IFinding, IFix, IRequires } from './finding';
import type {
  IGraph,
  INotebookDocument,
  IOptionForm,
  IOrder,
  IPipelineService,
  IProposal,
  IReview,
  IStep,
  ISuggestion,
  Verb
} from './tokens';

/** Milliseconds without typing before the server is asked for the graph. */
const QUIET = 150;

/** Milliseconds for which changes are gathered before they are told. */
const GATHER = 30;

export class PipelineModel implements IDisposable {
  constructor(
    readonly document: INotebookDocument,
    readonly service: IPipelineService
  ) {
    const tell = (): void => this._tell();
    this.asking = new Asking(tell);
    this.runs = new Runs({ document, service, tell, asking: this.asking });
    this.releases = new Releases({ document, service, tell, asking: this.asking });
    this.deployments = new Deployments({ document, service, tell, asking: this.asking });
    this.runs.finished.connect(this._onFinished, this);
    document.changed.connect(this._onEdited, this);
    void this._recall();
    void this._inspect();
  }

  readonly asking: Asking;
  readonly runs: Runs;
  readonly releases: Releases;
  readonly deployments: Deployments;

  /** Emitted when anything below has changed. */
  get changed(): ISignal<PipelineModel, void> {
    return this._changed;
  }

  /** Emitted once for each run that ends while this page looks on. */
  get finished(): ISignal<PipelineModel, IRunView> {
    return this._finished;
  }

  /** Emitted when a requirement was written into a file, whose path is told. */
  get required(): ISignal<PipelineModel, IRequires> {
    return this._required;
  }

  /** The pipeline of the notebook as it is now, saved or not. */
  get graph(): IGraph | null {
    return this._graph;
  }

  /** Stages that the notebook seems to have, once they were asked for. */
  get suggestion(): ISuggestion | null {
    return this._suggestion;
  }

  /** Of the stages that were suggested, those that are not accepted yet. */
  get proposals(): readonly IProposal[] {
    const { edits = [], stages = [] } = this._suggestion ?? {};
    const edited = new Set(edits.map(({ cell }) => cell));
    return stages.filter(({ given, cells }) => !given && cells.some(cell => edited.has(cell)));
  }

  /** The pipeline as it would be with all that is suggested. */
  get preview(): IGraph | null {
    return this._suggestion?.edits.length ? this._preview : null;
  }

  /** How a stage may be told to run. */
  get form(): IOptionForm | null {
    return this._form;
  }

  /** The run that is looked at. */
  get run(): IRunView | null {
    return this.runs.view;
  }

  /** New values for parameters, as they were typed. */
  get typed(): Readonly<Record<string, string>> {
    const known = new Set((this._graph?.parameters ?? []).map(({ name }) => name));
    return Object.fromEntries(Object.entries(this._typed).filter(([name, text]) => known.has(name) && text.trim()));
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

  /** Why the run that is looked at failed. */
  get faults(): readonly IFault[] {
    const { run } = this;
    return run && run.state !== 'done' ? standing(run.faults, this._graph?.findings ?? []) : [];
  }

  /** What else speaks against this notebook: read from its text as it is now, or met by the run. */
  get findings(): readonly IFinding[] {
    const { faults } = this;
    const found = [...(this._graph?.findings ?? []), ...(this.run?.findings ?? []).filter(onlyRunsTell)];
    return found.filter(finding => !faults.some(fault => same(fault, finding)));
  }

  stage(name: string): IProgress<ShownState> {
    return shown(name, this.run, this._plan);
  }

  /** What a run would do with a stage, and what it left when it last ran. */
  step(name: string): IStep | null {
    return this._plan.find(({ stage }) => stage === name) ?? null;
  }

  select(stage: string | null): void {
    this._selected = stage;
    this._tell();
  }

  /** Set a parameter for the next run; an empty text leaves it as the notebook has it. */
  setParameter(name: string, text: string): void {
    this._typed = { ...this._typed, [name]: text };
    this._tell();
    this._onEdited();
  }

  /** Save the notebook and start a verb on the file, with the parameters that were typed. */
  async start(verb: Verb, stages: Pick<IOrder, 'force' | 'since' | 'until'> = {}): Promise<void> {
    await this.runs.start({ verb, typed: this.typed, ...stages });
  }

  /** Ask for stages that the notebook seems to have. */
  async suggest(): Promise<void> {
    await this.asking.ask(null, async () => {
      const content = this.document.content();
      const suggestion = await this.service.suggest(this.document.path, content);
      this._preview = await this.service.graph(this.document.path, preview(content, suggestion.edits));
      this._suggestion = suggestion;
    });
  }

  /** Tag the notebook as suggested: with all stages, or with one of them and then ask again. */
  async accept(proposal?: IProposal): Promise<void> {
    const edits = this._suggestion?.edits ?? [];
    this.document.apply(proposal ? edits.filter(({ cell }) => proposal.cells.includes(cell)) : edits);
    if (proposal) {
      await this.suggest();
    } else {
      this.dismiss();
    }
  }

  /** Do as a cure says: in the notebook, where it can be undone, or in the list of what its project needs. */
  async mend({ edits, requires }: IFix): Promise<void> {
    this.document.apply(edits);
    if (requires) {
      await this.asking.ask('require', async () => {
        const file = await this.service.require(this.document.path, requires);
        this._required.emit({ file, requirement: requires.requirement });
      });
      await this.look();
    }
  }

  /** Ask for the pipeline again, although the text is the same: what lies beside the notebook has changed. */
  async look(): Promise<void> {
    this._inspected = '';
    await this._inspect();
  }

  /** Put the suggestion away. */
  dismiss(): void {
    this._suggestion = null;
    this._tell();
  }

  /** What a ship would do, or null when the server could not say, which the panel shows. */
  async review(): Promise<IReview | null> {
    let review: IReview | null = null;
    await this.asking.ask('review', async () => {
      review = await this.service.review(this.document.path, this.document.content(), this.typed);
    });
    return review;
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    this.runs.dispose();
    this.releases.dispose();
    this.deployments.dispose();
    this._quiet.dispose();
    this._gather.dispose();
    this.document.dispose();
    Signal.clearData(this);
  }

  private _onEdited(): void {
    void this._quiet.invoke().catch(() => undefined); // rejects when disposed
  }

  private _onFinished(_: Runs, { view, live }: { readonly view: IRunView; readonly live: boolean }): void {
    void this.releases.show(view.result);
    void this._foresee();
    if (live && view.result?.release) {
      void this.deployments.follow();
    }
    if (live) {
      this._finished.emit(view);
    }
  }

  /** Find again what this notebook has behind it: its runs, and its last release. */
  private async _recall(): Promise<void> {
    await this.runs.recall();
    const { list } = this.runs;
    const shipped = list.find(({ release }) => release);
    const { path } = this.document;
    await this.asking.ask(null, async () => {
      if (shipped && shipped !== list[0]) {
        const { events } = await this.service.page(path, shipped.run, 0);
        await this.releases.show(events.reduce(after, begun(shipped.run, shipped.verb)).result);
      }
      this._form = await this.service.options();
    });
    if (list.some(({ release }) => release)) {
      await this.deployments.follow();
    }
  }

  /** Ask for the pipeline of the text as it is. */
  private async _inspect(): Promise<void> {
    const content = this.document.content();
    const text = JSON.stringify(content);
    if (text !== this._inspected) {
      this._inspected = text;
      await this.asking.ask(null, async () => {
        const graph = await this.service.graph(this.document.path, content);
        if (this._inspected === text) {
          this._graph = graph;
          this._content = content;
        }
      });
    }
    const foreseen = text + JSON.stringify(this.typed);
    if (foreseen !== this._foreseen) {
      this._foreseen = foreseen;
      await this._foresee();
    }
  }

  /** Ask what a run of the notebook as it is would do. A plan that cannot be made is no trouble: findings say why. */
  private async _foresee(): Promise<void> {
    const text = this._inspected;
    if (this._isDisposed || this.run?.state === 'running') {
      return;
    }
    let plan: readonly IStep[] = [];
    if (this._graph && !this._graph.findings.some(({ severity }) => severity === 'error')) {
      try {
        // Of the text that the graph is of: what was typed since may have errors, and then there is no plan.
        plan = await this.service.plan(this.document.path, this._content, this.typed);
      } catch {
        // findings say why there is none
      }
    }
    if (this._inspected === text) {
      this._plan = plan;
      this._tell();
    }
  }

  private _tell(): void {
    if (!this._isDisposed) {
      void this._gather.invoke().catch(() => undefined); // rejects when disposed
    }
  }

  private _graph: IGraph | null = null;
  private _content: PartialJSONObject = {};
  private _form: IOptionForm | null = null;
  private _suggestion: ISuggestion | null = null;
  private _preview: IGraph | null = null;
  private _plan: readonly IStep[] = [];
  private _typed: Readonly<Record<string, string>> = {};
  private _selected: string | null = null;
  private _inspected = '';
  private _foreseen = '';
  private _isDisposed = false;
  private readonly _changed = new Signal<PipelineModel, void>(this);
  private readonly _required = new Signal<PipelineModel, IRequires>(this);
  private readonly _finished = new Signal<PipelineModel, IRunView>(this);
  private readonly _quiet = new Debouncer(() => this._inspect(), QUIET);
  private readonly _gather = new Throttler(() => this._changed.emit(), {
    limit: GATHER,
    edge: 'trailing'
  });
}
