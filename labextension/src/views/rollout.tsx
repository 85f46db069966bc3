/** A version that is tried beside the live one: what both did, and what may become of it. */

import { Dialog, showDialog } from '@jupyterlab/apputils';
import * as React from 'react';
import type { IEndpoint, IRollout, IVersionFigures } from '../api';
import type { EndpointsModel } from '../endpoints';
import { formatCount, formatSeconds, formatShare } from '../format';
import { Button, useTranslation } from './shared';

export function Rollout({ model, shown, rollout }: { model: EndpointsModel; shown: IEndpoint; rollout: IRollout }): JSX.Element {
  const trans = useTranslation();
  const { figures, mode, version } = rollout;
  const refused = figures.live.refused + figures.other.refused > 0;
  const timed = mode === 'canary'; // what nobody waits for has no latency
  const end = async (action: 'promote' | 'abort', title: string, body: string, label: string, done: string) => {
    const answer = await showDialog({ title, body, buttons: [Dialog.cancelButton(), Dialog.okButton({ label })] });
    if (answer.button.accept) {
      await model.act(shown.name, action, done);
    }
  };
  const promote = () =>
    end(
      'promote',
      trans.__('Make version %1 live?', version),
      trans.__('It takes all calls from then on. The present version finishes what it has accepted.'),
      trans.__('Promote'),
      trans.__('Version %1 of %2 is live.', version, shown.name)
    );
  const abort = () =>
    end(
      'abort',
      trans.__('Take version %1 away?', version),
      trans.__('The live version answers all calls again.'),
      trans.__('Abort'),
      trans.__('Version %1 of %2 is taken away.', version, shown.name)
    );
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
            <th scope="col">{trans.__('version')}</th>
            <th scope="col">{trans.__('calls')}</th>
            <th scope="col">{trans.__('errors')}</th>
            {refused && (
              <th scope="col" title={trans.__('The caller’s arguments were not accepted.')}>
                {trans.__('refused')}
              </th>
            )}
            {timed && <th scope="col">p95</th>}
          </tr>
        </thead>
        <tbody>
          <Row role={trans.__('live')} name={shown.status.version} figures={figures.live} refused={refused} timed={timed} />
          <Row role={timed ? trans.__('canary') : trans.__('shadow')} name={version} figures={figures.other} refused={refused} timed={timed} />
        </tbody>
      </table>
      {figures.compared > 0 && (
        <p className="jp-Deploy-quiet">
          {trans.__('%1 of %2 answers are equal.', formatShare(1 - figures.disagreement), formatCount(figures.compared))}
        </p>
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
  role: string;
  name: string;
  figures: IVersionFigures;
  refused: boolean;
  timed: boolean;
}

function Row({ role, name, figures, refused, timed }: IRowProps): JSX.Element {
  return (
    <tr>
      <th scope="row">
        {role} <code>{name}</code>
      </th>
      <td>{formatCount(figures.requests)}</td>
      <td>{formatCount(figures.errors)}</td>
      {refused && <td>{formatCount(figures.refused)}</td>}
      {timed && <td>{formatSeconds(figures.p95)}</td>}
    </tr>
  );
}
