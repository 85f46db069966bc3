/** The notebook in front: deploy it, see what would go to production, and what each cell is for. */

import type { Cell } from '@jupyterlab/cells';
import * as React from 'react';
import type { EndpointsModel } from '../endpoints';
import type { IKnown, NotebookModel } from '../notebook';
import { ROLES, isRole } from '../roles';
import { Contents } from './contents';
import { KernelProblem, Progress } from './progress';
import { Button, Problem, Section, useChanges, useTranslation } from './shared';

interface INotebookProps {
  model: NotebookModel;
  endpoints: EndpointsModel;
  /** Show an endpoint. */
  onOpen: (name: string) => void;
}

export function NotebookView({ model, endpoints, onOpen }: INotebookProps): JSX.Element {
  const trans = useTranslation();
  useChanges(model);
  const panel = model.panel;
  const known = model.known;
  if (!panel || !known) {
    return (
      <div className="jp-Deploy-empty">
        <p>{trans.__('No notebook is open.')}</p>
        <p className="jp-Deploy-quiet">{trans.__('Open one, and this place shows what it would deploy.')}</p>
      </div>
    );
  }
  return (
    <div className="jp-Deploy-page">
      <h2 className="jp-Deploy-title">{panel.context.localPath.split('/').pop()}</h2>
      <DeployForm model={model} known={known} endpoints={endpoints} />
      {known.problem && <KernelProblem known={known} model={model} onCell={label => revealLabel(model, label)} />}
      <Progress known={known} onOpen={onOpen} />
      <Capture model={model} known={known} />
      <Cells model={model} />
    </div>
  );
}

interface IDeployFormProps {
  model: NotebookModel;
  known: IKnown;
  endpoints: EndpointsModel;
}

function DeployForm({ model, known, endpoints }: IDeployFormProps): JSX.Element {
  const trans = useTranslation();
  const { options } = known;
  const set = (change: Partial<typeof options>) => model.setOptions({ ...options, ...change });
  const tagged = model.cells().some(one => one.role === 'entry');
  const text = (name: 'entries' | 'name' | 'workers' | 'port' | 'example', label: string, placeholder: string) => (
    <label className="jp-Deploy-field">
      <span>{label}</span>
      <input value={options[name]} placeholder={placeholder} spellCheck={false} onChange={event => set({ [name]: event.target.value })} />
    </label>
  );
  const check = (name: 'strict' | 'unproven', label: string) => (
    <label className="jp-Deploy-check">
      <input type="checkbox" checked={options[name]} onChange={event => set({ [name]: event.target.checked })} />
      <span>{label}</span>
    </label>
  );
  return (
    <form
      className="jp-Deploy-form"
      onSubmit={event => {
        event.preventDefault();
        void model.deploy();
      }}
    >
      {text('entries', trans.__('Serve'), tagged ? trans.__('cells tagged entry') : trans.__('function or model'))}
      {text('name', trans.__('Name'), known.contents?.name ?? trans.__('the notebook’s'))}
      <Section title={trans.__('Options')}>
        <Target endpoints={endpoints} value={options.target} onChange={target => set({ target })} />
        {text('workers', trans.__('Workers'), '1')}
        {text('port', trans.__('Port'), trans.__('a free one, remembered'))}
        {text('example', trans.__('Golden call'), 'predict(df.head(3))')}
        {check('strict', trans.__('Treat warnings as errors'))}
        {check('unproven', trans.__('Deploy without a golden call'))}
      </Section>
      <div className="jp-Deploy-actions">
        <button type="submit" className="jp-Deploy-button jp-mod-accept" disabled={known.busy !== null}>
          {known.busy === 'deploy' ? trans.__('Deploying…') : trans.__('Deploy')}
        </button>
        <Button disabled={known.busy !== null} onClick={() => void model.preview()} title={trans.__('See what would be captured; nothing is deployed.')}>
          {known.busy === 'preview' ? trans.__('Looking…') : trans.__('Dry run')}
        </Button>
        {known.busy !== null && <Button onClick={() => model.cancel()}>{trans.__('Cancel')}</Button>}
      </div>
      {known.waiting && (
        <p className="jp-Deploy-quiet" role="status">
          {known.waiting === 'busy'
            ? trans.__('The kernel is busy with a cell; this begins when it is done. Cancel leaves the cell alone.')
            : trans.__('The kernel has not begun yet. If it stays so, it hangs: restart it from the Kernel menu.')}
        </p>
      )}
    </form>
  );
}

