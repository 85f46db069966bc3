/** Marks in the notebook: a badge with the role, a line beside cells that go to production. */

import type { Cell } from '@jupyterlab/cells';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { NotebookModel } from './notebook';
import { isRole } from './roles';

const BADGE = 'jp-Deploy-badge';

/** Keep the marks of the notebook in front as the model says. */
export function showBadges(model: NotebookModel, trans: TranslationBundle): void {
  const followed = new WeakSet<Cell>();
  let asked = 0;
  const soon = () => {
    cancelAnimationFrame(asked);
    asked = requestAnimationFrame(draw);
  };
  const draw = () => {
    for (const { cell, role, captured, stale } of model.cells()) {
      mark(cell, role, captured, stale, trans);
      if (!followed.has(cell)) {
        followed.add(cell);
        // A long notebook makes what is in a cell only when the cell comes into view.
        cell.inViewportChanged.connect(soon);
        void cell.ready.then(soon, () => undefined);
      }
    }
  };
  model.changed.connect(draw);
}

function mark(cell: Cell, role: string | null, captured: string[] | null, stale: boolean, trans: TranslationBundle): void {
  cell.node.classList.toggle('jp-Deploy-captured', captured !== null);
  cell.node.classList.toggle('jp-Deploy-stale', stale);
  const host = cell.node.querySelector('.jp-Cell-inputWrapper');
  let badge = cell.node.querySelector<HTMLElement>(`.${BADGE}`);
  const text = role ?? (captured ? trans.__('captured') : null);
  if (text === null || !host) {
    badge?.remove();
    return;
  }
  if (!badge) {
    badge = document.createElement('div');
    badge.setAttribute('role', 'note');
    host.append(badge);
  }
  const kind = role === null ? 'captured' : isRole(role) ? role : 'unknown';
  const label = role !== null && !isRole(role) ? trans.__('%1 is no role', role) : text;
  const title = captured?.length ? trans.__('goes to production: %1', captured.join(', ')) : trans.__('deploy role: %1', text);
  if (badge.textContent !== label || badge.title !== title) {
    badge.className = `${BADGE} jp-mod-${kind}`;
    badge.textContent = label;
    badge.title = title;
    badge.setAttribute('aria-label', title);
  }
}
