import { findNext } from '../stages';

const after = (...names: string[]) => findNext(names.map(name => ({ name })));

test('the next stage is the one that is not done', () => {
  expect(after()).toBe('capture');
  expect(after('capture')).toBe('compile');
  expect(after('capture', 'requirements')).toBe('bundle');
  expect(after('capture', 'compile', 'requirements', 'bundle', 'start', 'calls', 'prove')).toBe('live');
  expect(after('capture', 'requirements', 'bundle', 'start', 'prove')).toBe('live');
  expect(after('capture', 'compile', 'requirements', 'bundle', 'start', 'prove', 'live')).toBeNull();
});

test('the parts of a stage are not taken for others', () => {
  expect(after('capture', 'requirements', 'bundle', 'added')).toBe('start');
  expect(after('capture', 'requirements', 'bundle', 'wheels', 'build', 'prove')).toBe('start'); // proven in a container
});
