/** What all views use: translation, redrawing when a model changes, answers, questions, problems, long texts folded. */

import { Dialog, showDialog } from '@jupyterlab/apputils';
import { nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import type { ISignal } from '@lumino/signaling';
import * as React from 'react';
import type { ApiError } from '../api';
import { advise, sentence } from '../format';

export const Translation = React.createContext<TranslationBundle>(nullTranslator.load('nbdeploy'));

export function useTranslation(): TranslationBundle {
  return React.useContext(Translation);
}

/** Draw again whenever the model changes. */
export function useChanges<T>(model: { changed: ISignal<T, void> }): void {
  const [, draw] = React.useReducer((count: number) => count + 1, 0);
  React.useEffect(() => {
    model.changed.connect(draw);
    return () => void model.changed.disconnect(draw);
  }, [model]);
}

interface IAsked<T> {
  /** The last answer. */
  answer: T | null;
  /** What went wrong the last time. */
  fault: ApiError | null;
  again: () => void;
}

/**
 * Ask the server, and again whenever one of `reasons` changes.
 *
 * @param occasion - When this changes, it is asked again if the last time went wrong.
 */
export function useAnswer<T>(ask: () => Promise<T>, reasons: React.DependencyList, occasion?: unknown): IAsked<T> {
  const [answer, setAnswer] = React.useState<T | null>(null);
  const [fault, setFault] = React.useState<ApiError | null>(null);
  const [attempt, again] = React.useReducer((count: number) => count + 1, 0);
  React.useEffect(() => {
    let gone = false;
    ask().then(
      found => {
        if (!gone) {
          setAnswer(found);
          setFault(null);
        }
      },
      error => !gone && setFault(error)
    );
    return () => {
      gone = true;
    };
  }, [...reasons, attempt, fault && occasion]);
  return { answer, fault, again };
}

/** Ask a person, and tell whether it is to be done. */
export async function confirm(title: string, body: string, label: string, { warn = false } = {}): Promise<boolean> {
  const yes = warn ? Dialog.warnButton({ label }) : Dialog.okButton({ label });
  const answer = await showDialog({ title, body, buttons: [Dialog.cancelButton(), yes] });
  return answer.button.accept;
}

interface IProblemProps {
  message: string;
  advice?: string | null;
  /** Something is amiss, but it goes on. */
  mild?: boolean;
  /** It is none: something went well. */
  good?: boolean;
  children?: React.ReactNode;
}

/** What is wrong and what to do next. */
export function Problem({ message, advice, mild, good, children }: IProblemProps): JSX.Element {
  const kind = good ? ' jp-mod-good' : mild ? ' jp-mod-mild' : '';
  const [next, ...more] = (advice ?? '').split('\n');
  return (
    <div className={`jp-Deploy-problem${kind}`} role={mild || good ? 'status' : 'alert'}>
      <p>{sentence(message)}</p>
      {next && <p className="jp-Deploy-advice">{advise(next)}</p>}
      {more.length > 0 && (
        <pre className="jp-Deploy-answer" tabIndex={0}>
          {more.map(line => line.trim()).join('\n')}
        </pre>
      )}
      {children}
    </div>
  );
}

/** Characters that two lines of the panel hold. */
const TWO_LINES = 92;

/** A text of which at most two lines are shown, until one wants all of it. */
export function Clamp({ text, className }: { text: string; className: string }): JSX.Element {
  const trans = useTranslation();
  const [all, setAll] = React.useState(false);
  const long = text.length > TWO_LINES || text.includes('\n');
  return (
    <div className="jp-Deploy-clamp">
      <span className={`${className}${long && !all ? ' jp-mod-clamped' : ''}`}>{text}</span>
      {long && (
        <button type="button" className="jp-Deploy-link jp-mod-quiet" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? trans.__('Less') : trans.__('Show all')}
        </button>
      )}
    </div>
  );
}

interface ISectionProps {
  title: string;
  count?: number | string;
  open?: boolean;
  children: React.ReactNode;
}

/** A part that can be folded. */
export function Section({ title, count, open, children }: ISectionProps): JSX.Element {
  const [shown, setShown] = React.useState(open ?? false);
  return (
    <details className="jp-Deploy-section" open={shown} onToggle={event => setShown(event.currentTarget.open)}>
      <summary>
        <span>{title}</span>
        {count !== undefined && <span className="jp-Deploy-count">{count}</span>}
      </summary>
      {shown && <div className="jp-Deploy-body">{children}</div>}
    </details>
  );
}

interface IButtonProps {
  children: React.ReactNode;
  onClick: () => void;
  kind?: 'accept' | 'warn';
  disabled?: boolean;
  title?: string;
}

export function Button({ children, onClick, kind, disabled, title }: IButtonProps): JSX.Element {
  return (
    <button type="button" className={`jp-Deploy-button${kind ? ` jp-mod-${kind}` : ''}`} {...{ onClick, disabled, title }}>
      {children}
    </button>
  );
}
