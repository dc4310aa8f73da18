/**
 * CellMarks: the badges, suggestions and faults of one notebook's cells, kept in step with its model.
 */
import type { Cell } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';
import { Throttler } from '@lumino/polling';
import { Signal } from '@lumino/signaling';
import { PanelLayout } from '@lumino/widgets';
import type { Widget } from '@lumino/widgets';
import { tagged } from '../tagging';
import { hueOf } from '../hue';
import type { PipelineModel } from '../model';
import { stageOf } from '../stage';
import type { IPlace } from '../finding';
import type { IProposal } from '../tokens';
import { stateWord } from '../words';
import { CellFault } from './CellFault';
import type { IMark } from './CellFault';
import { GhostBadge } from './GhostBadge';
import { StageBadge } from './StageBadge';
import { StageDrag } from './StageDrag';

/** Milliseconds for which changes are gathered before cells are marked. */
const GATHER = 60;

export interface ICellMarksOptions {
  readonly panel: NotebookPanel;
  readonly model: PipelineModel;
  readonly trans: TranslationBundle;
  /** Ask for another stage of a cell. */
  readonly onBadge: (cell: Cell) => void;
}

interface IShown {
  badge?: StageBadge;
  ghost?: GhostBadge;
  /** The stage that `ghost` suggests. */
  suggested?: IProposal;
  fault?: CellFault;
  /** The marks that `fault` shows, as text. */
  marks: string;
}

export class CellMarks implements IDisposable {
  constructor(private readonly _options: ICellMarksOptions) {
    this._drag = new StageDrag(_options.panel.content);
    _options.model.changed.connect(this._onChanged, this);
    _options.model.document.changed.connect(this._onChanged, this);
    this._onChanged();
  }

  get isDisposed(): boolean {
    return this._gather.isDisposed;
  }

  dispose(): void {
    this._drag.dispose();
    this._gather.dispose();
    Signal.clearData(this);
  }

  private _onChanged(): void {
    if (!this.isDisposed) {
      void this._gather.invoke().catch(() => undefined); // rejects when disposed
    }
  }

  private _sync(): void {
    const { panel } = this._options;
    if (panel.isDisposed) {
      return;
    }
    const marks = this._marks();
    const stages = this._stages();
    const ghosts = this._ghosts();
    for (const cell of panel.content.widgets) {
      if (cell.model.type !== 'code' || cell.isDisposed) {
        continue;
      }
      const stage = stages.get(cell.model.id) ?? null;
      const hue = stage === null ? 'none' : hueOf(this._options.model.graph, stage);
      cell.node.classList.toggle('jp-nb2prod-Hue', stage !== null);
      cell.node.dataset.hue = hue;
      const layout = cell.layout;
      if (layout instanceof PanelLayout && layout.widgets.length > 0) {
        const shown = this._shown.get(cell) ?? { marks: '' };
        this._shown.set(cell, shown);
        this._badge(cell, layout, shown, hue);
        this._ghost(layout, shown, ghosts.get(cell.model.id));
        this._fault(layout, shown, marks.get(cell.model.id) ?? []);
      } else {
        void cell.ready.then(() => this._onChanged()); // a cell that was not drawn yet
      }
    }
  }

  private _badge(cell: Cell, layout: PanelLayout, shown: IShown, hue: string): void {
    const { model, trans, onBadge } = this._options;
    const name = stageOf(tagged(cell.model));
    const { id } = cell.model;
    const uses = model.tagged ? (model.graph?.uses ?? []).filter(({ cell_id }) => cell_id === id) : [];
    if (name === null && !uses.length) {
      shown.badge?.dispose();
      shown.badge = undefined;
      return;
    }
    if (!shown.badge) {
      const enable = (badge: HTMLElement): void => this._drag.enable(badge, id, () => stageOf(tagged(cell.model)));
      shown.badge = new StageBadge(trans, () => onBadge(cell), enable);
      layout.insertWidget(1, shown.badge); // below the header, which has no height
    }
    const { state } = model.stage(name ?? '');
    shown.badge.draw({ name, hue, state, word: stateWord(trans, state), uses });
  }

  private _ghost(layout: PanelLayout, shown: IShown, proposal: IProposal | undefined): void {
    if (shown.suggested === proposal) {
      return;
    }
    shown.ghost?.dispose();
    shown.ghost = undefined;
    shown.suggested = proposal;
    if (proposal) {
      const { model, trans } = this._options;
      const hue = hueOf(model.preview, proposal.name);
      shown.ghost = new GhostBadge(trans, proposal, hue, () => void model.accept(proposal));
      layout.insertWidget(1, shown.ghost);
    }
  }

  private _fault(layout: PanelLayout, shown: IShown, marks: readonly IMark[]): void {
    const text = JSON.stringify(marks);
    if (text === shown.marks) {
      return;
    }
    shown.fault?.dispose();
    shown.fault = undefined;
    shown.marks = text;
    if (marks.length) {
      shown.fault = new CellFault(marks, this._options.trans, fix => void this._options.model.mend(fix));
      layout.insertWidget(this._belowInput(layout), shown.fault);
    }
  }

  private _belowInput(layout: PanelLayout): number {
    const input = layout.widgets.findIndex((widget: Widget) => widget.hasClass('jp-Cell-inputWrapper'));
    return input < 0 ? layout.widgets.length : input + 1;
  }

  /** The stage that each cell belongs to, by cell id; of a notebook that has been tagged. */
  private _stages(): ReadonlyMap<string, string> {
    const { graph, tagged } = this._options.model;
    const all = tagged ? (graph?.stages ?? []) : [];
    return new Map(all.flatMap(({ name, cell_ids }) => cell_ids.map(id => [id, name] as const)));
  }

  /** The stage that is suggested to begin at a cell, by cell id. */
  private _ghosts(): ReadonlyMap<string, IProposal> {
    const { proposals } = this._options.model;
    return new Map(proposals.map(proposal => [proposal.cell_ids[0], proposal] as const));
  }

  /** What is wrong at each cell, by cell id. */
  private _marks(): ReadonlyMap<string, readonly IMark[]> {
    const { faults, findings, tagged } = this._options.model;
    // A notebook without stages is no pipeline: nobody asked us to judge it.
    const errors = tagged ? findings.filter(({ severity, fixes }) => severity === 'error' || fixes?.length) : [];
    const marks = new Map<string, IMark[]>();
    const failures = faults.map(fault => ({ ...fault, severity: 'error' as const }));
    const all: readonly (IMark & Pick<IPlace, 'cell_id'>)[] = [...failures, ...errors];
    for (const { cell_id, severity, code, message, cure, fixes } of all) {
      if (cell_id !== null) {
        marks.set(cell_id, [...(marks.get(cell_id) ?? []), { severity, code, message, cure, fixes }]);
      }
    }
    return marks;
  }

  private readonly _drag: StageDrag;
  private readonly _shown = new WeakMap<Cell, IShown>();
  private readonly _gather = new Throttler(() => this._sync(), {
    limit: GATHER,
    edge: 'trailing'
  });
}
