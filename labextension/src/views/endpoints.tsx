/** The endpoints of this machine, one under the other. */

import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { ApiError, IListed, IRollout } from '../api';
import type { EndpointsModel } from '../endpoints';
import { formatCount, formatRate, formatSeconds, formatShare, formatTime, sentence } from '../format';
import { VERSION } from '../version';
import { Details } from './details';
import { Spark } from './charts';
import { Button, Clamp, Problem, useChanges, useTranslation } from './shared';

/** Say how an endpoint is. */
export function State({ state, doubtful }: { state: string; doubtful?: boolean }): JSX.Element {
  const trans = useTranslation();
  const words: Record<string, string> = {
    live: trans.__('live'),
    starting: trans.__('starting'),
    asleep: trans.__('asleep'),
    stopped: trans.__('stopped'),
    failed: trans.__('failed')
  };
  const word = words[state] ?? state;
  return (
    <span className={`jp-Deploy-state jp-mod-${doubtful ? 'doubtful' : state}`}>{doubtful ? trans.__('%1 when last seen', word) : word}</span>
  );
}

export function Endpoints({ model }: { model: EndpointsModel }): JSX.Element {
  const trans = useTranslation();
  useChanges(model);
  return (
    <div className="jp-Deploy-page">
      {model.mismatch !== null && (
        <Problem
          mild
          message={trans.__('The server has nbdeploy %1, this page is of %2.', model.mismatch, VERSION)}
          advice={trans.__('Restart the Jupyter server and reload the page.')}
        />
      )}
      {model.trouble && <Trouble error={model.trouble} model={model} />}
      {model.opened === null && model.outcome && (
        <Problem good={!model.outcome.failed} message={model.outcome.message} advice={model.outcome.advice} />
      )}
      {model.opened !== null ? <Details model={model} name={model.opened} /> : <List model={model} />}
    </div>
  );
}

function Trouble({ error, model }: { error: ApiError; model: EndpointsModel }): JSX.Element {
  const trans = useTranslation();
  const missing = error.kind === 'NoServerExtension';
  const advice = missing
    ? trans.__('Install nbdeploy where Jupyter runs, run “jupyter server extension enable jupyter_deploy”, and restart Jupyter. %deploy works without it.')
    : error.advice;
  return (
    <Problem message={error.message} advice={advice}>
      {model.read !== null && <p className="jp-Deploy-quiet">{trans.__('What is shown below is as of %1.', formatTime(model.read))}</p>}
      <Button onClick={() => model.refresh()}>{trans.__('Try again')}</Button>
    </Problem>
  );
}

function List({ model }: { model: EndpointsModel }): JSX.Element {
  const trans = useTranslation();
  const list = React.useRef<HTMLUListElement>(null);
  React.useEffect(() => {
    const left = list.current && model.arrive(); // the list comes with the first answer, maybe later
    const place = model.endpoints?.findIndex(one => one.name === left) ?? -1;
    list.current?.querySelectorAll<HTMLElement>('.jp-Deploy-item')[place]?.focus();
  });
  if (model.endpoints === null) {
    return model.trouble ? <></> : <p className="jp-Deploy-quiet">{trans.__('Looking for endpoints…')}</p>;
  }
  if (model.endpoints.length === 0) {
    return (
      <div className="jp-Deploy-empty">
        <p>{trans.__('No endpoints on this machine yet.')}</p>
        <p className="jp-Deploy-quiet">
          {trans.__('Open “This notebook” above and press Deploy, or run %deploy in a cell.')}
        </p>
      </div>
    );
  }
  return (
    <ul ref={list} className="jp-Deploy-list" aria-label={trans.__('Endpoints')}>
      {model.endpoints.map(one => (
        <Item key={one.name} endpoint={one} doubtful={model.trouble !== null} onOpen={() => model.open(one.name)} />
      ))}
    </ul>
  );
}

function Item({ endpoint, doubtful, onOpen }: { endpoint: IListed; doubtful: boolean; onOpen: () => void }): JSX.Element {
  const trans = useTranslation();
  const rate = trans.__('%1 requests a second', formatRate(endpoint.rate));
  return (
    <li>
      <button type="button" className="jp-Deploy-item" onClick={onOpen}>
        <span className="jp-Deploy-row">
          <span className="jp-Deploy-name" title={endpoint.name}>
            {endpoint.name}
          </span>
          <State state={endpoint.state} doubtful={doubtful} />
        </span>
        <span className="jp-Deploy-row">
          <span className="jp-Deploy-figures">
            <Figure value={formatRate(endpoint.rate)} unit={trans.__('req/s')} />
            <Figure value={formatSeconds(endpoint.p95)} unit="p95" />
            <Figure value={formatCount(endpoint.errors)} unit={trans._n('error', 'errors', endpoint.errors)} bad={endpoint.errors > 0} />
          </span>
          <Spark values={endpoint.spark} label={rate} />
        </span>
        <span className="jp-Deploy-quiet">
          {trans.__('version')} <code>{endpoint.version}</code>
          {endpoint.rollout && ` · ${nameRollout(endpoint.rollout, trans)}`}
        </span>
      </button>
      {endpoint.reason && <Clamp className="jp-Deploy-reason" text={sentence(endpoint.reason.split('\n')[0])} />}
    </li>
  );
}

function nameRollout({ mode, share }: IRollout, trans: TranslationBundle): string {
  return mode === 'canary' ? trans.__('canary %1', formatShare(share)) : trans.__('shadow');
}

function Figure({ value, unit, bad }: { value: string; unit: string; bad?: boolean }): JSX.Element {
  return (
    <span className={`jp-Deploy-figure${bad ? ' jp-mod-bad' : ''}`}>
      <strong>{value}</strong> {unit}
    </span>
  );
}
