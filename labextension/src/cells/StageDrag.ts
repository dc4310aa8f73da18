/**
 * StageDrag: the badge of a cell, dragged over other cells to give them all its stage.
 */
import type { Notebook } from '@jupyterlab/notebook';
import { MimeData } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import { Drag } from '@lumino/dragdrop';
import { setStage } from '../tagging';

const MIME = 'application/vnd.nb2prod.stage';

/** Pixels that a press may move and still be a click. */
const CLICK = 5;

/** Marks the cells that a drop would tag. */
const REACHED = 'jp-nb2prod-mod-reached';

export class StageDrag implements IDisposable {
  constructor(private readonly _notebook: Notebook) {
    EVENTS.forEach(name => _notebook.node.addEventListener(name, this, true));
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Let a badge be dragged from its cell; `named` tells what it names when the drag begins. */
  enable(badge: HTMLElement, cell: string, named: () => string | null): void {
    badge.addEventListener('pointerdown', pressed => {
      if (pressed.button !== 0) {
        return;
      }
      const leave = (): void => {
        document.removeEventListener('pointermove', move, true);
        document.removeEventListener('pointerup', leave, true);
      };
      const move = ({ clientX, clientY }: PointerEvent): void => {
        const name = named();
        if (name !== null && Math.hypot(clientX - pressed.clientX, clientY - pressed.clientY) > CLICK) {
          leave();
          this._start(badge, cell, name, clientX, clientY);
        }
      };
      document.addEventListener('pointermove', move, true);
      document.addEventListener('pointerup', leave, true);
    });
  }

  handleEvent(event: Event): void {
    const drag = event as Drag.Event;
    if (!drag.mimeData.hasData(MIME) || drag.source !== this) {
      return;
    }
    drag.preventDefault();
    drag.stopPropagation();
    if (drag.type === 'lm-dragleave') {
      return; // the mark stays until another cell is reached, or the drag is over
    }
    drag.dropAction = 'copy';
    this._reach(drag.target as Element);
    if (drag.type === 'lm-drop') {
      this._drop(drag.mimeData.getData(MIME) as string);
    }
  }

  dispose(): void {
    this._isDisposed = true;
    this._drag?.dispose();
    EVENTS.forEach(name => this._notebook.node.removeEventListener(name, this, true));
  }

  private _start(badge: HTMLElement, cell: string, name: string, x: number, y: number): void {
    const mimeData = new MimeData();
    mimeData.setData(MIME, name);
    const dragImage = badge.cloneNode(true) as HTMLElement;
    dragImage.classList.add('jp-nb2prod-DragImage', 'jp-nb2prod-Hue');
    dragImage.dataset.hue = badge.closest<HTMLElement>('.jp-nb2prod-Hue')?.dataset.hue;
    this._from = cell;
    this._drag = new Drag({ mimeData, dragImage, supportedActions: 'copy', proposedAction: 'copy', source: this });
    void this._drag.start(x, y).then(() => {
      this._drag = null;
      this._mark([]);
    });
  }

  private _drop(name: string): void {
    const { model } = this._notebook;
    if (model) {
      const cells = [...model.cells].filter(({ id }) => this._reached.includes(id));
      setStage(model, cells, name);
    }
  }

  /** Mark the code cells from the one that is dragged to the one that the pointer is at. */
  private _reach(at: Element): void {
    const { widgets } = this._notebook;
    const [from, to] = [
      widgets.findIndex(({ model }) => model.id === this._from),
      widgets.findIndex(({ node }) => node.contains(at))
    ];
    if (from >= 0 && to >= 0) {
      const range = widgets.slice(Math.min(from, to), Math.max(from, to) + 1);
      this._mark(range.filter(({ model }) => model.type === 'code').map(({ model }) => model.id));
    }
  }

  private _mark(reached: readonly string[]): void {
    this._reached = reached;
    for (const { model, node } of this._notebook.widgets) {
      node.classList.toggle(REACHED, reached.includes(model.id));
    }
  }

  private _drag: Drag | null = null;
  private _from = '';
  private _reached: readonly string[] = [];
  private _isDisposed = false;
}

const EVENTS = ['lm-dragenter', 'lm-dragover', 'lm-dragleave', 'lm-drop'] as const;
