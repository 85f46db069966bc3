/** The notebook in front: its cells and their roles, what would be captured, and a deployment under way. */

import type { Cell } from '@jupyterlab/cells';
import { NotebookActions, type INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import type { IDisposable } from '@lumino/disposable';
import { Debouncer } from '@lumino/polling';
import { Signal, type ISignal } from '@lumino/signaling';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ask, findObstacle, problem, type IContents, type IProblem, type IReleased, type IStage } from './kernel';
import { NO_OPTIONS, listArguments, type IOptions } from './options';
import { readRole, writeRole, type Role } from './roles';

/** What is known of one notebook. */
export interface IKnown {
  options: IOptions;
  /** What the last dry run or deployment found. */
  contents: IContents | null;
  problem: IProblem | null;
  /** Cells were run since. */
  outdated: boolean;
  /** The last dry run was quick enough to be repeated by itself. */
  quick: boolean;
  busy: 'preview' | 'deploy' | null;
  /** Ours has not begun: the kernel has other work to finish, or says nothing. */
  waiting: 'busy' | 'silent' | null;
  /** Withdraws what was asked of the kernel, or interrupts it once it has begun. */
  request: AbortController | null;
  /** Where the last deployment went, or should have gone. */
  target: string;
  stages: IStage[];
  released: IReleased | null;
}

/** Seconds that a dry run may take to be repeated by itself: it makes the golden calls again. */
const QUICK = 1;
/** Milliseconds after which a kernel that has not begun is called silent. */
const SILENT_MS = 2500;

