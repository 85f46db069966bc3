/** The live panel's output: where there is no model for its widget, the HTML beside it is shown, not an error. */

import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { IRenderMime, IRenderMimeRegistry } from '@jupyterlab/rendermime';

const KEPT = 'application/vnd.nbdeploy.panel+json';
const WIDGET = 'application/vnd.jupyter.widget-view+json';
/** Before the widgets' own, which is at -10. */
const RANK = -20;

/** Show the panels of notebooks that are reopened. */
export function keepOutputs(tracker: INotebookTracker): void {
  const add = (_: unknown, panel: NotebookPanel) => addRenderer(panel.content.rendermime);
  tracker.forEach(panel => add(tracker, panel));
  tracker.widgetAdded.connect(add);
}

function addRenderer(registry: IRenderMimeRegistry): void {
  const createRenderer = (): IRenderMime.IRenderer => {
    if (!registry.getFactory(WIDGET)) {
      return registry.createRenderer('text/html');
    }
    // The very renderer of widgets: the widget manager looks for those of its class, and gives itself to them.
    const renderer = registry.createRenderer(WIDGET);
    keepStill(renderer, registry);
    return renderer;
  };
  registry.addFactory({ safe: false, mimeTypes: [KEPT], createRenderer }, RANK);
}

/** Put the HTML where the renderer of widgets has nothing but words: that it looks for its model, or did not find it. */
function keepStill(renderer: IRenderMime.IRenderer, registry: IRenderMimeRegistry): void {
  const still = registry.createRenderer('text/html');
  still.addClass('jp-Deploy-still');
  const observer = new MutationObserver(() => {
    if (renderer.node.firstElementChild === null && renderer.node.textContent) {
      renderer.node.replaceChildren(still.node);
    }
  });
  observer.observe(renderer.node, { childList: true });
  renderer.disposed.connect(() => {
    observer.disconnect();
    still.dispose();
  });
  const render = renderer.renderModel.bind(renderer);
  renderer.renderModel = async model => {
    await still.renderModel(model);
    await render(model);
  };
}
