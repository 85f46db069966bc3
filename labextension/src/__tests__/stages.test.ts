import { findNext, splitStages } from '../stages';

const after = (target: string, ...names: string[]) => findNext(names.map(name => ({ name })), target);

test('the next stage is the one that is not done', () => {
  expect(after('local')).toBe('capture');
  expect(after('local', 'capture')).toBe('compile');
  expect(after('local', 'capture', 'requirements')).toBe('bundle');
  expect(after('local', 'capture', 'compile', 'requirements', 'bundle', 'start', 'calls', 'prove')).toBe('live');
  expect(after('local', 'capture', 'requirements', 'bundle', 'start', 'prove')).toBe('live');
  expect(after('local', 'capture', 'compile', 'requirements', 'bundle', 'start', 'prove', 'live')).toBeNull();
});

test('the parts of a stage are not taken for others', () => {
  expect(after('local', 'capture', 'requirements', 'bundle', 'added')).toBe('start');
});

test('a container has an image first', () => {
  const packaged = ['capture', 'requirements', 'bundle'];
  expect(after('docker', ...packaged)).toBe('wheels');
  expect(after('docker', ...packaged, 'base', 'wheels', 'environment', 'content', 'service')).toBe('prove');
  const proven = [...packaged, 'wheels', 'environment', 'content', 'service', 'prove'];
  expect(after('docker', ...proven)).toBe('start');
  expect(after('docker', ...proven, 'start', 'calls')).toBe('prove');
  expect(after('docker', ...proven, 'start', 'prove', 'live')).toBeNull();
});

test('what the engine begins is not done', () => {
  const told = [{ name: 'wheels', text: '4 wheels' }, { name: 'build', text: 'unpacking …' }];
  expect(splitStages(told)).toEqual({ done: [told[0]], doing: 'unpacking …' });
  expect(splitStages([...told, { name: 'environment', text: '40 MB' }]).doing).toBeNull();
});
