/**
 * Preview: a notebook's content as it would be after edits that nobody has accepted yet.
 */
import type { PartialJSONObject } from '@lumino/coreutils';
import { KEY } from './stage';
import type { IEdit } from './finding';

/** The content with edits of cells carried out; those that would put a cell above another are left out. */
export function preview(content: PartialJSONObject, edits: readonly IEdit[]): PartialJSONObject {
  const cells = [...(content['cells'] as readonly PartialJSONObject[])];
  for (const { cell, source, metadata, tags } of edits) {
    const old = cells[cell];
    cells[cell] = {
      ...old,
      ...(source !== null && { source }),
      metadata: {
        ...(old['metadata'] as PartialJSONObject),
        ...(metadata && { [KEY]: metadata }),
        ...(tags && { tags: [...tags] })
      }
    };
  }
  return { ...content, cells };
}
