/** One endpoint: charts, versions, failures, a form to try it, its log, and what can be done to it. */

import { Clipboard, Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import * as React from 'react';
import type { IEndpoint, IEntry, ILogLine, IVersion } from '../api';
import { WINDOWS, type EndpointsModel } from '../endpoints';
import { formatMoment } from '../format';
import { Charts } from './charts';
import { State } from './endpoints';
import { Button, Problem, Section, useTranslation } from './shared';
import { TryIt } from './tryit';

interface IDetailsProps {
  model: EndpointsModel;
  name: string;
}

export function Details({ model, name }: IDetailsProps): JSX.Element {
  const trans = useTranslation();
  const shown = model.shown;
  return (
    <>
      <div className="jp-Deploy-row jp-Deploy-head">
        <button type="button" className="jp-Deploy-back" onClick={() => model.open(null)} aria-label={trans.__('All endpoints')} title={trans.__('All endpoints')}>
          ‹
        </button>
        <h2>{name}</h2>
        {shown && <State state={shown.status.state} />}
      </div>
      {shown ? <Opened model={model} shown={shown} /> : !model.trouble && <p className="jp-Deploy-quiet">{trans.__('Looking…')}</p>}
    </>
  );
}

function Opened({ model, shown }: { model: EndpointsModel; shown: IEndpoint }): JSX.Element {
  const trans = useTranslation();
  const { status } = shown;
  const entries = useEntries(model, shown);
  return (
    <>
      {status.reason && (
        <Problem message={status.reason} advice={trans.__('The log below says more. Roll back to a version that worked, or deploy again.')} />
      )}
      {status.state === 'live' && status.workers < status.wanted_workers && (
        <Problem mild message={trans.__('%1 of %2 workers answer; the others are being started.', status.workers, status.wanted_workers)} />
      )}
      <Actions model={model} shown={shown} entries={entries} />
      <div className="jp-Deploy-windows" role="group" aria-label={trans.__('How far back')}>
        {WINDOWS.map(one => (
          <button key={one.label} type="button" aria-pressed={model.window === one} onClick={() => model.show(one)}>
            {one.label}
          </button>
        ))}
      </div>
      <Charts samples={shown.samples} time={shown.time} window={model.window} />
      <Section title={trans.__('Try it')} open={status.state === 'live'}>
        {entries === null ? (
          <p className="jp-Deploy-quiet">{trans.__('Looking…')}</p>
        ) : (
          <TryIt api={model.api} name={shown.name} entries={entries} guarded={shown.guarded} live={status.state === 'live'} />
        )}
      </Section>
      <Section title={trans.__('Versions')} count={status.versions.length} open>
        <Versions model={model} name={shown.name} versions={status.versions} />
      </Section>
      {shown.failures.length > 0 && (
        <Section title={trans.__('Failed calls')} count={shown.failures.length} open>
          <ul className="jp-Deploy-rows">
            {shown.failures.map(one => (
              <li key={`${one.message}${one.time}`}>
                <span className="jp-Deploy-reason">{one.message}</span>
                <span className="jp-Deploy-quiet">
                  {one.entry} · {one.cell ?? one.where} · {trans.__('%1 times', one.count)}
                </span>
              </li>
            ))}
          </ul>
        </Section>
      )}
      <Section title={trans.__('Log')}>
        <Log model={model} name={shown.name} time={shown.time} />
      </Section>
    </>
  );
}

/** The entries of the live version, asked for once for each version. */
function useEntries(model: EndpointsModel, shown: IEndpoint): IEntry[] | null {
  const [entries, setEntries] = React.useState<IEntry[] | null>(null);
  React.useEffect(() => {
    let gone = false;
    model.api.entries(shown.name).then(
      told => !gone && setEntries(told.entries),
      () => !gone && setEntries([])
    );
    return () => {
      gone = true;
    };
  }, [model, shown.name, shown.status.version]);
  return entries;
}

function Actions({ model, shown, entries }: { model: EndpointsModel; shown: IEndpoint; entries: IEntry[] | null }): JSX.Element {
  const trans = useTranslation();
  const { act, busy } = useAction(model, shown.name);
  const { status, name } = shown;
  const golden = entries?.find(entry => entry.golden.length > 0);
  const copy = (text: string) => {
    Clipboard.copyToSystem(text);
    Notification.success(trans.__('Copied.'), { autoClose: 1500 });
  };
  const stop = async () => {
    const answer = await showDialog({
      title: trans.__('Stop %1?', name),
      body: trans.__('Callers will be refused. Calls under way are answered first, and Start brings it back.'),
      buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: trans.__('Stop') })]
    });
    if (answer.button.accept) {
      await act('stop', trans.__('%1 is stopped.', name));
    }
  };
  return (
    <div className="jp-Deploy-actions">
      <Button onClick={() => copy(status.url)} title={status.url}>
        {trans.__('Copy URL')}
      </Button>
      {golden && (
        <Button onClick={() => copy(curlLine(status.url, golden))} title={trans.__('A shell line that makes a golden call')}>
          {trans.__('Copy curl')}
        </Button>
      )}
      {status.state === 'live' && (
        <a className="jp-Deploy-button" href={model.api.docs(name)} target="_blank" rel="noopener">
          {trans.__('Docs')}
        </a>
      )}
      {status.state === 'stopped' || status.state === 'failed' ? (
        <Button kind="accept" disabled={busy} onClick={() => void act('start', trans.__('%1 is live again.', name))}>
          {trans.__('Start')}
        </Button>
      ) : (
        <Button kind="warn" disabled={busy} onClick={() => void stop()}>
          {trans.__('Stop…')}
        </Button>
      )}
    </div>
  );
}

