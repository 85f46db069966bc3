import { LabIcon } from '@jupyterlab/ui-components';

/** A cell that goes up: the panel's mark. */
export const deployIcon = new LabIcon({
  name: 'nbdeploy:deploy',
  svgstr:
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">' +
    '<g class="jp-icon3 jp-icon-selectable" fill="#616161">' +
    '<path d="M12 2.5 5.5 9h4v7h5V9h4z"/><path d="M4 17.5h2v2.5h12v-2.5h2V22H4z"/></g></svg>'
});
