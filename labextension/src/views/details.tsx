/** One endpoint: charts, a form to try it, versions, golden calls, failures, its log, and what can be done to it. */

import * as React from 'react';
import { answersCalls, type IEndpoint, type IEntry, type IEvent } from '../api';
import { WINDOWS, nameWindow, type EndpointsModel } from '../endpoints';
import { formatCount, formatMoment } from '../format';
import { Actions } from './actions';
import { Charts } from './charts';
import { State } from './endpoints';
import { Log } from './log';
import { Rollout } from './rollout';
import { Button, Clamp, Problem, Section, useAnswer, useTranslation } from './shared';
import { TryIt } from './tryit';
import { Versions } from './versions';

interface IDetailsProps {
  model: EndpointsModel;
  name: string;
}

export function Details({ model, name }: IDetailsProps): JSX.Element {
  const trans = useTranslation();
  const shown = model.shown;
  const back = React.useRef<HTMLButtonElement>(null);
  React.useEffect(() => {
    if (model.arrive() !== undefined) {
      back.current?.focus(); // what was pressed is gone, and the focus with it
    }
  }, [model]);
  return (
    <>
      <div className="jp-Deploy-row jp-Deploy-head">
        <button ref={back} type="button" className="jp-Deploy-back" onClick={() => model.open(null)} aria-label={trans.__('All endpoints')} title={trans.__('All endpoints')}>
          ‹
        </button>
        <h2 title={name}>{name}</h2>
        {shown && <State state={shown.status.state} doubtful={model.trouble !== null} />}
      </div>
      {shown ? <Opened model={model} shown={shown} /> : !model.trouble && <p className="jp-Deploy-quiet">{trans.__('Looking…')}</p>}
    </>
  );
}

function Opened({ model, shown }: { model: EndpointsModel; shown: IEndpoint }): JSX.Element {
  const trans = useTranslation();
  const { status } = shown;
  const ask = () => model.api.entries(shown.name).then(told => told.entries);
  const { answer: entries, fault, again } = useAnswer(ask, [model, shown.name, status.version], shown.time);
  return (
    <>
      <Reason model={model} shown={shown} />
      {status.state === 'live' && status.workers < status.wanted_workers && (
        <Problem mild message={trans.__('%1 of %2 workers answer; the others are being started.', status.workers, status.wanted_workers)} />
      )}
      <Actions model={model} shown={shown} entries={entries} />
      <div className="jp-Deploy-windows" role="group" aria-label={trans.__('How far back')}>
        {WINDOWS.map(one => (
          <button key={one.resolution} type="button" aria-pressed={model.window === one} onClick={() => model.show(one)}>
            {nameWindow(one, trans)}
          </button>
        ))}
      </div>
      {status.rollout && <Rollout model={model} shown={shown} rollout={status.rollout} />}
      <Charts samples={shown.samples} status={status} time={shown.time} window={model.window} />
      <Section title={trans.__('Try it')} open={answersCalls(status.state)}>
        {fault ? (
          <Problem message={trans.__('What can be called cannot be read: %1', fault.message)} advice={fault.advice}>
            <Button onClick={again}>{trans.__('Try again')}</Button>
          </Problem>
        ) : entries === null ? (
          <p className="jp-Deploy-quiet">{trans.__('Looking…')}</p>
        ) : (
          <TryIt api={model.api} name={shown.name} entries={entries} guarded={shown.guarded} state={status.state} />
        )}
      </Section>
      <Section title={trans.__('Versions')} count={status.versions.length} open>
        <Versions model={model} shown={shown} />
      </Section>
      <Failures shown={shown} />
      {entries && <GoldenCalls entries={entries} />}
      <Events events={status.events} />
      <Section title={trans.__('Log')}>
        <Log model={model} name={shown.name} time={shown.time} />
      </Section>
    </>
  );
}

