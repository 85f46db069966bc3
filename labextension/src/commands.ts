/** The commands: in the palette, in the menu of a cell and in its toolbar. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { ICommandPalette } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { MenuSvg } from '@jupyterlab/ui-components';
import type { NotebookModel } from './notebook';
import { deployIcon } from './icons';
import { ROLES, isRole, readRole, type Role } from './roles';

export namespace CommandIDs {
  export const showPanel = 'nbdeploy:show-panel';
  export const setRole = 'nbdeploy:set-role';
  export const chooseRole = 'nbdeploy:choose-role';
  export const dryRun = 'nbdeploy:dry-run';
  export const deploy = 'nbdeploy:deploy';
}

const NO_ARGUMENTS = { args: { type: 'object', properties: {}, additionalProperties: false } } as const;

const ROLE_ARGUMENTS = {
  args: {
    type: 'object',
    properties: {
      role: { type: ['string', 'null'], enum: [...ROLES, null], description: 'The role; null takes it away.' },
      inMenu: { type: 'boolean', description: 'The label says what the role means, not what the command does.' }
    },
    additionalProperties: true
  }
} as const;

/** What a role means, in the words of the menus. */
export function describeRole(role: Role, trans: TranslationBundle): string {
  return {
    entry: trans.__('its functions are served'),
    setup: trans.__('runs once in each worker'),
    include: trans.__('always goes along'),
    example: trans.__('its calls prove the service'),
    test: trans.__('its asserts check the service'),
    skip: trans.__('never goes along')
  }[role];
}

/** Add the command that shows the panel. */
export function addPanelCommand(app: JupyterFrontEnd, id: string, palette: ICommandPalette | null, trans: TranslationBundle): void {
  app.commands.addCommand(CommandIDs.showPanel, {
    label: trans.__('Show the Deploy Panel'),
    caption: trans.__('Endpoints of this machine, and what this notebook would deploy'),
    icon: deployIcon,
    describedBy: NO_ARGUMENTS,
    execute: () => app.shell.activateById(id)
  });
  palette?.addItem({ command: CommandIDs.showPanel, category: trans.__('Deploy') });
}

/** Add the commands for the notebook in front. */
export function addNotebookCommands(
  app: JupyterFrontEnd,
  model: NotebookModel,
  palette: ICommandPalette | null,
  trans: TranslationBundle
): void {
  const { commands } = app;
  const active = () => model.panel?.content.activeCell ?? null;
  const isCode = () => active()?.model.type === 'code';

  commands.addCommand(CommandIDs.setRole, {
    label: args => {
      const role = isRole(args['role']) ? args['role'] : null;
      if (args['inMenu']) {
        return role ? `${role}: ${describeRole(role, trans)}` : trans.__('no role');
      }
      return role ? trans.__('Deploy Role: %1', role) : trans.__('Deploy Role: None');
    },
    caption: args => (isRole(args['role']) ? describeRole(args['role'], trans) : trans.__('Leave it to what the entries reach')),
    describedBy: ROLE_ARGUMENTS,
    isEnabled: isCode,
    isToggleable: true,
    isToggled: args => {
      const cell = active();
      return cell !== null && readRole(cell.model) === (args['role'] ?? null);
    },
    execute: args => {
      const cell = active();
      if (cell) {
        model.setRole(cell, isRole(args['role']) ? args['role'] : null);
      }
    }
  });
  commands.addCommand(CommandIDs.chooseRole, {
    label: trans.__('Choose the Deploy Role of This Cell…'),
    caption: trans.__('What this cell is for the deployed service'),
    icon: deployIcon,
    describedBy: NO_ARGUMENTS,
    isEnabled: isCode,
    execute: () => openRoleMenu(app, active()?.node ?? document.body)
  });
  commands.addCommand(CommandIDs.dryRun, {
    label: trans.__('Show What Would Be Deployed'),
    caption: trans.__('A dry run in the kernel of this notebook: nothing is deployed'),
    describedBy: NO_ARGUMENTS,
    isEnabled: () => model.panel !== null,
    execute: () => {
      void commands.execute(CommandIDs.showPanel);
      return model.preview();
    }
  });
  commands.addCommand(CommandIDs.deploy, {
    label: trans.__('Deploy This Notebook'),
    caption: trans.__('Capture, prove and go live, with the options of the panel'),
    icon: deployIcon,
    describedBy: NO_ARGUMENTS,
    isEnabled: () => model.panel !== null,
    execute: () => {
      void commands.execute(CommandIDs.showPanel);
      return model.deploy();
    }
  });
  model.changed.connect(() => commands.notifyCommandChanged(CommandIDs.setRole));

  const category = trans.__('Deploy');
  for (const command of [CommandIDs.chooseRole, CommandIDs.dryRun, CommandIDs.deploy]) {
    palette?.addItem({ command, category });
  }
  for (const role of [...ROLES, null]) {
    palette?.addItem({ command: CommandIDs.setRole, category, args: { role } });
  }
}

function openRoleMenu(app: JupyterFrontEnd, cell: HTMLElement): void {
  const menu = new MenuSvg({ commands: app.commands });
  for (const role of [...ROLES, null]) {
    menu.addItem({ command: CommandIDs.setRole, args: { role, inMenu: true } });
  }
  menu.aboutToClose.connect(() => requestAnimationFrame(() => menu.dispose()));
  const button = cell.querySelector(`[data-command="${CommandIDs.chooseRole}"]`) ?? cell;
  const { left, bottom, top } = button.getBoundingClientRect();
  menu.open(left, button === cell ? top : bottom);
}
