/**
 * GhostBadge: above a cell, the stage that it would begin if a suggestion were accepted; a click accepts it.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';
import type { IProposal } from '../tokens';

export class GhostBadge extends Widget {
  constructor(trans: TranslationBundle, { name, why }: IProposal, hue: string, onAccept: () => void) {
    super();
    this.addClass('jp-nb2prod-Badge');
    this.addClass('jp-nb2prod-Hue');
    this.addClass('jp-mod-suggested');
    this.node.dataset.stage = name;
    this.node.dataset.hue = hue;
    const button = document.createElement('button');
    button.textContent = trans.__('%1 ?', name);
    button.ariaLabel = trans.__('Accept the suggested stage %1', name);
    button.title = trans.__('Suggested stage %1: %2. Click to accept it.', name, why);
    button.addEventListener('click', onAccept);
    this.node.append(button);
  }
}
