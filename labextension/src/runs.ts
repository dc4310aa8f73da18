/**
 * Runs: what was done with a notebook, whoever started it and wherever, and the one that is looked at.
 */
import type { IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import { Signal } from '@lumino/signaling';
import type { ISignal } from '@lumino/signaling';
import type { Asking } from './asking';
import { follow } from './follow';
import { after, begun, ended } from './journal';
import type { IRunView } from './journal';
import type { INotebookDocument, IOrder, IPipelineService, IRunSummary, Verb } from './tokens';

/** Milliseconds between two looks for runs that another page or a terminal has started. */
const LOOK = 5000;

export interface IRunsOptions {
  readonly document: INotebookDocument;
  readonly service: IPipelineService;
  readonly asking: Asking;
  /** Called when what is known has changed. */
  readonly tell: () => void;
}

export class Runs implements IDisposable {
  constructor(private readonly _options: IRunsOptions) {
    this._poll = new Poll({
      auto: false,
      factory: () => this.refresh(),
      frequency: { interval: LOOK, backoff: true, max: 12 * LOOK },
      standby: 'when-hidden'
    });
  }

  /** All runs, newest first. */
  get list(): readonly IRunSummary[] {
    return this._list;
  }

  /** The run that is looked at: the newest, if nobody chose another. */
  get view(): IRunView | null {
    return this._view;
  }

  /** Emitted when a run that was looked at has ended; `live` when it ended just now. */
  get finished(): ISignal<Runs, { readonly view: IRunView; readonly live: boolean }> {
    return this._finished;
  }

  get isDisposed(): boolean {
    return this._poll.isDisposed;
  }

  /** Find again what this notebook has behind it, and go on looking. */
  async recall(): Promise<void> {
    const { asking } = this._options;
    await asking.ask(null, () => this.refresh());
    if (!this.isDisposed) {
      void this._poll.start();
    }
  }

  /** Ask for the runs; one that another page has started is looked at. */
  async refresh(): Promise<void> {
    const { document, service, tell } = this._options;
    const list = await service.runs(document.path);
    if (JSON.stringify(list) === JSON.stringify(this._list)) {
      return;
    }
    this._list = list;
    const newest = list[0];
    if (newest && (this._view === null || (newest.run > this._newest && newest.state === 'running'))) {
      this._watch(newest.run, newest.verb, newest.state === 'running');
    }
    tell();
  }

  /** Save the notebook and start a verb on the file. */
  async start(order: IOrder): Promise<void> {
    const { document, service, asking } = this._options;
    if (asking.pending !== null) {
      return;
    }
    await asking.ask(order.verb, async () => {
      if (await document.save()) {
        this._watch(await service.start(document.path, order), order.verb, true);
      }
    });
    void this._poll.refresh().catch(() => undefined); // the next look will say why
  }

  async cancel(run: string): Promise<void> {
    const { document, service, asking } = this._options;
    await asking.ask(null, () => service.cancel(document.path, run));
  }

  /** Look at another run. */
  look({ run, verb, state }: IRunSummary): void {
    this._watch(run, verb, state === 'running');
  }

  dispose(): void {
    this._following.abort();
    this._poll.dispose();
    Signal.clearData(this);
  }

  /** Follow a run from its first event; a `live` one is announced when it ends. */
  private _watch(run: string, verb: Verb, live: boolean): void {
    const { document, service, tell } = this._options;
    this._following.abort();
    const following = new AbortController();
    this._following = following;
    this._newest = run > this._newest ? run : this._newest;
    let view = begun(run, verb);
    const show = (next: IRunView): void => {
      view = next;
      this._view = view;
      tell();
    };
    show(view);
    const { path } = document;
    const listen = (event: Parameters<typeof after>[1]): void => show(after(view, event));
    void follow(service, { path, run, listen, signal: following.signal }).then(state => {
      if (!following.signal.aborted) {
        show(ended(view, state));
        this._finished.emit({ view, live });
        void this._poll.refresh().catch(() => undefined);
      }
    });
  }

  private _list: readonly IRunSummary[] = [];
  private _view: IRunView | null = null;
  private _newest = '';
  private _following = new AbortController();
  private readonly _poll: Poll;
  private readonly _finished = new Signal<Runs, { readonly view: IRunView; readonly live: boolean }>(this);
}
