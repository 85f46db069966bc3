/** What all views use: translation, redrawing when a model changes, and a problem as a sentence. */

import type { ISignal } from '@lumino/signaling';
import { nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

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

interface IProblemProps {
  message: string;
  advice?: string | null;
  /** Something is amiss, but it goes on. */
  mild?: boolean;
  children?: React.ReactNode;
}

/** What is wrong and what to do next. */
export function Problem({ message, advice, mild, children }: IProblemProps): JSX.Element {
  return (
    <div className={`jp-Deploy-problem${mild ? ' jp-mod-mild' : ''}`} role={mild ? 'status' : 'alert'}>
      <p>{message}</p>
      {advice && <p className="jp-Deploy-advice">{advice}</p>}
      {children}
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
