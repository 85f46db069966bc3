/** The versions of an endpoint: which is live, how each was proven, and the way back. */

import * as React from 'react';
import type { IEndpoint, IVersion } from '../api';
import type { EndpointsModel } from '../endpoints';
import { formatMoment, formatShare } from '../format';
import { Button, confirm, useTranslation } from './shared';

export function Versions({ model, shown }: { model: EndpointsModel; shown: IEndpoint }): JSX.Element {
  const trans = useTranslation();
  const { versions, state, rollout } = shown.status;
  const share = rollout?.mode === 'canary' ? rollout.share : 0;
  const current = versions.find(one => one.version === shown.status.version);
  const choose = async (one: IVersion) => {
    const title = trans.__('Make version %1 of %2 live?', one.number, shown.name);
    const body = trans.__('It takes all calls from then on. The present version finishes what it has accepted, and stays in this list.');
    if (await confirm(title, body, trans.__('Make it live'))) {
      await model.act(shown.name, 'rollback', trans.__('%1 is at version %2.', shown.name, one.number), one.version);
    }
  };
  return (
    <ul className="jp-Deploy-rows">
      {versions.map(one => (
        <li key={one.version}>
          <span className="jp-Deploy-row jp-mod-wrapped">
            <span>
              <strong>{one.number}</strong> <code>{one.version}</code>
            </span>
            {one.live && state === 'failed' ? (
              <span className="jp-Deploy-state jp-mod-failed">{trans.__('has failed')}</span>
            ) : one.live ? (
              <span className="jp-Deploy-state jp-mod-live">{trans.__('%1 of calls', formatShare(1 - share))}</span>
            ) : state === 'stopped' ? (
              one === current && <span className="jp-Deploy-quiet">{trans.__('was live last')}</span>
            ) : (
              <Button disabled={model.acting} onClick={() => void choose(one)} title={trans.__('Version %1 takes all calls', one.number)}>
                {one.number < (current?.number ?? 0) ? trans.__('Roll back to this…') : trans.__('Make live…')}
              </Button>
            )}
          </span>
          <Facts version={one} />
        </li>
      ))}
    </ul>
  );
}

function Facts({ version }: { version: IVersion }): JSX.Element {
  const trans = useTranslation();
  const { proof, notebook } = version;
  const proven = proof?.calls ? trans.__('%1 of %2 golden calls equal', proof.equal, proof.calls) : trans.__('unproven');
  return <span className="jp-Deploy-quiet">{[formatMoment(version.deployed_at), proven, notebook].filter(Boolean).join(' · ')}</span>;
}
