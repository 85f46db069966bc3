/** Asks the notebook's kernel: one expression, answered by messages of our own MIME type. */

import type { ISessionContext } from '@jupyterlab/apputils';
import type { Kernel, KernelMessage } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ISignal } from '@lumino/signaling';
import { VERSION } from './version';

const MIME = 'application/vnd.nbdeploy+json';

export interface IStage {
  event: 'stage';
  name: string;
  text: string;
  seconds: number;
}

export interface IPiece {
  name: string;
  kind: string;
  reason: string;
  cell: string | null;
}

/** Rows that the kernel wants shown as they are. */
export interface IRows {
  title: string;
  rows: { name: string; figure: string; reason: string }[];
}

/** What goes to production, and why. */
export interface IContents {
  event: 'preview' | 'released';
  name: string;
  seconds: number;
  entries: string[];
  golden: { entry: string; source: string }[];
  code: IPiece[];
  state: { name: string; type: string; format: string; size: number; reason: string }[];
  files: { path: string; size: number }[];
  packages: { name: string; version: string; reason: string }[];
  warnings: string[];
  cells: ICapturedCell[];
  service: string;
  sections: IRows[];
  hardware?: { lines: string[] };
}

export interface ICapturedCell {
  label: string;
  count: number;
  id: string | null;
  stale: boolean;
  names: string[];
}

export interface IPreview extends IContents {
  event: 'preview';
}

export interface IDifference {
  entry: string;
  source: string;
  path: string;
  notebook: string;
  service: string;
}

/** What went wrong, and what to do next. */
export interface IProblem {
  event: 'error';
  type: string;
  message: string;
  where: string | null;
  advice: string | null;
  /** The stage that fell short. */
  stage?: string | null;
  differences?: IDifference[];
  /** Calls that raised in the service and not in the notebook. */
  failures?: ICallFailure[];
}

export interface ICallFailure {
  entry: string | null;
  message: string | null;
  cell: string | null;
  where: string | null;
  traceback: string | null;
}

export interface IReleased extends IContents {
  event: 'released';
  version: string;
  url: string;
  proof: { calls: number; equal: number };
}

export type Message = IStage | IPreview | IProblem | IReleased;

export function problem(type: string, message: string, advice: string | null = null): IProblem {
  return { event: 'error', type, message, where: null, advice };
}

/** Say why this kernel cannot be asked, or null when it can. */
export async function findObstacle(context: ISessionContext, trans: TranslationBundle): Promise<IProblem | null> {
  const kernel = context.session?.kernel;
  if (!kernel) {
    return problem(
      'NoKernel',
      trans.__('This notebook has no kernel.'),
      trans.__('Choose one with the kernel’s name at the top right of the notebook.')
    );
  }
  if (kernel.connectionStatus === 'connecting') {
    await Promise.race([until(kernel.connectionStatusChanged, () => kernel.connectionStatus !== 'connecting'), sleep(CONNECT_MS)]);
  }
  if (kernel.connectionStatus === 'connecting') {
    return problem(
      'NoConnection',
      trans.__('The connection to the kernel is interrupted.'),
      trans.__('Wait until it is back, or reload the page; what runs in the kernel goes on. Then try again.')
    );
  }
  if (kernel.status === 'dead' || kernel.connectionStatus === 'disconnected' || kernel.isDisposed) {
    return problem('DeadKernel', trans.__('The kernel of this notebook is dead.'), trans.__('Restart it, run the notebook, and try again.'));
  }
  const language = (await kernel.spec)?.language?.toLowerCase();
  if (language && language !== 'python') {
    return problem('OtherLanguage', trans.__('This notebook is written in %1.', language), trans.__('Only Python notebooks can be deployed.'));
  }
  return null;
}

/** What is asked of a kernel. */
export interface IRequest {
  call: 'show_preview' | 'show_deploy';
  options: string[];
  /** The notebook's file name. */
  document: string;
  /** Aborted: a request that the kernel has not begun is withdrawn, one that it has begun is interrupted. */
  signal: AbortSignal;
  /** The kernel has begun. */
  onBegin: () => void;
  onMessage: (message: Message) => void;
}

/**
 * Execute `show_preview` or `show_deploy` in the kernel, as soon as it has nothing else to do.
 *
 * @returns What went wrong in the kernel itself, or null.
 */
