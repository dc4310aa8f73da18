/**
 * CellFault: what went wrong at a cell, below its code.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';
import type { IFix } from '../tokens';

export interface IMark {
  readonly code: string | null;
  readonly message: string;
  readonly cure: string;
  readonly fixes?: readonly IFix[];
}

export class CellFault extends Widget {
  constructor(marks: readonly IMark[], trans: TranslationBundle, onFix: (fix: IFix) => void) {
    super();
    this.addClass('jp-nb2prod-CellFault');
    this.node.setAttribute('role', 'note');
    this.node.setAttribute('aria-label', trans.__('Errors of the pipeline at this cell'));
    for (const mark of marks) {
      this.node.append(line(mark, onFix));
    }
  }
}

function line({ code, message, cure, fixes }: IMark, onFix: (fix: IFix) => void): HTMLElement {
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
  for (const fix of fixes ?? []) {
    const button = document.createElement('button');
    button.className = 'jp-nb2prod-Button';
    button.textContent = fix.title;
    button.addEventListener('click', () => onFix(fix));
    node.append(' ', button);
  }
  return node;
}
