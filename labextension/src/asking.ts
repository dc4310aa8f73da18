/**
 * Asking: what the user waits for, and why the server could not be asked.
 */
import { ServiceFault } from './service';
import type { IFault } from './finding';
import type { Verb } from './tokens';

/** Why the server could not be asked; status 0 means that it did not answer. */
export interface ITrouble {
  readonly fault: IFault;
  readonly status: number;
}

export type Pending = Verb | 'review' | 'serve' | 'stop' | 'promote' | 'rollback' | 'retire' | 'reproduce' | 'require';

export class Asking {
  /** `tell` is called when what it holds has changed. */
  constructor(private readonly _tell: () => void) {}

  /** What was asked for and has not begun yet. */
  get pending(): Pending | null {
    return this._pending;
  }

  get trouble(): ITrouble | null {
    return this._trouble;
  }

  /** Do what needs the server; its refusal is kept to be shown. True when it was done. */
  async ask(pending: Pending | null, work: () => Promise<void>): Promise<boolean> {
    this._pending = pending ?? this._pending;
    this._tell();
    try {
      await work();
      this._trouble = null;
      return true;
    } catch (error) {
      if (!(error instanceof ServiceFault)) {
        throw error;
      }
      this._trouble = { fault: error.fault, status: error.status };
      return false;
    } finally {
      this._pending = pending === null ? this._pending : null;
      this._tell();
    }
  }

  private _pending: Pending | null = null;
  private _trouble: ITrouble | null = null;
}