function curlLine(url: string, entry: IEntry): string {
  const body = JSON.stringify(entry.golden[0].request).replace(/'/g, `'\\''`);
  return `curl ${url}/${entry.name} -H 'Content-Type: application/json' -d '${body}'`;
}

/** Do something to an endpoint: a notification says how it ended. */
function useAction(model: EndpointsModel, name: string) {
  const [busy, setBusy] = React.useState(false);
  const act = async (action: 'rollback' | 'stop' | 'start', done: string, version?: string) => {
    setBusy(true);
    try {
      await model.api.act(name, action, version);
      Notification.success(done, { autoClose: 4000 });
    } catch (error) {
      Notification.error(String((error as Error).message), { autoClose: false });
    } finally {
      setBusy(false);
      model.refresh();
    }
  };
  return { act, busy };
}

function Versions({ model, name, versions }: { model: EndpointsModel; name: string; versions: IVersion[] }): JSX.Element {
  const trans = useTranslation();
  const { act, busy } = useAction(model, name);
  const proof = (one: IVersion) =>
    one.proof?.calls ? trans.__('%1 of %2 golden calls equal', one.proof.equal, one.proof.calls) : trans.__('unproven');
  return (
    <ul className="jp-Deploy-rows">
      {versions.map(one => (
        <li key={one.version}>
          <span className="jp-Deploy-row">
            <span>
              <span className="jp-Deploy-quiet">{one.number}</span> <code>{one.version}</code>
            </span>
            {one.live ? (
              <State state="live" />
            ) : (
              <Button disabled={busy} onClick={() => void act('rollback', trans.__('%1 is back at version %2.', name, one.version), one.version)}>
                {trans.__('Roll back to this')}
              </Button>
            )}
          </span>
          <span className="jp-Deploy-quiet">
            {[formatMoment(one.deployed_at), proof(one), one.notebook].filter(Boolean).join(' · ')}
          </span>
        </li>
      ))}
    </ul>
  );
}

function Log({ model, name, time }: { model: EndpointsModel; name: string; time: number }): JSX.Element {
  const trans = useTranslation();
  const [lines, setLines] = React.useState<ILogLine[] | null>(null);
  const end = React.useRef<HTMLDivElement>(null);
  React.useEffect(() => {
    let gone = false;
    model.api.logs(name, 200).then(found => !gone && setLines(found), () => !gone && setLines([]));
    return () => {
      gone = true;
    };
  }, [model, name, time]);
  const count = lines?.length ?? 0;
  React.useEffect(() => {
    end.current?.scrollTo({ top: end.current.scrollHeight });
  }, [count]);
  if (lines === null) {
    return <p className="jp-Deploy-quiet">{trans.__('Looking…')}</p>;
  }
  return (
    <div className="jp-Deploy-log" ref={end} tabIndex={0} role="log" aria-label={trans.__('Log of %1', name)}>
      {lines.length === 0 && <p className="jp-Deploy-quiet">{trans.__('Nothing was written yet.')}</p>}
      {lines.map((line, index) => (
        <div key={index} className={`jp-mod-${line.level ?? 'info'}`}>
          <span className="jp-Deploy-quiet">{(line.time ?? '').slice(11, 19)}</span> {line.entry && `${line.entry}: `}
          {line.message}
          {line.cell && <span className="jp-Deploy-quiet"> ({line.cell})</span>}
          {line.traceback && <pre>{line.traceback}</pre>}
        </div>
      ))}
    </div>
  );
}
