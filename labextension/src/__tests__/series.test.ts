import { formatBytes, formatRate, formatSeconds } from '../format';
import { linePath, roundTop, spread } from '../series';

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
