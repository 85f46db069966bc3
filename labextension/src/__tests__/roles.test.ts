import { readRole, writeRole, type IMetadata } from '../roles';

function cell(metadata: Record<string, unknown>): IMetadata & { metadata: Record<string, unknown> } {
  return {
    metadata,
    getMetadata: key => metadata[key],
    setMetadata: (key, value) => void (metadata[key] = value),
    deleteMetadata: key => void delete metadata[key]
  };
}

test.each([
  [{}, null],
  [{ tags: ['plot'] }, null],
  [{ tags: ['plot', 'deploy:entry'] }, 'entry'],
  [{ tags: ['deploy:entri'] }, 'entri'],
  [{ nbdeploy: { role: 'setup' } }, 'setup'],
  [{ tags: 'broken', nbdeploy: { role: 3 } }, null]
])('reads %j as %s', (metadata, role) => {
  expect(readRole(cell(metadata))).toBe(role);
});

test('a new role takes the place of the old one and leaves other tags alone', () => {
  const one = cell({ tags: ['deploy:entry', 'plot'], nbdeploy: { role: 'skip', note: 1 } });
  writeRole(one, 'setup');
  expect(one.metadata).toEqual({ tags: ['plot', 'deploy:setup'], nbdeploy: { note: 1 } });
});

test('no role leaves no trace', () => {
  const one = cell({ tags: ['deploy:entry'] });
  writeRole(one, null);
  expect(one.metadata).toEqual({});
});

test('for Kale the role is metadata', () => {
  const one = cell({ tags: ['skip'] });
  writeRole(one, 'entry', true);
  expect(one.metadata).toEqual({ tags: ['skip'], nbdeploy: { role: 'entry' } });
});