export async function ask(kernel: Kernel.IKernelConnection, request: IRequest, trans: TranslationBundle): Promise<IProblem | null> {
  const { signal } = request;
  const lost = () =>
    problem(
      'DeadKernel',
      trans.__('The kernel was restarted or died before it answered.'),
      trans.__('Run the notebook again, then try again.')
    );
  const met = await untilIdle(kernel, signal);
  if (met !== 'idle') {
    return met === 'lost' ? lost() : null;
  }
  const { future, told } = execute(kernel, request, trans);
  const withdrawn = new Promise<null>(resolve => signal.addEventListener('abort', () => !told.begun && resolve(null)));
  try {
    const reply = await Promise.race([future.done, withdrawn]);
    if (reply?.content.status === 'aborted') {
      return problem('Interrupted', trans.__('The kernel was interrupted.'), trans.__('Try again.'));
    }
  } catch {
    return lost();
  } finally {
    void future.done.catch(() => undefined).finally(() => future.dispose());
  }
  return told.failure;
}

function execute(kernel: Kernel.IKernelConnection, request: IRequest, trans: TranslationBundle) {
  const { signal } = request;
  const code =
    `__import__('jupyter_deploy.preview', fromlist=['_']).${request.call}(` +
    `__import__('json').loads(${JSON.stringify(JSON.stringify(request.options))}), ` +
    `__import__('json').loads(${JSON.stringify(JSON.stringify(request.document))}), ${JSON.stringify(VERSION)})`;
  const told = { begun: false, withdrawn: false, failure: null as IProblem | null };
  const future = kernel.requestExecute({ code, silent: false, store_history: false, allow_stdin: false, stop_on_error: false });
  const interrupt = () => {
    told.withdrawn ||= !told.begun;
    void (told.begun && kernel.interrupt());
  };
  signal.addEventListener('abort', interrupt);
  void future.done.catch(() => undefined).finally(() => signal.removeEventListener('abort', interrupt));
  future.onIOPub = (message: KernelMessage.IIOPubMessage) => {
    const content = message.content as { data?: Record<string, unknown>; ename?: string; evalue?: string; execution_state?: string };
    if (message.header.msg_type === 'status' && content.execution_state === 'busy') {
      told.begun = true;
      // A cell came first, and in the meantime it was withdrawn: now it is ours that is interrupted, not the cell.
      signal.aborted ? interrupt() : request.onBegin();
    } else if (message.header.msg_type === 'display_data' && content.data?.[MIME] && !told.withdrawn) {
      request.onMessage(content.data[MIME] as Message);
    } else if (message.header.msg_type === 'error') {
      told.failure = explain(content.ename ?? '', content.evalue ?? '', trans);
    }
  };
  return { future, told };
}

/** Milliseconds that a kernel is idle when nothing else waits for it: between cells that were started together it is idle, too. */
const CALM_MS = 150;
const CONNECT_MS = 5000;

async function untilIdle(kernel: Kernel.IKernelConnection, signal: AbortSignal): Promise<'idle' | 'lost' | 'withdrawn'> {
  let waited = false;
  while (!signal.aborted) {
    if (kernel.isDisposed || (waited && ['dead', 'restarting', 'autorestarting', 'terminating'].includes(kernel.status))) {
      return 'lost';
    }
    if (kernel.status === 'busy') {
      waited = true;
      await Promise.race([until(kernel.statusChanged, () => kernel.status !== 'busy'), aborted(signal)]);
    } else if (!waited) {
      return 'idle';
    } else {
      await Promise.race([sleep(CALM_MS), aborted(signal)]);
      if (kernel.status === 'idle' && !signal.aborted) {
        return 'idle';
      }
    }
  }
  return 'withdrawn';
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds));
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve())));
}

/** Wait until a signal comes at which something is true. */
function until<T, U>(changed: ISignal<T, U>, holds: () => boolean): Promise<void> {
  return new Promise(resolve => {
    const look = () => {
      if (holds()) {
        changed.disconnect(look);
        resolve();
      }
    };
    changed.connect(look);
    look();
  });
}

function explain(name: string, value: string, trans: TranslationBundle): IProblem {
  if (name === 'ModuleNotFoundError' && value.includes("'jupyter_deploy'")) {
    return problem(
      'NoPackage',
      trans.__('nbdeploy is not installed where this kernel runs.'),
      trans.__('Run %pip install nbdeploy in a cell, then try again.')
    );
  }
  if (value.includes('jupyter_deploy.preview') || name === 'AttributeError' || (name === 'TypeError' && value.includes('show_'))) {
    return problem(
      'OldPackage',
      trans.__('The kernel’s nbdeploy is older than this panel.'),
      trans.__('Run %pip install --upgrade nbdeploy and restart the kernel.')
    );
  }
  if (name === 'OSError' && /No space left/.test(value)) {
    return problem('DiskFull', trans.__('The disk is full.'), trans.__('Free some space, then try again. What was live still is.'));
  }
  return problem(name, `${name}: ${value}`, trans.__('%deploy --debug in a cell shows the whole traceback.'));
}
