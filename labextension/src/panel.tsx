/** The side panel: the endpoints of this machine, and the notebook in front. */

import { ReactWidget } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Message } from '@lumino/messaging';
import * as React from 'react';
import type { EndpointsModel } from './endpoints';
import { deployIcon } from './icons';
import type { NotebookModel } from './notebook';
import { Endpoints } from './views/endpoints';
import { NotebookView } from './views/notebook';
import { Translation } from './views/shared';

type Tab = 'endpoints' | 'notebook';

export class DeployPanel extends ReactWidget {
  constructor(
    private readonly endpoints: EndpointsModel,
    private readonly notebook: NotebookModel | null,
    private readonly trans: TranslationBundle
  ) {
    super();
    this.id = 'nbdeploy-panel';
    this.addClass('jp-Deploy');
    this.title.icon = deployIcon;
    this.title.caption = trans.__('Deploy');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Deploy'));
    notebook?.changed.connect(() => this._chosen === null && this._drawn !== this._tab && this.update());
  }

  /** Show one of the two parts. */
  set tab(tab: Tab) {
    this._chosen = tab;
    this.update();
  }

  /** The part that is shown: until one is chosen, the notebook if there is one. */
  private get _tab(): Tab {
    return this._chosen ?? (this.notebook?.panel ? 'notebook' : 'endpoints');
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this._watch(true);
  }

  protected override onAfterHide(): void {
    this._watch(false);
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this._watch(this.isVisible);
  }

  protected override render(): JSX.Element {
    this._drawn = this._tab;
    return (
      <Translation.Provider value={this.trans}>
        <div className="jp-Deploy-tabs" role="tablist" aria-label={this.trans.__('Deploy')}>
          {this._tabButton('notebook', this.trans.__('This notebook'))}
          {this._tabButton('endpoints', this.trans.__('Endpoints'))}
        </div>
        <div className="jp-Deploy-content" role="tabpanel" id="nbdeploy-tabpanel" aria-labelledby={`nbdeploy-tab-${this._tab}`}>
          {this._tab === 'endpoints' || this.notebook === null ? (
            <Endpoints model={this.endpoints} />
          ) : (
            <NotebookView model={this.notebook} endpoints={this.endpoints} onOpen={name => this._show(name)} />
          )}
        </div>
      </Translation.Provider>
    );
  }

  private _tabButton(tab: Tab, label: string): JSX.Element {
    const chosen = this._tab === tab;
    const other = tab === 'notebook' ? 'endpoints' : 'notebook';
    return (
      <button
        type="button"
        role="tab"
        id={`nbdeploy-tab-${tab}`}
        aria-selected={chosen}
        aria-controls="nbdeploy-tabpanel"
        tabIndex={chosen ? 0 : -1}
        onClick={() => (this.tab = tab)}
        onKeyDown={event => {
          if (event.key === 'ArrowLeft' || event.key === 'ArrowRight') {
            this.tab = other;
            requestAnimationFrame(() => document.getElementById(`nbdeploy-tab-${other}`)?.focus());
          }
        }}
      >
        {label}
      </button>
    );
  }

  private _show(name: string): void {
    this.tab = 'endpoints';
    this.endpoints.open(name);
  }

  private _watch(watched: boolean): void {
    this.endpoints.watched = watched;
    if (this.notebook) {
      this.notebook.watched = watched;
    }
  }

  private _chosen: Tab | null = null;
  private _drawn: Tab | null = null;
}
