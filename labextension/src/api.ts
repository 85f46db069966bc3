/** The routes of the server extension. */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
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

export interface IStatus {
  name: string;
  state: 'live' | 'starting' | 'stopped' | 'failed';
  reason: string | null;
  url: string;
  version: string;
  workers: number;
  wanted_workers: number;
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
  status: IStatus & { versions: IVersion[]; events: { time: number; kind: string; text: string }[] };
  samples: ISample[];
  total: ISample | null;
  failures: IFailure[];
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

/** Calls the routes with the user's credentials. */
export class Api {
  constructor(private readonly settings: ServerConnection.ISettings) {}

  server(): Promise<{ version: string; targets: string[] }> {
    return this.ask('server');
  }

  endpoints(): Promise<IListed[]> {
    return this.ask('endpoints');
  }

  endpoint(name: string, since: number, resolution: number): Promise<IEndpoint> {
    return this.ask(`${path(name)}?since=${since}&resolution=${resolution}`);
  }

  entries(name: string): Promise<{ version: string; entries: IEntry[] }> {
    return this.ask(`${path(name)}/entries`);
  }

  logs(name: string, lines: number): Promise<ILogLine[]> {
    return this.ask(`${path(name)}/logs?lines=${lines}`);
  }

  act(name: string, action: 'rollback' | 'stop' | 'start' | 'delete', version?: string): Promise<unknown> {
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
      throw refusal(response, answer);
    }
    return answer as T;
  }

  private async send(route: string, body?: unknown, headers?: Record<string, string>): Promise<Response> {
    const url = URLExt.join(this.settings.baseUrl, NAMESPACE) + '/' + route;
    const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body), headers };
    try {
      return await ServerConnection.makeRequest(url, init, this.settings);
    } catch (error) {
      throw new ApiError(0, 'Unreachable', 'The Jupyter server does not answer.', 'Is it still running, and the network up?');
    }
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

function refusal(response: Response, answer: unknown): ApiError {
  const told = (answer as { error?: { type: string; message: string; where?: string; advice?: string } } | null)?.error;
  if (told) {
    const message = told.where ? `${told.message} (${told.where})` : told.message;
    return new ApiError(response.status, told.type, message, told.advice ?? null);
  }
  if (response.status === 404) {
    return new ApiError(404, 'NoServerExtension', 'The server extension of nbdeploy is not running.', null);
  }
  return new ApiError(response.status, 'HTTPError', `The Jupyter server answered ${response.status}.`, null);
}
