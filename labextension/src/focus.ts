/**
 * Focus: a dialog gives it back to where it was, which after the palette or a menu is nowhere any more.
 */
import type { JupyterFrontEnd } from '@jupyterlab/application';

/** Ask something in a dialog, and then let the keys be the document's again if they are nobody's. */
export async function asked<T>(shell: JupyterFrontEnd.IShell, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } finally {
    if (document.activeElement === null || document.activeElement === document.body) {
      shell.currentWidget?.activate();
    }
  }
}
