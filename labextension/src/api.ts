/** The routes of the server extension. */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ISchema } from './form';

export const NAMESPACE = 'nbdeploy';

export interface IProof {
  calls: number;
  equal: number;
}

export interface IVersion {
  version: string;
  number: number;
  deployed_at: number;
  notebook: string | null;
  proof: IProof | null;
  live: boolean;
}

/** What one of two versions did since the other was put beside it. */
export interface IVersionFigures {
  requests: number;
  errors: number;
  refused: number;
  p95: number | null;
}

/** A version that is tried beside the live one. */
export interface IRollout {
  mode: 'canary' | 'shadow';
  /** The part of the calls that it answers. */
  share: number;
  version: string;
  figures: { live: IVersionFigures; other: IVersionFigures; compared: number; disagreement: number };
  rules: { promote_after: number | null };
  /** What is missing until it takes over by itself. */
  waits_for: string[];
}

/** Something that happened to an endpoint. */
export interface IEvent {
  time: number;
  kind: string;
  text: string;
}

export interface IStatus {
  name: string;
  state: 'live' | 'starting' | 'asleep' | 'stopped' | 'failed';
  reason: string | null;
  url: string;
  version: string;
  workers: number;
  wanted_workers: number;
  rollout: IRollout | null;
}

/** Tell whether a call is answered: what is asleep is woken by it. */
export function answersCalls(state: IStatus['state']): boolean {
  return state === 'live' || state === 'asleep';
}

export interface IListed extends IStatus {
  rate: number;
  p95: number | null;
  requests: number;
  errors: number;
  spark: number[];
}

export interface ISample {
  time: number;
  seconds: number;
  requests: number;
  errors: number;
  rate: number;
  error_rate: number;
  p50: number | null;
  p95: number | null;
  p99: number | null;
  in_flight: number;
  workers: number;
  cpu: number;
  memory: number;
  /** Requests that were answered together, in the mean; null where nothing was batched. */
  batch: number | null;
  /** The share of the GPU's time that was used, and its memory; null where there is none. */
  gpu: number | null;
  gpu_memory: number | null;
}

export interface IFailure {
  message: string;
  entry: string;
  cell: string | null;
  where: string | null;
  time: string;
  count: number;
}

export interface IEndpoint {
  name: string;
  time: number;
  guarded: boolean;
  /** The events come in the order in which they happened, the last ones only. */
  status: IStatus & { versions: IVersion[]; events: IEvent[] };
  samples: ISample[];
  /** Samples up to this time stay as they are; later ones are told anew. */
  settled: number;
  failures: IFailure[];
}

/** An endpoint as it travels: each sample as a row. */
interface ITold extends Omit<IEndpoint, 'samples'> {
  fields: (keyof ISample)[];
  rows: (number | null)[][];
}

function readRow(fields: (keyof ISample)[], row: (number | null)[]): ISample {
  return Object.fromEntries(fields.map((field, index) => [field, row[index]])) as unknown as ISample;
}

export interface IGolden {
  source: string;
  request: Record<string, unknown>;
  answer: unknown;
}

export interface IEntry {
  name: string;
  doc: string;
  schema: ISchema;
  golden: IGolden[];
}

export interface ILogLine {
  time?: string;
  level?: string;
  message: string;
  entry?: string;
  cell?: string;
  where?: string;
  traceback?: string;
}

export type Action = 'rollback' | 'promote' | 'abort' | 'stop' | 'start' | 'delete';

export interface IAnswer {
  status: number;
  seconds: number;
  body: unknown;
}

/** An answer that is no success, with the sentence and the next step that came with it. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly kind: string,
    message: string,
    readonly advice: string | null = null
  ) {
    super(message);
  }
}

/** Milliseconds that the server may take to answer a question; what is done to an endpoint takes as long as it takes. */
const PATIENCE_MS = 10_000;

