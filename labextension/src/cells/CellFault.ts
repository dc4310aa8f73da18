/**
 * CellFault: what went wrong at a cell, below its code.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

export interface IMark {
  readonly code: string | null;
  readonly message: string;
  readonly cure: string;
}

export class CellFault extends Widget {
  constructor(marks: readonly IMark[], trans: TranslationBundle) {
    super();
    this.addClass('jp-nb2prod-CellFault');
    this.node.setAttribute('role', 'note');
    this.node.setAttribute('aria-label', trans.__('Errors of the pipeline at this cell'));
    for (const mark of marks) {
      this.node.append(line(mark));
    }
  }
}

function line({ code, message, cure }: IMark): HTMLElement {
  const node = document.createElement('p');
  if (code) {
    const name = document.createElement('span');
    name.className = 'jp-nb2prod-Finding-code';
    name.textContent = code;
    node.append(name, ' ');
  }
  const advice = document.createElement('span');
  advice.className = 'jp-nb2prod-Finding-cure';
  advice.textContent = cure;
  node.append(message, ' ', advice);
  return node;
}
