/** Asks the notebook's kernel: one expression, answered by messages of our own MIME type. */

import type { ISessionContext } from '@jupyterlab/apputils';
import type { Kernel, KernelMessage } from '@jupyterlab/services';
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
  differences?: IDifference[];
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
export async function findObstacle(context: ISessionContext): Promise<IProblem | null> {
  const kernel = context.session?.kernel;
  if (!kernel) {
    return problem('NoKernel', 'This notebook has no kernel.', 'Choose one with the kernel’s name at the top right of the notebook.');
  }
  if (kernel.status === 'dead' || kernel.connectionStatus === 'disconnected' || kernel.isDisposed) {
    return problem('DeadKernel', 'The kernel of this notebook is dead.', 'Restart it, run the notebook, and try again.');
  }
  const language = await nameLanguage(kernel);
  if (language && language !== 'python') {
    return problem('OtherLanguage', `This notebook is written in ${language}.`, 'Only Python notebooks can be deployed.');
  }
  return null;
}

async function nameLanguage(kernel: Kernel.IKernelConnection): Promise<string | undefined> {
  return (await kernel.spec)?.language?.toLowerCase();
}

/**
 * Execute `show_preview` or `show_deploy` in the kernel.
 *
 * @param onMessage - Gets each message as it comes.
 * @returns What went wrong in the kernel itself, or null.
 */
export async function ask(
  kernel: Kernel.IKernelConnection,
  call: 'show_preview' | 'show_deploy',
  options: string[],
  document: string,
  onMessage: (message: Message) => void
): Promise<IProblem | null> {
  const code =
    `__import__('jupyter_deploy.preview', fromlist=['_']).${call}(` +
    `__import__('json').loads(${JSON.stringify(JSON.stringify(options))}), ` +
    `__import__('json').loads(${JSON.stringify(JSON.stringify(document))}), ${JSON.stringify(VERSION)})`;
  const future = kernel.requestExecute({ code, silent: false, store_history: false, allow_stdin: false, stop_on_error: false });
  let failure: IProblem | null = null;
  future.onIOPub = (message: KernelMessage.IIOPubMessage) => {
    const content = message.content as { data?: Record<string, unknown>; ename?: string; evalue?: string };
    if (message.header.msg_type === 'display_data' && content.data?.[MIME]) {
      onMessage(content.data[MIME] as Message);
    } else if (message.header.msg_type === 'error') {
      failure = explain(content.ename ?? '', content.evalue ?? '');
    }
  };
  try {
    const reply = await future.done;
    if (reply?.content.status === 'aborted') {
      return problem('Interrupted', 'The kernel was interrupted.', 'Try again.');
    }
  } catch {
    return problem('DeadKernel', 'The kernel was restarted or died before it answered.', 'Run the notebook again, then try again.');
  } finally {
    future.dispose();
  }
  return failure;
}

function explain(name: string, value: string): IProblem {
  if (name === 'ModuleNotFoundError' && value.includes("'jupyter_deploy'")) {
    return problem('NoPackage', 'nbdeploy is not installed where this kernel runs.', 'Run %pip install nbdeploy in a cell, then try again.');
  }
  if (value.includes('jupyter_deploy.preview') || name === 'AttributeError' || (name === 'TypeError' && value.includes('show_'))) {
    return problem('OldPackage', 'The kernel’s nbdeploy is older than this panel.', 'Run %pip install --upgrade nbdeploy and restart the kernel.');
  }
  if (name === 'OSError' && /No space left/.test(value)) {
    return problem('DiskFull', 'The disk is full.', 'Free some space, then try again. What was live still is.');
  }
  return problem(name, `${name}: ${value}`, '%deploy --debug in a cell shows the whole traceback.');
}
