/**
 * StageInput: the name of a stage, typed or taken from those there are.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { NAME } from '../stage';

/** Names that mean something by themselves. */
const ROLES = ['setup', 'parameters', 'baseline', 'evaluate', 'serve', 'skip'] as const;

let made = 0;

export class StageInput {
  constructor(trans: TranslationBundle, label: string) {
    const list = document.createElement('datalist');
    list.id = `jp-nb2prod-stages-${++made}`;
    this._list = list;
    this.input.type = 'text';
    this.input.pattern = NAME;
    this.input.spellcheck = false;
    this.input.autocomplete = 'off';
    this.input.setAttribute('list', list.id);
    this.input.setAttribute('aria-label', label);
    this.input.title = trans.__('Small letters, digits and _; empty for no stage');
    this.node.className = 'jp-nb2prod-StageInput';
    this.node.append(this.input, list);
  }

  readonly node = document.createElement('span');
  readonly input = document.createElement('input');

  /** The name typed, null for none, or undefined for one that no stage can have. */
  get name(): string | null | undefined {
    const text = this.input.value.trim();
    return this.input.validity.patternMismatch ? undefined : text || null;
  }

  offer(names: Iterable<string>): void {
    const all = [...new Set([...names, ...ROLES])];
    if (all.join() !== this._offered) {
      this._offered = all.join();
      this._list.replaceChildren(...all.map(name => new Option(name, name)));
    }
  }

  private readonly _list: HTMLDataListElement;
  private _offered = '';
}
