/** The endpoints of this machine, asked for in one place: one poll, which rests while nobody looks. */

import { Poll } from '@lumino/polling';
import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Api, ApiError, type Action, type IEndpoint, type IListed } from './api';
import { VERSION } from './version';

/** A stretch of time that the charts show. */
export interface IWindow {
  seconds: number;
  resolution: 1 | 60 | 900;
}

export const WINDOWS: IWindow[] = [
  { seconds: 300, resolution: 1 },
  { seconds: 86400, resolution: 60 },
  { seconds: 31 * 86400, resolution: 900 }
];

/** Name a stretch of time. */
export function nameWindow(window: IWindow, trans: TranslationBundle): string {
  return { 1: trans.__('5 min'), 60: trans.__('1 day'), 900: trans.__('1 month') }[window.resolution];
}

/** How something that was done to an endpoint ended. */
export interface IOutcome {
  name: string;
  message: string;
  advice: string | null;
  failed: boolean;
}

/** Milliseconds that a success is told. */
const TOLD_MS = 8000;

/** What the panel shows of the endpoints. */
export class EndpointsModel implements IDisposable {
  constructor(
    readonly api: Api,
    interval: number
  ) {
    this._poll = new Poll({
      auto: false,
      name: 'nbdeploy:endpoints',
      factory: () => this._refresh(),
      frequency: { interval, backoff: true, max: 60_000 },
      standby: () => (this._watched ? 'when-hidden' : true)
    });
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The endpoints, or null before the first answer. */
  endpoints: IListed[] | null = null;
  /** What keeps the panel from telling more. */
  trouble: ApiError | null = null;
  /** The server extension's version where it is not that of this front end. */
  mismatch: string | null = null;
  targets: string[] = ['local'];
  /** The endpoint that is opened. */
  opened: string | null = null;
  shown: IEndpoint | null = null;
  window: IWindow = WINDOWS[0];
  /** When what is shown was read: seconds since 1970. */
  read: number | null = null;
  /** Something is being done to an endpoint. */
  acting = false;
  outcome: IOutcome | null = null;

  /** Look or stop looking: the poll runs only while the panel can be seen. */
  set watched(watched: boolean) {
    this._watched = watched;
    if (watched) {
      void this._poll.start();
      void this._poll.refresh();
    }
  }

  set interval(interval: number) {
    this._poll.frequency = { ...this._poll.frequency, interval };
  }

  open(name: string | null): void {
    this._left = { name: this.opened };
    this.opened = name;
    this.shown = null;
    this.outcome = null;
    this._changed.emit();
    this.refresh();
  }

  /** Tell, once, from where one has just come: the list (null) or an endpoint; the focus goes along. Undefined: from nowhere. */
  arrive(): string | null | undefined {
    const left = this._left?.name;
    this._left = null;
    return left;
  }

  show(window: IWindow): void {
    this.window = window;
    this.shown = null;
    this._changed.emit();
    this.refresh();
  }

  /** Do something to an endpoint, and keep how it ended; true when it succeeded. */
  async act(name: string, action: Action, done: string, version?: string): Promise<boolean> {
    this.acting = true;
    this.outcome = null;
    this._changed.emit();
    try {
      await this.api.act(name, action, version);
      if (action === 'delete' && this.opened === name) {
        this.opened = this.shown = null;
        this.endpoints = this.endpoints?.filter(one => one.name !== name) ?? null;
      }
      this._tell({ name, message: done, advice: null, failed: false });
      return true;
    } catch (error) {
      const advice = error instanceof ApiError ? error.advice : null;
      this._tell({ name, message: (error as Error).message, advice, failed: true });
      return false;
    } finally {
      this.acting = false;
      this._changed.emit();
      this.refresh();
    }
  }

  private _tell(outcome: IOutcome): void {
    this.outcome = outcome;
    if (!outcome.failed) {
      setTimeout(() => {
        if (this.outcome === outcome) {
          this.outcome = null;
          this._changed.emit();
        }
      }, TOLD_MS);
    }
  }

  refresh(): void {
    void this._poll.refresh();
  }

  get isDisposed(): boolean {
    return this._poll.isDisposed;
  }

  dispose(): void {
    this._poll.dispose();
    Signal.clearData(this);
  }

  private async _refresh(): Promise<void> {
    try {
      await Promise.all([this._greeted ? null : this._greet(), this._look()]);
      if (this.outcome?.message === this.trouble?.message) {
        this.outcome = null; // what stood in the way is over
      }
      this.trouble = null;
      this.read = Date.now() / 1000;
    } catch (error) {
      this.trouble = error instanceof ApiError ? error : new ApiError(0, 'Error', String(error));
      this._greeted = false;
      if (this.trouble.kind === 'UnknownEndpoint' && this.opened !== null) {
        // It was deleted, here or elsewhere, while it was asked for: the list says what there is.
        this.opened = this.shown = this.trouble = null;
        this.endpoints = null;
        setTimeout(() => this.refresh());
        return;
      }
      throw error; // the poll backs off
    } finally {
      this._changed.emit();
    }
  }

  private async _look(): Promise<void> {
    if (this.opened === null) {
      this.endpoints = await this.api.endpoints();
    } else {
      await this._refreshOpened(this.opened);
    }
  }

  private async _greet(): Promise<void> {
    const told = await this.api.server();
    this.mismatch = told.version === VERSION ? null : told.version;
    this.targets = told.targets;
    this._greeted = true;
  }

  /** Ask for what is new since the last time, and forget what has left the window. */
  private async _refreshOpened(name: string): Promise<void> {
    const window = this.window;
    const start = Date.now() / 1000 - window.seconds;
    const settled = this.shown?.settled ?? 0;
    const kept = this.shown?.samples.filter(sample => sample.time > start && sample.time <= settled) ?? [];
    const shown = await this.api.endpoint(name, Math.max(start, settled), window.resolution);
    if (this.opened === name && this.window === window) {
      this.shown = { ...shown, samples: [...kept, ...shown.samples] };
    }
  }

  private _poll: Poll<void>;
  private _watched = false;
  private _greeted = false;
  private _left: { name: string | null } | null = null;
  private _changed = new Signal<this, void>(this);
}
