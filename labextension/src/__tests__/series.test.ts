import { formatBytes, formatRate, formatSeconds, formatShare, nameFields, sentence } from '../format';
import { findStart, linePath, roundTop, spread } from '../series';

const trans = { __: (text: string) => text } as never;

test('a line has a gap where there is nothing', () => {
  expect(linePath([0, 1, null, 2], 30, 10, 2)).toBe('M0,10L10,5M30,0');
});

test('the top is a round figure', () => {
  expect([[0], [0.7], [1.2], [23], [100]].map(roundTop)).toEqual([1, 1, 2, 50, 100]);
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
});

test('advice names the fields of the panel, and lines to be run stay as they are', () => {
  expect(nameFields('choose another --port, or delete that one: nbdeploy rm houses', trans)).toBe(
    'choose another “Port”, or delete that one: nbdeploy rm houses'
  );
  expect(nameFields('give one with --api-key', trans)).toBe('give one with --api-key');
  expect(nameFields('run %deploy --name houses there', trans)).toBe('run %deploy --name houses there');
});
