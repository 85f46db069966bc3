/** The notebook in front: its cells and their roles, what would be captured, and a deployment under way. */

import type { Cell } from '@jupyterlab/cells';
import { NotebookActions, type INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import type { IDisposable } from '@lumino/disposable';
import { Debouncer } from '@lumino/polling';
import { Signal, type ISignal } from '@lumino/signaling';
import { ask, findObstacle, problem, type IContents, type IProblem, type IReleased, type IStage } from './kernel';
import { readRole, writeRole, type Role } from './roles';

/** What `%deploy` is told. */
export interface IOptions {
  entries: string;
  name: string;
  target: string;
  workers: string;
  port: string;
  example: string;
  strict: boolean;
  unproven: boolean;
}

export const NO_OPTIONS: IOptions = {
  entries: '',
  name: '',
  target: 'local',
  workers: '',
  port: '',
  example: '',
  strict: false,
  unproven: false
};

/** Write the options as the words of a `%deploy` line. */
export function listArguments(options: IOptions): string[] {
  const words: string[] = [];
  const add = (flag: string, value: string) => value.trim() && words.push(`--${flag}=${value.trim()}`);
  add('name', options.name);
  if (options.target !== 'local') {
    add('target', options.target);
  }
  add('workers', options.workers);
  add('port', options.port);
  add('example', options.example);
  if (options.strict) {
    words.push('--strict');
  }
  if (options.unproven) {
    words.push('--unproven');
  }
  const entries = options.entries.split(/[\s,]+/).filter(Boolean);
  return entries.length ? [...words, '--', ...entries] : words;
}

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
  /** The kernel has other work to finish before ours begins. */
  waiting: boolean;
  stages: IStage[];
  released: IReleased | null;
}

/** Seconds that a dry run may take to be repeated by itself: it makes the golden calls again. */
const QUICK = 1;

/** Follows the current notebook. */
export class NotebookModel implements IDisposable {
  constructor(private readonly tracker: INotebookTracker) {
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
        waiting: false,
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

  /** Stop what the kernel does for us. */
  async cancel(): Promise<void> {
    await this.panel?.sessionContext.session?.kernel?.interrupt();
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
    Object.assign(known, { busy: what, problem: null, waiting: false });
    if (what === 'deploy') {
      Object.assign(known, { stages: [], released: null });
    }
    this._changed.emit();
    try {
      known.problem = (await findObstacle(panel.sessionContext)) ?? (await this._save(panel)) ?? (await this._run(panel, what));
    } finally {
      Object.assign(known, { busy: null, waiting: false });
      this._changed.emit();
    }
  }

  /** The kernel reads tags and edits from the file, so what is on the screen goes there first. */
  private async _save(panel: NotebookPanel): Promise<IProblem | null> {
    if (!panel.context.model.dirty) {
      return null;
    }
    if (panel.context.model.readOnly || panel.context.contentsModel?.writable === false) {
      return problem('Unsaved', 'The notebook has changes that cannot be saved: the file is read-only.', 'Save a copy of it under another name, and deploy that.');
    }
    try {
      await panel.context.save();
    } catch (error) {
      return problem('Unsaved', `The notebook cannot be saved: ${error}`, 'Look whether the disk is full, or the folder gone.');
    }
    return panel.context.model.dirty
      ? problem('Unsaved', 'The notebook was not saved.', 'Save it, then try again: tags and edits are read from the file.')
      : null;
  }

  private async _run(panel: NotebookPanel, what: 'preview' | 'deploy'): Promise<IProblem | null> {
    const known = this.of(panel);
    const kernel = panel.sessionContext.session?.kernel;
    if (!kernel) {
      return problem('NoKernel', 'This notebook has no kernel.');
    }
    known.waiting = kernel.status === 'busy';
    let told: IProblem | null = null;
    const file = panel.context.localPath.split('/').pop() ?? '';
    const call = what === 'preview' ? 'show_preview' : 'show_deploy';
    const failure = await ask(kernel, call, listArguments(known.options), file, message => {
      known.waiting = false;
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
    });
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