/** Events after which other versions answer. */
const RELEASES = ['deployed', 'promoted', 'rolled-back', 'canary', 'shadow', 'aborted'];
/** How the supervisor tells that a person took a version away: who did it need not be told. */
const BY_HAND = 'is taken away: by hand';

/** Why it has failed, what the supervisor did by itself, and how what was last done to it ended; the same words only once. */
function Reason({ model, shown }: { model: EndpointsModel; shown: IEndpoint }): JSX.Element {
  const trans = useTranslation();
  const { outcome } = model;
  const { versions, events } = shown.status;
  const [reason, next] = (shown.status.reason ?? '').split('\n  → ');
  const last = events.filter(one => RELEASES.includes(one.kind)).pop();
  return (
    <>
      {outcome?.name === shown.name && outcome.message !== model.trouble?.message && (
        <Problem good={!outcome.failed} message={outcome.message} advice={outcome.advice} />
      )}
      {reason && !(outcome?.failed && outcome.message.includes(reason)) && (
        <Problem
          message={reason}
          advice={
            next ??
            (versions.length > 1
              ? trans.__('The log below says more. Roll back to a version that worked, or deploy again.')
              : trans.__('The log below says more. Mend what it lacks and press Start, or deploy again.'))
          }
        />
      )}
      {last?.kind === 'aborted' && !last.text.includes(BY_HAND) && (
        <Problem mild message={trans.__('%1: %2', formatMoment(last.time), last.text)} />
      )}
    </>
  );
}

function Failures({ shown }: { shown: IEndpoint }): JSX.Element | null {
  const trans = useTranslation();
  const calls = shown.failures.reduce((sum, one) => sum + one.count, 0);
  if (calls === 0) {
    return null;
  }
  return (
    <Section title={trans.__('Failed calls')} count={formatCount(calls)} open>
      <ul className="jp-Deploy-rows">
        {shown.failures.map(one => (
          <li key={`${one.message}${one.time}`}>
            <Clamp className="jp-Deploy-reason" text={one.message} />
            <span className="jp-Deploy-quiet">
              {one.entry} · {one.cell ?? one.where} · {trans._n('once', '%1 times', one.count, formatCount(one.count))}
            </span>
          </li>
        ))}
      </ul>
    </Section>
  );
}

/** What happened to it, the latest first. */
function Events({ events }: { events: IEvent[] }): JSX.Element {
  const trans = useTranslation();
  return (
    <Section title={trans.__('Events')} count={events.length}>
      <ul className="jp-Deploy-rows">
        {[...events].reverse().map(one => (
          <li key={`${one.time}${one.kind}`}>
            <span>{one.text}</span>
            <span className="jp-Deploy-quiet">
              {formatMoment(one.time)} · {one.kind}
            </span>
          </li>
        ))}
      </ul>
    </Section>
  );
}

/** What the proof asked, and what the notebook answered. */
function GoldenCalls({ entries }: { entries: IEntry[] }): JSX.Element {
  const trans = useTranslation();
  const calls = entries.flatMap(entry => entry.golden.map(golden => ({ entry: entry.name, ...golden })));
  return (
    <Section title={trans.__('Golden calls')} count={calls.length}>
      {calls.length === 0 && <p className="jp-Deploy-quiet">{trans.__('None: this version is unproven.')}</p>}
      <ul className="jp-Deploy-rows">
        {calls.map((one, index) => (
          <li key={index}>
            <span className="jp-Deploy-row">
              <code>{one.entry}</code>
              <span className="jp-Deploy-quiet">{one.source}</span>
            </span>
            <dl className="jp-Deploy-pair">
              <dt>{trans.__('asked')}</dt>
              <dd>
                <Clamp className="jp-Deploy-value" text={JSON.stringify(one.request)} />
              </dd>
              <dt>{trans.__('answer')}</dt>
              <dd>
                <Clamp className="jp-Deploy-value" text={JSON.stringify(one.answer)} />
              </dd>
            </dl>
          </li>
        ))}
      </ul>
    </Section>
  );
}
