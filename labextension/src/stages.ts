/** The stages of a deployment, and how far one is. */

/** Those that deployments go through, in order; others are parts of the next one. */
const STAGES = ['capture', 'compile', 'requirements', 'bundle', 'start', 'calls', 'prove', 'live'];
/** What is done before the start where it is a container that starts. */
const IMAGE = ['wheels', 'environment', 'content', 'service', 'prove'];
/** Those that come only where there is something to do. */
const OPTIONAL = ['compile', 'calls'];
/** It says what the engine begins; all others say what is done. */
const BEGUN = 'build';

function listStages(target: string): string[] {
  const start = STAGES.indexOf('start');
  return target === 'docker' ? [...STAGES.slice(0, start), ...IMAGE, ...STAGES.slice(start)] : STAGES;
}

/** Give the stage that comes after those that are done; null when all are. */
export function findNext(done: { name: string }[], target: string): string | null {
  const stages = listStages(target);
  let next = 0;
  for (const { name } of done) {
    const here = OPTIONAL.includes(stages[next]) && name === stages[next + 1] ? next + 1 : next;
    if (name === stages[here]) {
      next = here + 1;
    }
  }
  return stages[next] ?? null;
}

/** Part what was told into what is done, and what an engine does of the next stage; null when that is not known. */
export function splitStages<Stage extends { name: string; text: string }>(told: Stage[]): { done: Stage[]; doing: string | null } {
  const last = told[told.length - 1];
  return { done: told.filter(stage => stage.name !== BEGUN), doing: last?.name === BEGUN ? last.text : null };
}
