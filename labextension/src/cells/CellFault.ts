/**
 * CellFault: what went wrong at a cell, below its code.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';
import { pieces } from '../prose';
import type { IFix, Severity } from '../finding';

export interface IMark {
  readonly severity: Severity;
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
    this.node.setAttribute('aria-label', trans.__('Findings of the pipeline at this cell'));
    this.node.dataset.severity = marks.some(({ severity }) => severity === 'error') ? 'error' : 'warning';
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
  advice.append(...prose(cure));
  node.append(...prose(message), ' ', advice);
  for (const fix of fixes ?? []) {
    const button = document.createElement('button');
    button.className = 'jp-nb2prod-Button';
    button.textContent = fix.title;
    button.addEventListener('click', () => onFix(fix));
    node.append(' ', button);
  }
  return node;
}

function prose(sentence: string): readonly (HTMLElement | string)[] {
  return pieces(sentence).map(({ text, isCode }) => {
    if (!isCode) {
      return text;
    }
    const node = document.createElement('code');
    node.className = 'jp-nb2prod-Name';
    node.textContent = text;
    return node;
  });
}