/** Follows the current notebook. */
export class NotebookModel implements IDisposable {
  constructor(
    private readonly tracker: INotebookTracker,
    private readonly trans: TranslationBundle
  ) {
    this._soon = new Debouncer(() => this._repeat(), 800);
    this._typed = new Debouncer(() => this._emit(), 300);
    tracker.currentChanged.connect(this._onCurrent, this);
    tracker.activeCellChanged.connect(this._emit, this);
    NotebookActions.executed.connect(this._onExecuted, this);
    this._onCurrent();
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Repeat the dry run when cells were run. */
  live = true;
  watched = false;

  get panel(): NotebookPanel | null {
    return this.tracker.currentWidget;
  }

  /** What is known of the notebook in front; a fresh slate for one that is new. */
  get known(): IKnown | null {
    return this.panel && this.of(this.panel);
  }

  of(panel: NotebookPanel): IKnown {
    let known = this._known.get(panel);
    if (!known) {
      known = {
        options: NO_OPTIONS,
        contents: null,
        problem: null,
        outdated: false,
        quick: false,
        busy: null,
        waiting: null,
        request: null,
        target: NO_OPTIONS.target,
        stages: [],
        released: null
      };
      this._known.set(panel, known);
    }
    return known;
  }

  setOptions(options: IOptions): void {
    if (this.known) {
      this.known.options = options;
      this.known.outdated = this.known.contents !== null;
      this._changed.emit();
    }
  }

  /** Give a cell of the notebook in front a role, or take it away. */
  setRole(cell: Cell, role: Role | null): void {
    const asMetadata = this.panel?.content.model?.getMetadata('kubeflow_notebook') !== undefined;
    writeRole(cell.model, role, asMetadata);
    if (this.known) {
      this.known.outdated = this.known.contents !== null;
    }
    this._changed.emit();
    void this._soon.invoke();
  }

  /** The code cells in order, with what the panel says about each. */
  cells(): { cell: Cell; role: string | null; captured: string[] | null; stale: boolean }[] {
    const panel = this.panel;
    if (!panel) {
      return [];
    }
    const captured = this.of(panel).contents?.cells ?? [];
    return panel.content.widgets
      .filter(cell => cell.model.type === 'code')
      .map(cell => {
        const found = captured.find(one => one.id === cell.model.id);
        return { cell, role: readRole(cell.model), captured: found?.names ?? null, stale: found?.stale ?? false };
      });
  }

  /** Ask the kernel what would be captured. */
  async preview(): Promise<void> {
    const panel = this.panel;
    if (panel && this.of(panel).busy === null) {
      await this._ask(panel, 'preview');
    }
  }

  /** Deploy the notebook in front. */
  async deploy(): Promise<void> {
    const panel = this.panel;
    if (panel && this.of(panel).busy === null) {
      await this._ask(panel, 'deploy');
    }
  }

  /** Withdraw what was asked of the kernel; what it has begun for us is interrupted, never a cell of the user's. */
  cancel(): void {
    this.known?.request?.abort();
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  dispose(): void {
    this._disposed = true;
    this._soon.dispose();
    this._typed.dispose();
    NotebookActions.executed.disconnect(this._onExecuted, this);
    Signal.clearData(this);
  }

  private async _ask(panel: NotebookPanel, what: 'preview' | 'deploy'): Promise<void> {
    const known = this.of(panel);
    const request = new AbortController();
    Object.assign(known, {
      busy: what,
      problem: null,
      waiting: null,
      request,
      target: known.options.target,
      stages: [],
      released: null
    });
    this._changed.emit();
    try {
      known.problem =
        (await findObstacle(panel.sessionContext, this.trans)) ??
        (await this._save(panel)) ??
        (await this._run(panel, what, request.signal));
    } finally {
      Object.assign(known, { busy: null, waiting: null, request: null });
      this._changed.emit();
    }
  }

  /** The kernel reads tags and edits from the file, so what is on the screen goes there first. */
  private async _save(panel: NotebookPanel): Promise<IProblem | null> {
    const { trans } = this;
    if (!panel.context.model.dirty) {
      return null;
    }
    if (panel.context.model.readOnly || panel.context.contentsModel?.writable === false) {
      return problem(
        'Unsaved',
        trans.__('The notebook has changes that cannot be saved: the file is read-only.'),
        trans.__('Save a copy of it under another name, and deploy that.')
      );
    }
    try {
      await panel.context.save();
    } catch (error) {
      if (['ModalCancelError', 'ModalDuplicateError'].includes((error as Error).name)) {
        return problem(
          'Unsaved',
          trans.__('The notebook was not saved: its file was changed by another program, and you cancelled.'),
          trans.__('Press again and choose Overwrite or Revert: tags and edits are read from the file.')
        );
      }
      return problem(
        'Unsaved',
        trans.__('The notebook cannot be saved: %1', String((error as Error).message ?? error)),
        trans.__('Look whether the disk is full, the folder gone, or the Jupyter server down.')
      );
    }
    return panel.context.model.dirty
      ? problem(
          'Unsaved',
          trans.__('The notebook was not saved.'),
          trans.__('Save it, then try again: tags and edits are read from the file.')
        )
      : null;
  }

  private async _run(panel: NotebookPanel, what: 'preview' | 'deploy', signal: AbortSignal): Promise<IProblem | null> {
    const known = this.of(panel);
    const kernel = panel.sessionContext.session?.kernel;
    if (!kernel || signal.aborted) {
      return null;
    }
    let told: IProblem | null = null;
    const wait = (waiting: IKnown['waiting']) => {
      known.waiting = waiting;
      this._changed.emit();
    };
    if (kernel.status === 'busy') {
      wait('busy');
    }
    const silent = setTimeout(() => known.waiting ?? wait(kernel.status === 'busy' ? 'busy' : 'silent'), SILENT_MS);
    const failure = await ask(
      kernel,
      {
        call: what === 'preview' ? 'show_preview' : 'show_deploy',
        options: listArguments(known.options),
        document: panel.context.localPath.split('/').pop() ?? '',
        signal,
        onBegin: () => {
          clearTimeout(silent);
          wait(null);
        },
        onMessage: message => {
          switch (message.event) {
            case 'preview':
              Object.assign(known, { contents: message, outdated: false, quick: message.seconds < QUICK });
              break;
            case 'stage':
              known.stages = [...known.stages, message];
              break;
            case 'released':
              Object.assign(known, { contents: message, outdated: false, released: message });
              break;
            case 'error':
              told = message;
          }
          this._changed.emit();
        }
      },
      this.trans
    );
    clearTimeout(silent);
    return failure ?? told;
  }

  private _onCurrent(): void {
    const panel = this.panel;
    if (panel && !this._followed.has(panel)) {
      this._followed.add(panel);
      panel.context.pathChanged.connect(this._emit, this);
      panel.sessionContext.statusChanged.connect(this._onStatus, this);
      panel.content.modelContentChanged.connect(() => void this._typed.invoke());
    }
    this._changed.emit();
  }

  private _onStatus(): void {
    const known = this.known;
    const status = this.panel?.sessionContext.session?.kernel?.status;
    if (known && status === 'restarting') {
      Object.assign(known, { contents: null, outdated: false });
    }
    this._changed.emit();
  }

  private _onExecuted(_: unknown, done: { notebook: unknown }): void {
    if (this.known && this.panel?.content === done.notebook) {
      this.known.outdated = this.known.contents !== null;
      this._changed.emit();
      void this._soon.invoke();
    }
  }

  private async _repeat(): Promise<void> {
    const known = this.known;
    if (this.live && this.watched && known?.contents && known.outdated && known.quick) {
      await this.preview();
    }
  }

  private _emit(): void {
    this._changed.emit();
  }

  private _known = new WeakMap<NotebookPanel, IKnown>();
  private _followed = new WeakSet<NotebookPanel>();
  private _soon: Debouncer;
  private _typed: Debouncer;
  private _disposed = false;
  private _changed = new Signal<this, void>(this);
}
