/**
 * Releases: the release that is shown, and how its service stands.
 */
import type { PartialJSONValue } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import type { Asking } from './asking';
import type { IReproduction } from './deployment';
import type { IAnswer, INotebookDocument, IPipelineService, IResult, IServiceState } from './tokens';

/** Milliseconds between two looks at releases that are being made again. */
const LOOK = 2000;

export interface IReleasesOptions {
  readonly document: INotebookDocument;
  readonly service: IPipelineService;
  readonly asking: Asking;
  /** Called when what is known has changed. */
  readonly tell: () => void;
}

export class Releases implements IDisposable {
  constructor(private readonly _options: IReleasesOptions) {
    this._poll = new Poll({
      auto: false,
      factory: () => this._lookAgain(),
      frequency: { interval: LOOK, backoff: true, max: 15 * LOOK },
      standby: 'when-hidden'
    });
  }

  get isDisposed(): boolean {
    return this._poll.isDisposed;
  }

  /** The result of the Ship whose release is shown. */
  get shown(): IResult | null {
    return this._shown;
  }

  /** The service of that release. */
  get serving(): IServiceState | null {
    return this._serving;
  }

  /** A row that the service can be asked for. */
  get example(): PartialJSONValue | null {
    return this._example;
  }

  /** Where a browser reaches the service, also one that does not reach the ports of the server's machine. */
  get address(): string | null {
    const release = this._shown?.release;
    const { document, service } = this._options;
    return release && this._serving?.url ? service.address(document.path, release, this._serving.url) : null;
  }

  /** How making a release again stands; null if nobody asked. */
  reproduction(release: string): IReproduction | null {
    return this._reproductions.get(release) ?? null;
  }

  /** Make a release again from its record; it goes on when this page is closed. */
  async reproduce(release: string): Promise<void> {
    const { document, service, asking } = this._options;
    if (asking.pending === null) {
      await asking.ask('reproduce', async () => {
        this._reproductions.set(release, await service.reproduce(document.path, release));
      });
      void this._poll.start();
    }
  }

  dispose(): void {
    this._poll.dispose();
  }

  /** Show the release of a result; one without a release changes nothing. */
  async show(result: IResult | null): Promise<void> {
    if (result?.release) {
      this._shown = result;
      this._serving = result.service ?? null;
      this._options.tell();
      await this._look();
    }
  }

  async serve(): Promise<void> {
    await this._do('serve');
  }

  async stop(): Promise<void> {
    await this._do('stop');
  }

  /** Ask the service for one prediction. */
  predict(row: PartialJSONValue): Promise<IAnswer> {
    const { document, service } = this._options;
    return service.predict(document.path, this._shown?.release ?? '', row);
  }

  private async _do(verb: 'serve' | 'stop'): Promise<void> {
    const { document, service, asking } = this._options;
    const release = this._shown?.release;
    if (release && asking.pending === null) {
      await asking.ask(verb, async () => {
        this._serving = await service[verb](document.path, release);
      });
    }
  }

  private async _look(): Promise<void> {
    const { document, service, asking } = this._options;
    await asking.ask(null, async () => {
      const releases = await service.releases(document.path);
      const found = releases.find(({ id }) => id === this._shown?.release);
      this._serving = found?.service ?? null;
      this._example = found?.example ?? null;
      releases.forEach(({ id, reproduction }) => reproduction && this._reproductions.set(id, reproduction));
    });
    if (this._open().length && !this.isDisposed) {
      void this._poll.start();
    }
  }

  /** Releases that are being made again. */
  private _open(): readonly string[] {
    return [...this._reproductions].filter(([, { state }]) => state === 'running').map(([release]) => release);
  }

  private async _lookAgain(): Promise<void> {
    const { document, service, tell } = this._options;
    for (const release of this._open()) {
      const found = await service.reproduction(document.path, release);
      if (found) {
        this._reproductions.set(release, found);
      }
    }
    tell();
    if (!this._open().length && !this.isDisposed) {
      void this._poll.stop();
    }
  }

  private _shown: IResult | null = null;
  private _serving: IServiceState | null = null;
  private _example: PartialJSONValue | null = null;
  private readonly _reproductions = new Map<string, IReproduction>();
  private readonly _poll: Poll;
}
