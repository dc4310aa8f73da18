/**
 * Deployments: which releases of the notebook answer at its address, and how they fare now.
 */
import type { IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import type { Asking, Pending } from './asking';
import { LIVE } from './service';
import type { IDeployment, IPromotion } from './deployment';
import type { INotebookDocument, IPipelineService } from './tokens';

/** Milliseconds between two looks at what answers. */
const LOOK = 4000;

export interface IDeploymentsOptions {
  readonly document: INotebookDocument;
  readonly service: IPipelineService;
  readonly asking: Asking;
  /** Called when what is known has changed. */
  readonly tell: () => void;
}

export class Deployments implements IDisposable {
  constructor(private readonly _options: IDeploymentsOptions) {
    this._poll = new Poll({
      auto: false,
      factory: () => this._look(),
      frequency: { interval: LOOK, backoff: true, max: 15 * LOOK },
      standby: 'when-hidden'
    });
  }

  /** What answers; null where nothing was ever promoted. */
  get current(): IDeployment | null {
    return this._current;
  }

  /** Where a browser reaches it. */
  get address(): string | null {
    const { document, service } = this._options;
    return this._current?.url ? service.address(document.path, LIVE, this._current.url) : null;
  }

  /** Whether there is a step to take back. */
  get canRollBack(): boolean {
    return this._current !== null && (this._current.canary !== null || this._current.before.length > 0);
  }

  get isDisposed(): boolean {
    return this._poll.isDisposed;
  }

  /** Find out what answers, and go on looking: a terminal or another page may change it. */
  async follow(): Promise<void> {
    await this._options.asking.ask(null, () => this._look());
    if (!this.isDisposed) {
      void this._poll.start();
    }
  }

  /** Let requests go to a release. */
  promote(release: string, promotion: IPromotion): Promise<void> {
    return this._do('promote', (service, path) => service.promote(path, release, promotion));
  }

  /** Withdraw the canary, or go back to what was live before. */
  rollback(note: string): Promise<void> {
    return this._do('rollback', (service, path) => service.rollback(path, note));
  }

  /** Let nothing answer. */
  retire(): Promise<void> {
    return this._do('retire', (service, path) => service.retire(path));
  }

  dispose(): void {
    this._poll.dispose();
  }

  private async _do(
    pending: Pending,
    work: (service: IPipelineService, path: string) => Promise<IDeployment>
  ): Promise<void> {
    const { document, service, asking } = this._options;
    if (asking.pending === null) {
      await asking.ask(pending, async () => this._show(await work(service, document.path)));
    }
  }

  private async _look(): Promise<void> {
    const { document, service } = this._options;
    this._show(await service.deployment(document.path));
  }

  private _show(found: IDeployment | null): void {
    if (JSON.stringify(found) !== JSON.stringify(this._current)) {
      this._current = found;
      this._options.tell();
    }
  }

  private _current: IDeployment | null = null;
  private readonly _poll: Poll;
}
