/** The end of an endpoint's log. */

import * as React from 'react';
import type { ILogLine } from '../api';
import type { EndpointsModel } from '../endpoints';
import { formatTime } from '../format';
import { Button, Problem, useAnswer, useTranslation } from './shared';

const LINES = 200;

export function Log({ model, name, time }: { model: EndpointsModel; name: string; time: number }): JSX.Element {
  const trans = useTranslation();
  const { answer: lines, fault, again } = useAnswer(() => model.api.logs(name, LINES), [model, name, time]);
  const end = React.useRef<HTMLDivElement>(null);
  const count = lines?.length ?? 0;
  React.useEffect(() => {
    end.current?.scrollTo({ top: end.current.scrollHeight });
  }, [count]);
  return (
    <>
      {fault && (
        <Problem message={trans.__('The log cannot be read: %1', fault.message)} advice={fault.advice}>
          <Button onClick={again}>{trans.__('Try again')}</Button>
        </Problem>
      )}
      {lines === null
        ? !fault && <p className="jp-Deploy-quiet">{trans.__('Looking…')}</p>
        : <Lines name={name} lines={lines} end={end} />}
    </>
  );
}

function Lines({ name, lines, end }: { name: string; lines: ILogLine[]; end: React.RefObject<HTMLDivElement> }): JSX.Element {
  const trans = useTranslation();
  const time = (line: ILogLine) => (line.time ? formatTime(Date.parse(line.time) / 1000) : '');
  return (
    <div className="jp-Deploy-log" ref={end} tabIndex={0} role="log" aria-label={trans.__('Log of %1', name)}>
      {lines.length === 0 && <p className="jp-Deploy-quiet">{trans.__('Nothing was written yet.')}</p>}
      {lines.map((line, index) => (
        <div key={index} className={`jp-mod-${line.level ?? 'info'}`}>
          <span className="jp-Deploy-quiet">{time(line)}</span> {line.entry && `${line.entry}: `}
          {line.message}
          {line.cell && <span className="jp-Deploy-quiet"> ({line.cell})</span>}
          {line.traceback && <pre>{line.traceback}</pre>}
        </div>
      ))}
    </div>
  );
}