interface ITargetProps {
  endpoints: EndpointsModel;
  value: string;
  onChange: (target: string) => void;
}

/** Where to deploy; the server tells what there is. */
function Target({ endpoints, value, onChange }: ITargetProps): JSX.Element {
  const trans = useTranslation();
  useChanges(endpoints);
  return (
    <label className="jp-Deploy-field">
      <span>{trans.__('Target')}</span>
      <select value={value} onChange={event => onChange(event.target.value)}>
        {endpoints.targets.map(one => (
          <option key={one}>{one}</option>
        ))}
      </select>
    </label>
  );
}

function Capture({ model, known }: { model: NotebookModel; known: IKnown }): JSX.Element {
  const trans = useTranslation();
  const { contents } = known;
  return (
    <section className="jp-Deploy-part">
      <h3>{contents?.event === 'released' ? trans.__('What went to production') : trans.__('What would go to production')}</h3>
      {contents === null ? (
        <p className="jp-Deploy-quiet">{trans.__('A dry run asks the kernel which code, values and packages the service needs, and why.')}</p>
      ) : (
        <>
          {known.outdated && known.busy === null && (
            <Problem mild message={trans.__('The notebook or the options have changed since.')}>
              <Button onClick={() => void model.preview()}>{trans.__('Look again')}</Button>
            </Problem>
          )}
          <Contents contents={contents} onCell={label => revealLabel(model, label)} />
        </>
      )}
    </section>
  );
}

function revealLabel(model: NotebookModel, label: string): void {
  const id = model.known?.contents?.cells.find(one => label.startsWith(one.label))?.id;
  const count = Number(/\[(\d+)\]/.exec(label)?.[1]);
  const cells = model.cells();
  const found =
    cells.find(({ cell }) => cell.model.id === id) ??
    cells.find(({ cell }) => cell.model.sharedModel.toJSON().execution_count === count);
  if (found) {
    reveal(model, found.cell);
  }
}

function reveal(model: NotebookModel, cell: Cell): void {
  const notebook = model.panel!.content;
  notebook.activeCellIndex = notebook.widgets.indexOf(cell);
  void notebook.scrollToItem(notebook.activeCellIndex, 'smart');
}

/** The cells that matter to the service, and the active one, each with its role. */
function Cells({ model }: { model: NotebookModel }): JSX.Element {
  const trans = useTranslation();
  const active = model.panel?.content.activeCell;
  const shown = model.cells().filter(one => one.role !== null || one.captured !== null || one.cell === active);
  return (
    <section className="jp-Deploy-part">
      <h3>{trans.__('Cells')}</h3>
      <ul className="jp-Deploy-rows">
        {shown.map(({ cell, role, captured, stale }) => {
          const place = model.panel!.content.widgets.indexOf(cell) + 1;
          return (
            <li key={cell.model.id} className={cell === active ? 'jp-mod-active' : undefined}>
              <span className="jp-Deploy-row">
                <button type="button" className="jp-Deploy-link" onClick={() => reveal(model, cell)} title={trans.__('Show cell %1', place)}>
                  <span className="jp-Deploy-quiet">{place}</span> <code>{firstLine(cell) || trans.__('empty')}</code>
                </button>
                <select
                  aria-label={trans.__('Role of cell %1', place)}
                  value={role ?? ''}
                  onChange={event => model.setRole(cell, isRole(event.target.value) ? event.target.value : null)}
                >
                  <option value="">{captured ? trans.__('captured') : trans.__('no role')}</option>
                  {ROLES.map(one => (
                    <option key={one}>{one}</option>
                  ))}
                  {role !== null && !isRole(role) && <option value={role}>{trans.__('%1?', role)}</option>}
                </select>
              </span>
              {stale && <span className="jp-Deploy-reason">{trans.__('Edited after it ran: run it again.')}</span>}
              {role !== null && !isRole(role) && <span className="jp-Deploy-reason">{trans.__('%1 is no role.', role)}</span>}
            </li>
          );
        })}
      </ul>
      {shown.length === 0 && <p className="jp-Deploy-quiet">{trans.__('No cell has a role, and nothing was captured yet.')}</p>}
    </section>
  );
}

function firstLine(cell: Cell): string {
  return cell.model.sharedModel.getSource().split('\n').find(line => line.trim() !== '') ?? '';
}
