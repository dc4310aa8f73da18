/**
 * Tagging: edits of cells' stages through the shared model, so that they reach collaborators and can be undone.
 */
import type { ICellModel } from '@jupyterlab/cells';
import type { INotebookModel } from '@jupyterlab/notebook';
import type { PartialJSONObject } from '@lumino/coreutils';
import { KEY, edit, optionEdit, stageOf } from './stage';
import type { IStageEdit, ITagged, ITextEdit, OptionValue } from './stage';
import type { IEdit } from './finding';

/** What a stage edit needs to know of a cell. */
export function tagged(cell: ICellModel): ITagged {
  return {
    source: cell.sharedModel.getSource(),
    metadata: cell.sharedModel.getMetadata() as PartialJSONObject
  };
}

/** Make `name` the stage of cells, or take their stage away; everything else in them is kept. */
export function setStage(notebook: INotebookModel, cells: readonly ICellModel[], name: string | null): void {
  apply(
    notebook,
    cells.map(cell => [cell, edit(tagged(cell), name)])
  );
}

/** Give a stage an option at the first cell that names it, and at no other; null takes it away. */
export function setOption(
  notebook: INotebookModel,
  cells: readonly ICellModel[],
  option: string,
  value: OptionValue | null
): void {
  const named = cells.filter(cell => stageOf(tagged(cell)) !== null);
  apply(
    notebook,
    named.map((cell, index) => [cell, optionEdit(tagged(cell), option, index === 0 ? value : null)])
  );
}

/** Carry out edits that the server gave; from the end, so that the indexes of those above stay right. */
export function applyEdits(notebook: INotebookModel, edits: readonly IEdit[]): void {
  const cells = [...notebook.cells];
  const found = edits.map(one => ({ one, at: place(cells, one) })).filter(({ at }) => at >= 0);
  notebook.sharedModel.transact(() => {
    for (const { one, at } of found.sort((first, second) => second.at - first.at)) {
      write(cells[at].sharedModel, {
        text: one.source === null ? undefined : replacement(cells[at].sharedModel.getSource(), one.source),
        metadata: {
          ...(one.metadata && { [KEY]: Object.keys(one.metadata).length ? one.metadata : null }),
          ...(one.tags && { tags: one.tags.length ? [...one.tags] : null })
        }
      });
      if (one.above !== null) {
        const metadata = one.above_tags?.length ? { tags: [...one.above_tags] } : {};
        notebook.sharedModel.insertCell(at, { cell_type: 'code', source: one.above, metadata });
      }
    }
  });
}

/** Where the cell of an edit is now; the notebook may have been edited since the server saw it. */
function place(cells: readonly ICellModel[], { cell, cell_id }: IEdit): number {
  return cell_id ? cells.findIndex(({ id }) => id === cell_id) : cell < cells.length ? cell : -1;
}

/** The smallest replacement that makes one text the other, so that cursors stay where they are. */
function replacement(old: string, text: string): ITextEdit {
  let start = 0;
  while (start < Math.min(old.length, text.length) && old[start] === text[start]) {
    start++;
  }
  let tail = 0;
  const most = Math.min(old.length, text.length) - start;
  while (tail < most && old[old.length - 1 - tail] === text[text.length - 1 - tail]) {
    tail++;
  }
  return { start, end: old.length - tail, text: text.slice(start, text.length - tail) };
}

/** One transaction of the whole notebook: collaborators see it at once, and one «undo» takes it back. */
function apply(notebook: INotebookModel, edits: readonly (readonly [ICellModel, IStageEdit])[]): void {
  notebook.sharedModel.transact(() => {
    for (const [cell, edited] of edits) {
      write(cell.sharedModel, edited);
    }
  });
}

function write(shared: ICellModel['sharedModel'], { text, metadata }: IStageEdit): void {
  if (text) {
    shared.updateSource(text.start, text.end, text.text);
  }
  for (const [key, value] of Object.entries(metadata)) {
    if (value === null) {
      shared.deleteMetadata(key);
    } else {
      shared.setMetadata(key, value);
    }
  }
}
