/** What a cell is for the service: the tags `deploy:<role>`, or `nbdeploy.role` in the cell's metadata. */

export const ROLES = ['entry', 'setup', 'include', 'example', 'test', 'skip'] as const;
export type Role = (typeof ROLES)[number];

const PREFIX = 'deploy:';

/** The metadata of a cell, or of anything that keeps it the same way. */
export interface IMetadata {
  getMetadata(key: string): unknown;
  setMetadata(key: string, value: unknown): void;
  deleteMetadata(key: string): void;
}

export function isRole(text: unknown): text is Role {
  return (ROLES as readonly unknown[]).includes(text);
}

/** Give the cell's role; a word that is no role comes back too, so that it can be shown as wrong. */
export function readRole(cell: IMetadata): string | null {
  const tag = readTags(cell).find(one => one.startsWith(PREFIX));
  if (tag !== undefined) {
    return tag.slice(PREFIX.length);
  }
  const own = cell.getMetadata('nbdeploy') as { role?: unknown } | undefined;
  return typeof own?.role === 'string' ? own.role : null;
}

/**
 * Give the cell a role, or none, in place of the one it has.
 *
 * @param asMetadata - Write the metadata form: Kale refuses notebooks with tags that it does not know.
 */
export function writeRole(cell: IMetadata, role: Role | null, asMetadata = false): void {
  const others = readTags(cell).filter(one => !one.startsWith(PREFIX));
  const tags = role && !asMetadata ? [...others, PREFIX + role] : others;
  replace(cell, 'tags', tags.length ? tags : null);
  const { role: _, ...own } = (cell.getMetadata('nbdeploy') ?? {}) as Record<string, unknown>;
  const kept = role && asMetadata ? { ...own, role } : own;
  replace(cell, 'nbdeploy', Object.keys(kept).length ? kept : null);
}

function readTags(cell: IMetadata): string[] {
  const tags = cell.getMetadata('tags');
  return Array.isArray(tags) ? tags.filter((one): one is string => typeof one === 'string') : [];
}

function replace(cell: IMetadata, key: string, value: unknown): void {
  if (value !== null) {
    cell.setMetadata(key, value);
  } else if (cell.getMetadata(key) !== undefined) {
    cell.deleteMetadata(key);
  }
}
