/**
 * Tagging: edits of cells' stages through the shared model, so that they reach collaborators and can be undone.
 */
import type { ICellModel } from '@jupyterlab/cells';
import type { INotebookModel } from '@jupyterlab/notebook';
import type { PartialJSONObject } from '@lumino/coreutils';
import { edit, optionEdit, stageOf } from './stage';
import type { IStageEdit, ITagged, OptionValue } from './stage';

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
