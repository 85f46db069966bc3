/** The plugins: the panel, and the marks and commands of notebooks. */

import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Token } from '@lumino/coreutils';
import { Api } from './api';
import { showBadges } from './badges';
import { addNotebookCommands, addPanelCommand } from './commands';
import { EndpointsModel } from './endpoints';
import { NotebookModel } from './notebook';
import { keepOutputs } from './output';
import { DeployPanel } from './panel';

const INotebookModel = new Token<NotebookModel>('nbdeploy:INotebookModel', 'What the notebook in front would deploy.');

const notebook: JupyterFrontEndPlugin<NotebookModel> = {
  id: 'nbdeploy:notebook',
  description: 'Roles of cells, the dry run and the deployment of the notebook in front.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ITranslator, ICommandPalette],
  provides: INotebookModel,
  activate: (app, tracker: INotebookTracker, translator: ITranslator | null, palette: ICommandPalette | null) => {
    const trans = (translator ?? nullTranslator).load('nbdeploy');
    const model = new NotebookModel(tracker, trans);
    showBadges(model, trans);
    keepOutputs(tracker);
    addNotebookCommands(app, model, palette, trans);
    return model;
  }
};

const panel: JupyterFrontEndPlugin<void> = {
  id: 'nbdeploy:panel',
  description: 'The side panel with the endpoints of this machine and the notebook in front.',
  autoStart: true,
  optional: [INotebookModel, ITranslator, ICommandPalette, ISettingRegistry, ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    model: NotebookModel | null,
    translator: ITranslator | null,
    palette: ICommandPalette | null,
    settings: ISettingRegistry | null,
    restorer: ILayoutRestorer | null
  ) => {
    const trans = (translator ?? nullTranslator).load('nbdeploy');
    const endpoints = new EndpointsModel(new Api(app.serviceManager.serverSettings, trans), 2000);
    const widget = new DeployPanel(endpoints, model, trans);
    app.shell.add(widget, 'right', { rank: 400, type: 'Deploy' });
    restorer?.add(widget, widget.id);
    addPanelCommand(app, widget.id, palette, trans);
    void settings?.load('nbdeploy:panel').then(loaded => {
      const apply = () => {
        endpoints.interval = 1000 * (loaded.get('interval').composite as number);
        if (model) {
          model.live = loaded.get('liveDryRun').composite as boolean;
        }
      };
      apply();
      loaded.changed.connect(apply);
    });
  }
};

export default [notebook, panel];
