/** A version that is tried beside the live one: what both did, and what may become of it. */

import * as React from 'react';
import type { IEndpoint, IRollout } from '../api';
import type { EndpointsModel } from '../endpoints';
import { formatCount, formatSeconds, formatShare } from '../format';
import { Button, confirm, useTranslation } from './shared';

export function Rollout({ model, shown, rollout }: { model: EndpointsModel; shown: IEndpoint; rollout: IRollout }): JSX.Element {
  const trans = useTranslation();
  const { figures, mode, version } = rollout;
  const { live, other } = figures;
  const timed = mode === 'canary'; // what nobody waits for has no latency
  const promote = async () => {
    const body = trans.__('It takes all calls from then on. The present version finishes what it has accepted.');
    if (await confirm(trans.__('Make version %1 live?', version), body, trans.__('Promote'))) {
      await model.act(shown.name, 'promote', trans.__('Version %1 of %2 is live.', version, shown.name));
    }
  };
  const abort = async () => {
    const body = trans.__('The live version answers all calls again.');
    if (await confirm(trans.__('Take version %1 away?', version), body, trans.__('Abort'))) {
      await model.act(shown.name, 'abort', trans.__('Version %1 of %2 is taken away.', version, shown.name));
    }
  };
  return (
    <div className="jp-Deploy-rollout" role="group" aria-label={trans.__('The version that is tried')}>
      <p>
        {mode === 'canary'
          ? trans.__('A canary answers %1 of the calls.', formatShare(rollout.share))
          : trans.__('A shadow answers copies of all calls, for nobody.')}
      </p>
      <table>
        <thead>
          <tr>
            <td />
            <th scope="col">{trans.__('live')}</th>
            <th scope="col">{timed ? trans.__('canary') : trans.__('shadow')}</th>
          </tr>
        </thead>
        <tbody>
          <Row title={trans.__('version')} live={<code>{shown.status.version}</code>} other={<code>{version}</code>} />
          <Row title={trans.__('calls')} live={formatCount(live.requests)} other={formatCount(other.requests)} />
          <Row title={trans.__('errors')} live={formatCount(live.errors)} other={formatCount(other.errors)} />
          {live.refused + other.refused > 0 && (
            <Row title={trans.__('refused')} live={formatCount(live.refused)} other={formatCount(other.refused)} />
          )}
          {timed && <Row title="p95" live={formatSeconds(live.p95)} other={formatSeconds(other.p95)} />}
        </tbody>
      </table>
      {figures.compared > 0 && (
        <p className="jp-Deploy-quiet">
          {trans.__('%1 of %2 answers are equal.', formatShare(1 - figures.disagreement), formatCount(figures.compared))}{' '}
          {figures.disagreement > 0 && trans.__('“nbdeploy show %1” shows where they differ.', shown.name)}
        </p>
      )}
      {rollout.rules.promote_after !== null && rollout.waits_for.length > 0 && (
        <p className="jp-Deploy-quiet">{trans.__('It takes over by itself after %1.', rollout.waits_for.join(trans.__(' and ')))}</p>
      )}
      <div className="jp-Deploy-actions">
        <Button kind="accept" disabled={model.acting} onClick={() => void promote()}>
          {trans.__('Promote…')}
        </Button>
        <Button disabled={model.acting} onClick={() => void abort()}>
          {trans.__('Abort…')}
        </Button>
      </div>
    </div>
  );
}

interface IRowProps {
  title: string;
  live: React.ReactNode;
  other: React.ReactNode;
}

function Row({ title, live, other }: IRowProps): JSX.Element {
  return (
    <tr>
      <th scope="row">{title}</th>
      <td>{live}</td>
      <td>{other}</td>
    </tr>
  );
}
