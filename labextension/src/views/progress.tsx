/** How far a deployment is, what came of it, and where it fell short. */

import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { formatSeconds, nameFields } from '../format';
import type { ICallFailure } from '../kernel';
import type { IKnown, NotebookModel } from '../notebook';
import { findNext, splitStages } from '../stages';
import { Differences } from './contents';
import { Button, Clamp, Problem, useTranslation } from './shared';

/** Name a stage of the recipe. */
function nameStage(stage: string, trans: TranslationBundle): string {
  const names: Record<string, string> = {
    capture: trans.__('Capture'),
    compile: trans.__('Compile'),
    requirements: trans.__('Requirements'),
    bundle: trans.__('Bundle'),
    added: trans.__('Added'),
    wheels: trans.__('Wheels'),
    environment: trans.__('Environment'),
    content: trans.__('Content'),
    service: trans.__('Service'),
    start: trans.__('Start'),
    calls: trans.__('Calls'),
    prove: trans.__('Prove'),
    live: trans.__('Go live')
  };
  return names[stage] ?? stage;
}

/** The stage that fell short, or null: a problem before the first stage is none of a stage's. */
function findFailed(known: IKnown): string | null {
  if (known.problem === null) {
    return null;
  }
  return known.problem.stage ?? (known.stages.length ? findNext(known.stages, known.target) : null);
}

interface IKernelProblemProps {
  known: IKnown;
  model: NotebookModel;
  /** Show the cell with this label. */
  onCell: (label: string) => void;
}

export function KernelProblem({ known, model, onCell }: IKernelProblemProps): JSX.Element {
  const trans = useTranslation();
  const problem = known.problem!;
  const failed = findFailed(known);
  const neverRan = !model.cells().some(({ cell }) => typeof cell.model.sharedModel.toJSON().execution_count === 'number');
  const failures = countAlike(problem.failures ?? []);
  // What the service answers to a call that raised is a status, which its exception says better.
  const differences = (problem.differences ?? []).filter(one => !(failures.length && one.path === 'status'));
  const [message, ...rest] = problem.differences ? problem.message.split('\n') : [problem.message];
  const causes = rest.filter(line => line.startsWith('this may be why:') || line.startsWith('the service itself'));
  const place = problem.where && !problem.differences ? ` (${problem.where})` : '';
  const advice =
    neverRan && problem.type === 'CaptureError' ? trans.__('Run the notebook first: what is deployed is what ran.') : problem.advice;
  return (
    <Problem message={nameFields(message + place, trans)} advice={advice && nameFields(advice, trans)}>
      {causes.map(cause => (
        <p key={cause} className="jp-Deploy-quiet">{cause}</p>
      ))}
      {failures.map((one, index) => (
        <Failure key={index} {...one} onCell={onCell} />
      ))}
      {differences.length > 0 && <Differences rows={differences} />}
      {problem.where && /^cell /.test(problem.where) && (
        <Button onClick={() => onCell(problem.where!)}>{trans.__('Show the cell')}</Button>
      )}
      {failed && known.busy === null && (
        <p className="jp-Deploy-quiet">
          {trans.__('It fell short at “%1”.', nameStage(failed, trans))}{' '}
          {!advice?.includes('what was live before still is') && trans.__('What was live before still is.')}
        </p>
      )}
      {problem.type === 'DeadKernel' && (
        <Button onClick={() => void model.panel?.sessionContext.restartKernel()}>{trans.__('Restart the kernel')}</Button>
      )}
    </Problem>
  );
}

/** Put calls together that raised the same at the same place. */
function countAlike(failures: ICallFailure[]): { failure: ICallFailure; count: number }[] {
  const counted = new Map<string, { failure: ICallFailure; count: number }>();
  for (const failure of failures) {
    const key = JSON.stringify([failure.entry, failure.message, failure.cell ?? failure.where]);
    counted.set(key, { failure, count: (counted.get(key)?.count ?? 0) + 1 });
  }
  return [...counted.values()];
}

interface IFailureProps {
  failure: ICallFailure;
  count: number;
  onCell: (label: string) => void;
}

/** A call, or several, that raised in the service and not in the notebook. */
function Failure({ failure, count, onCell }: IFailureProps): JSX.Element {
  const trans = useTranslation();
  const place = failure.cell ?? failure.where;
  return (
    <div className="jp-Deploy-raised">
      <Clamp className="jp-Deploy-reason" text={failure.message ?? trans.__('It raised an exception.')} />
      <span className="jp-Deploy-row">
        <span>
          <code>{failure.entry}</code>
          {count > 1 && <span className="jp-Deploy-quiet"> · {trans.__('%1 times', count)}</span>}
        </span>
        {failure.cell ? (
          <button type="button" className="jp-Deploy-link jp-mod-quiet" onClick={() => onCell(failure.cell!)}>
            {failure.cell}
          </button>
        ) : (
          <span className="jp-Deploy-quiet">{place}</span>
        )}
      </span>
      {failure.traceback && (
        <details>
          <summary>{trans.__('Traceback')}</summary>
          <pre className="jp-Deploy-answer" tabIndex={0}>
            {failure.traceback.trim()}
          </pre>
        </details>
      )}
    </div>
  );
}

/** The stages, and before them what came of it once it is live. */
export function Progress({ known, onOpen }: { known: IKnown; onOpen: (name: string) => void }): JSX.Element | null {
  const trans = useTranslation();
  const { released } = known;
  if (known.busy !== 'deploy' && known.stages.length === 0) {
    return null;
  }
  if (released === null) {
    return <Stages known={known} />;
  }
  return (
    <div>
      <div className="jp-Deploy-released" role="status">
        <p>
          <strong>{trans.__('%1 is live', released.name)}</strong> {trans.__('after %1.', formatSeconds(released.seconds))}
        </p>
        <p className="jp-Deploy-quiet">
          {released.proof.calls
            ? trans.__('%1 of %2 golden calls answered as in the notebook.', released.proof.equal, released.proof.calls)
            : trans.__('Unproven: there was no golden call.')}
        </p>
        <Button kind="accept" onClick={() => onOpen(released.name)}>
          {trans.__('Show it')}
        </Button>
      </div>
      <details className="jp-Deploy-section">
        <summary>
          <span>{trans.__('Stages')}</span>
          <span className="jp-Deploy-count">{splitStages(known.stages).done.length}</span>
        </summary>
        <Stages known={known} />
      </details>
    </div>
  );
}

function Stages({ known }: { known: IKnown }): JSX.Element {
  const trans = useTranslation();
  const { done, doing } = splitStages(known.stages);
  const last = done[done.length - 1]?.name;
  const failed = findFailed(known);
  const next = known.busy === 'deploy' && !known.waiting ? findNext(done, known.target) : null;
  return (
    <ol className="jp-Deploy-progress" aria-live="polite">
      {done.map((stage, index) => (
        <li key={index} className={failed === stage.name && index === done.length - 1 ? 'jp-mod-failed' : 'jp-mod-done'}>
          <span>{nameStage(stage.name, trans)}</span>
          <span className="jp-Deploy-seconds">{formatSeconds(stage.seconds)}</span>
          <span className="jp-Deploy-quiet">{stage.text}</span>
        </li>
      ))}
      {failed !== null && failed !== last && (
        <li className="jp-mod-failed">
          <span>{nameStage(failed, trans)}</span>
        </li>
      )}
      {next && (
        <li className="jp-mod-running">
          <span>{nameStage(next, trans)}</span>
          {doing && <span className="jp-Deploy-quiet">{doing}</span>}
        </li>
      )}
    </ol>
  );
}
