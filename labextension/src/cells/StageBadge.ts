/**
 * StageBadge: above a cell, the stage it carries and what it takes from earlier ones.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';
import type { IUse } from '../tokens';

export interface IBadge {
  /** The stage the cell carries itself, or null. */
  readonly name: string | null;
  readonly hue: string;
  /** The state of the stage, for the eye and for a reader. */
  readonly state: string;
  readonly word: string;
  readonly uses: readonly IUse[];
}

export class StageBadge extends Widget {
  /** `enable` lets the badge be dragged by the node it is given. */
  constructor(
    private readonly _trans: TranslationBundle,
    onClick: () => void,
    enable: (badge: HTMLElement) => void
  ) {
    super();
    this.addClass('jp-nb2prod-Badge');
    this.addClass('jp-nb2prod-Hue');
    this._button.addEventListener('click', onClick);
    enable(this._button);
    this._uses.className = 'jp-nb2prod-Badge-uses';
    this.node.append(this._button, this._uses);
  }

  draw({ name, hue, state, word, uses }: IBadge): void {
    this.node.dataset.stage = name ?? '';
    this.node.dataset.hue = hue;
    this._button.hidden = name === null;
    this._button.textContent = name;
    this._button.dataset.state = state;
    this._button.title = this._trans.__(
      'Stage %1, %2. Click to change it, drag it over other cells to give it to them.',
      name ?? '',
      word
    );
    this._uses.textContent = uses
      .map(({ from, names }) => this._trans.__('%1 ← %2', names.join(', '), from))
      .join('   ');
    this._uses.title = this._trans.__('What this cell reads, and the stage that left it');
  }

  private readonly _button = document.createElement('button');
  private readonly _uses = document.createElement('span');
}
