/** The buttons of an endpoint. */

import { Clipboard } from '@jupyterlab/apputils';
import * as React from 'react';
import { answersCalls, type IEndpoint, type IEntry } from '../api';
import type { EndpointsModel } from '../endpoints';
import { Button, confirm, useTranslation } from './shared';

interface IActionsProps {
  model: EndpointsModel;
  shown: IEndpoint;
  entries: IEntry[] | null;
}

/** What can be done to it: what changes it asks first. */
export function Actions({ model, shown, entries }: IActionsProps): JSX.Element {
  const trans = useTranslation();
  const { status, name } = shown;
  const golden = entries?.find(entry => entry.golden.length > 0);
  const stop = async () => {
    const body = trans.__('Callers will be refused. Calls under way are answered first, and Start brings it back.');
    if (await confirm(trans.__('Stop %1?', name), body, trans.__('Stop'), { warn: true })) {
      await model.act(name, 'stop', trans.__('%1 is stopped.', name));
    }
  };
  const remove = async () => {
    const body = trans.__(
      'Its versions, figures and logs are forgotten, and its port is free again. This cannot be undone; the notebook can be deployed anew.'
    );
    if (await confirm(trans.__('Delete %1?', name), body, trans.__('Delete'), { warn: true })) {
      await model.act(name, 'delete', trans.__('%1 is deleted.', name));
    }
  };
  return (
    <div className="jp-Deploy-actions">
      <CopyButton text={status.url} label={trans.__('Copy URL')} title={status.url} />
      {golden && (
        <CopyButton text={curlLine(status.url, golden)} label={trans.__('Copy curl')} title={trans.__('A shell line that makes a golden call')} />
      )}
      {answersCalls(status.state) && (
        <a className="jp-Deploy-button" href={model.api.docs(name)} target="_blank" rel="noopener">
          {trans.__('Docs')}
        </a>
      )}
      {status.state === 'stopped' || status.state === 'failed' ? (
        <>
          <Button kind="accept" disabled={model.acting} onClick={() => void model.act(name, 'start', trans.__('%1 is live again.', name))}>
            {model.acting ? trans.__('Starting…') : trans.__('Start')}
          </Button>
          <Button kind="warn" disabled={model.acting} onClick={() => void remove()}>
            {trans.__('Delete…')}
          </Button>
        </>
      ) : (
        <Button kind="warn" disabled={model.acting} onClick={() => void stop()}>
          {trans.__('Stop…')}
        </Button>
      )}
    </div>
  );
}

/** Milliseconds that a copy is told. */
const COPIED_MS = 1500;

function CopyButton({ text, label, title }: { text: string; label: string; title: string }): JSX.Element {
  const trans = useTranslation();
  const [copied, setCopied] = React.useState(false);
  return (
    <Button
      title={title}
      onClick={() => {
        Clipboard.copyToSystem(text);
        setCopied(true);
        setTimeout(() => setCopied(false), COPIED_MS);
      }}
    >
      <span aria-live="polite">{copied ? trans.__('Copied') : label}</span>
    </Button>
  );
}

function curlLine(url: string, entry: IEntry): string {
  const body = JSON.stringify(entry.golden[0].request).replace(/'/g, `'\\''`);
  return `curl ${url}/${entry.name} -H 'Content-Type: application/json' -d '${body}'`;
}
