/** The stages of a deployment, and how far one is. */

/** Those that deployments go through, in order; others, such as a container's, are parts of the next one. */
const STAGES = ['capture', 'compile', 'requirements', 'bundle', 'start', 'calls', 'prove', 'live'];
/** Those that come only where there is something to do. */
const OPTIONAL = ['compile', 'calls'];

/** Give the stage that comes after those that are done; null when all are. */
export function findNext(done: { name: string }[]): string | null {
  let next = 0;
  for (const { name } of done) {
    const here = OPTIONAL.includes(STAGES[next]) && name === STAGES[next + 1] ? next + 1 : next;
    if (name === STAGES[here]) {
      next = here + 1;
    }
  }
  return STAGES[next] ?? null;
}
