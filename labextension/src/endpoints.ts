/** The endpoints of this machine, asked for in one place: one poll, which rests while nobody looks. */

import { Poll } from '@lumino/polling';
import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';
import { Api, ApiError, type IEndpoint, type IListed } from './api';
import { VERSION } from './version';

/** A stretch of time that the charts show. */
export interface IWindow {
  label: string;
  seconds: number;
  resolution: 1 | 60 | 900;
}

export const WINDOWS: IWindow[] = [
  { label: '5 min', seconds: 300, resolution: 1 },
  { label: '1 day', seconds: 86400, resolution: 60 },
  { label: '1 month', seconds: 31 * 86400, resolution: 900 }
];

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
    this.opened = name;
    this.shown = null;
    this._changed.emit();
    this.refresh();
  }

  show(window: IWindow): void {
    this.window = window;
    this.shown = null;
    this._changed.emit();
    this.refresh();
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
      if (!this._greeted) {
        await this._greet();
      }
      if (this.opened === null) {
        this.endpoints = await this.api.endpoints();
      } else {
        await this._refreshOpened(this.opened);
      }
      this.trouble = null;
    } catch (error) {
      this.trouble = error instanceof ApiError ? error : new ApiError(0, 'Error', String(error));
      this._greeted = false;
      if (this.trouble.kind === 'UnknownEndpoint') {
        this.opened = null;
      }
      throw error; // the poll backs off
    } finally {
      this._changed.emit();
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
    const known = this.shown?.samples.filter(sample => sample.time > start) ?? [];
    // At the coarser widths the end is made of finer samples, which are rolled up later: those are asked for anew.
    const kept = window.resolution === 1 ? known : [];
    const since = kept.length ? kept[kept.length - 1].time : start;
    const shown = await this.api.endpoint(name, since, window.resolution);
    if (this.opened === name && this.window === window) {
      this.shown = { ...shown, samples: [...kept, ...shown.samples] };
    }
  }

  private _poll: Poll<void>;
  private _watched = false;
  private _greeted = false;
  private _changed = new Signal<this, void>(this);
}
