import { advise, formatBytes, formatRate, formatSeconds, formatShare, nameFields, sentence } from '../format';
import { findStart, linePath, roundTop, spread } from '../series';

const trans = { __: (text: string, ...given: string[]) => text.replace(/%(\d)/g, (_, place) => given[place - 1]) } as never;

test('a line has a gap where there is nothing', () => {
  expect(linePath([0, 1, null, 2], 30, 10, 2)).toBe('M0,10L10,5M30,0');
});

test('the top is a round figure', () => {
  expect([[0], [0.7], [1.2], [23], [100]].map(values => roundTop(values))).toEqual([1, 1, 2, 50, 100]);
  expect([roundTop([0.0007], 0.001), roundTop([0.02], 0.1), roundTop([null], 1e7)]).toEqual([0.001, 0.1, 1e7]);
});

test('a long sample fills all the slots that it covers', () => {
  const samples = [{ time: 100, seconds: 60, rate: 2 }, { time: 101, seconds: 1, rate: 5 }];
  const values = spread(samples, 120, 120, 6, sample => sample.rate, 0);
  expect(values).toEqual([0, 0, 2, 2, 2, 5]);
});

test('figures are short', () => {
  expect([0, 0.25, 12.4, 1234, 45000].map(formatRate)).toEqual(['0', '0.3', '12', '1.2k', '45k']);
  expect([null, 0.0004, 0.0123, 2.5].map(formatSeconds)).toEqual(['–', '0.4 ms', '12 ms', '2.5 s']);
  expect([448, 1500, 12_000_000].map(formatBytes)).toEqual(['448 B', '1.5 kB', '12 MB']);
});

test('a young endpoint fills the chart, which shows a minute at least', () => {
  const born = (time: number) => [{ time, seconds: 1 }];
  expect([findStart(born(901), 1000, 300), findStart(born(999), 1000, 300), findStart(born(100), 1000, 300), findStart([], 1000, 300)]).toEqual([
    900, 940, 700, 700
  ]);
});

test('small shares are not nothing', () => {
  expect([0, 0.004, 0.5].map(formatShare)).toEqual(['0 %', '0.4 %', '50 %']);
});

test('a message becomes a sentence, and a name stays as it is written', () => {
  expect(sentence('the disk is full')).toBe('The disk is full.');
  expect(sentence('predict has no golden call')).toBe('predict has no golden call.');
  expect(sentence('Stopped.')).toBe('Stopped.');
  expect(sentence('the log:\nlast line')).toBe('The log:\nlast line');
  expect(sentence('deploy:entri is not a role')).toBe('deploy:entri is not a role.');
  expect(sentence('cannot listen on 127.0.0.1')).toBe('Cannot listen on 127.0.0.1.');
  expect(sentence('no: is what a function may be called')).toBe('no: is what a function may be called.');
});

test('advice begins with a capital, unless it is a command', () => {
  expect(advise('keep it in an environment variable')).toBe('Keep it in an environment variable.');
  expect(advise('nbdeploy show houses lists its versions')).toBe('nbdeploy show houses lists its versions.');
  expect(advise('os.environ has it')).toBe('os.environ has it.');
});

test('advice names the fields of the panel, and lines to be run stay as they are', () => {
  expect(nameFields('choose another --port, or delete that one: nbdeploy rm houses', trans)).toBe(
    'choose another “Port”, or delete that one: nbdeploy rm houses'
  );
  expect(nameFields("call it, or add --example 'f(x=…)'; --unproven deploys without proof", trans)).toBe(
    'call it, or add f(x=…) as “Golden call”; “Deploy without a golden call” deploys without proof'
  );
  expect(nameFields('for instance --name bad-name', trans)).toBe('for instance bad-name as “Name”');
  expect(nameFields('so --port must stay', trans)).toBe('so “Port” must stay');
  expect(nameFields('name a function or a model (%deploy predict), or tag the cell', trans)).toBe(
    'name a function or a model in “Serve”, or tag the cell'
  );
  expect(nameFields('give one with --api-key', trans)).toBe('give one with --api-key');
  expect(nameFields('run %deploy --name houses there', trans)).toBe('run %deploy --name houses there');
});