/** Calls the routes with the user's credentials. */
export class Api {
  constructor(
    private readonly settings: ServerConnection.ISettings,
    private readonly trans: TranslationBundle
  ) {}

  server(): Promise<{ version: string; targets: string[] }> {
    return this.ask('server');
  }

  endpoints(): Promise<IListed[]> {
    return this.ask('endpoints');
  }

  async endpoint(name: string, since: number, resolution: number): Promise<IEndpoint> {
    const told = await this.ask<ITold>(`${path(name)}?since=${since}&resolution=${resolution}`);
    return { ...told, samples: told.rows.map(row => readRow(told.fields, row)) };
  }

  entries(name: string): Promise<{ version: string; entries: IEntry[] }> {
    return this.ask(`${path(name)}/entries`);
  }

  logs(name: string, lines: number): Promise<ILogLine[]> {
    return this.ask(`${path(name)}/logs?lines=${lines}`);
  }

  act(name: string, action: Action, version?: string): Promise<unknown> {
    return this.ask(`${path(name)}/${action}`, { version });
  }

  /** Call an entry; the endpoint's own refusals are answers, not errors. */
  async call(name: string, entry: string, request: unknown, key: string): Promise<IAnswer> {
    const begun = performance.now();
    const headers: Record<string, string> = key ? { 'X-API-Key': key } : {};
    const response = await this.send(`${path(name)}/call/${encodeURIComponent(entry)}`, request, headers);
    const body = await readJson(response);
    return { status: response.status, seconds: (performance.now() - begun) / 1000, body };
  }

  /** Where the documentation of an endpoint is, on this Jupyter server. */
  docs(name: string): string {
    return URLExt.join(this.settings.baseUrl, NAMESPACE, `${path(name)}/call/docs`);
  }

  private async ask<T>(route: string, body?: unknown): Promise<T> {
    const response = await this.send(route, body);
    const answer = await readJson(response);
    if (!response.ok) {
      throw this.refusal(response, answer);
    }
    return answer as T;
  }

  private async send(route: string, body?: unknown, headers?: Record<string, string>): Promise<Response> {
    const { trans } = this;
    const url = URLExt.join(this.settings.baseUrl, NAMESPACE) + '/' + route;
    const patience = new AbortController();
    const timer = body === undefined ? setTimeout(() => patience.abort(), PATIENCE_MS) : undefined;
    const init: RequestInit = body === undefined ? { signal: patience.signal } : { method: 'POST', body: JSON.stringify(body), headers };
    try {
      return await ServerConnection.makeRequest(url, init, this.settings);
    } catch {
      throw patience.signal.aborted
        ? new ApiError(
            0,
            'Slow',
            trans.__('The Jupyter server has not answered for %1 seconds.', PATIENCE_MS / 1000),
            trans.__('It may be busy or hang: look at its log, and restart it if it stays so. Endpoints go on without it.')
          )
        : new ApiError(
            0,
            'Unreachable',
            trans.__('The Jupyter server does not answer.'),
            trans.__('Look whether it is still running and the network up. Endpoints go on without it.')
          );
    } finally {
      clearTimeout(timer);
    }
  }

  private refusal(response: Response, answer: unknown): ApiError {
    const { trans } = this;
    const told = (answer as { error?: { type: string; message: string; where?: string; advice?: string } } | null)?.error;
    if (told) {
      const message = told.where ? `${told.message} (${told.where})` : told.message;
      return new ApiError(response.status, told.type, message, told.advice ?? null);
    }
    if (response.status === 404) {
      return new ApiError(404, 'NoServerExtension', trans.__('The server extension of nbdeploy is not running.'));
    }
    return new ApiError(response.status, 'HTTPError', trans.__('The Jupyter server answered %1.', response.status));
  }
}

function path(name: string): string {
  return `endpoints/${encodeURIComponent(name)}`;
}

async function readJson(response: Response): Promise<unknown> {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
