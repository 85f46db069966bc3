/* The outputs of a notebook, as VS Code's Jupyter extension draws them: with its own widget manager, on a real kernel.
 * `runCells` is what its extension host does: it executes cells and hands each output to the renderer of its kind. */

import { KernelManager, ServerConnection } from "@jupyterlab/services";
import { activate } from "@vscode/jupyter-ipywidgets8";

const WIDGET = "application/vnd.jupyter.widget-view+json";

function loadManager(kernel) {
  activate();
  window.vscIPyWidgets8.load();
  const registered = new Set();
  const loader = {
    widgetsRegisteredInRequireJs: registered,
    // Other widgets' scripts are the kernel's: from its share/jupyter/nbextensions.
    async loadWidgetScript(name) {
      requirejs.config({ paths: { [name]: new URL(`nbextensions/${name}/index`, location.href).href } });
      registered.add(name);
    },
    successHandler: () => undefined,
    errorHandler: (className, name, version, error) => console.error(className, name, version, error),
  };
  return new window.vscIPyWidgets.WidgetManager(kernel, undefined, loader, () => undefined);
}

async function drawWidget(manager, data, output) {
  // What throws here makes VS Code take the next of the output's kinds.
  if (!manager?.has_model(data[WIDGET].model_id)) throw new Error("no such model in the kernel");
  output.classList.add("cell-output-ipywidget-background");
  const model = await manager.get_model(data[WIDGET].model_id);
  const view = await manager.create_view(model, { el: output });
  await manager.display_view(data[WIDGET], view, { node: output });
}

async function draw(manager, data) {
  const output = document.createElement("div");
  output.className = "output";
  document.getElementById("container").append(output);
  try {
    await drawWidget(manager, data, output);
  } catch {
    output.innerHTML = data["text/html"] ?? `<pre>${data["text/plain"]}</pre>`;
  }
}

addEventListener("click", (event) => {
  const link = event.composedPath().find((node) => node instanceof HTMLAnchorElement && node.href);
  if (link) {
    event.preventDefault();
    parent.postMessage({ link: link.href }, "*");
  }
});

window.runCells = async (server, cells, { trusted = true } = {}) => {
  const serverSettings = ServerConnection.makeSettings({
    baseUrl: server.url, wsUrl: server.url.replace("http", "ws"), token: server.token, appendToken: true });
  const kernels = new KernelManager({ serverSettings });
  const kernel = await kernels.startNew({ name: "python3" });
  window.kernel = kernel;
  const manager = trusted ? loadManager(kernel) : null;
  for (const code of cells) {
    const future = kernel.requestExecute({ code, silent: false, allow_stdin: true, store_history: true });
    const shown = [];
    future.onIOPub = ({ header, content }) => {
      if (["display_data", "execute_result"].includes(header.msg_type)) shown.push(content.data);
      if (header.msg_type === "error") throw new Error(content.traceback.join("\n"));
    };
    await future.done;
    for (const data of shown) await draw(manager, data);
  }
};
