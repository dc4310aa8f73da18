/**
 * StageBadge: the stage a cell carries, above the cell.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

export interface IBadge {
  readonly name: string;
  /** The state of the stage, for the eye and for a reader. */
  readonly state: string;
  readonly word: string;
}

export class StageBadge extends Widget {
  constructor(
    private readonly _trans: TranslationBundle,
    onClick: () => void
  ) {
    super();
    this.addClass('jp-nb2prod-Badge');
    this._button.addEventListener('click', onClick);
    this.node.append(this._button);
  }

  draw(badge: IBadge): void {
    this._button.textContent = badge.name;
    this._button.dataset.state = badge.state;
    this._button.title = this._trans.__('Stage %1, %2. Click to change it.', badge.name, badge.word);
    this.node.dataset.stage = badge.name;
  }

  private readonly _button = document.createElement('button');
}
