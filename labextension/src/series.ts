/** The geometry of charts: values to paths, and round figures for their axes. */

/** Give the SVG path of a line through values that are evenly spread over the width; null leaves a gap. */
export function linePath(values: (number | null)[], width: number, height: number, top: number): string {
  const step = values.length > 1 ? width / (values.length - 1) : 0;
  let pen = 'M';
  const parts: string[] = [];
  values.forEach((value, index) => {
    if (value === null) {
      pen = 'M';
      return;
    }
    const y = height - (top > 0 ? Math.min(1, value / top) : 0) * height;
    parts.push(`${pen}${round(index * step)},${round(y)}`);
    pen = 'L';
  });
  return parts.join('');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Give the smallest of 1, 2, 5, 10, 20, ... that is not below the largest value, nor below what is to be shown at least. */
export function roundTop(values: (number | null)[], least = 1): number {
  const largest = Math.max(least, ...values.map(value => value ?? 0));
  const power = 10 ** Math.floor(Math.log10(largest));
  return [1, 2, 5, 10].map(factor => factor * power).find(edge => edge >= largest * 0.999) ?? 10 * power;
}

/** Seconds that a chart shows at least. */
const LEAST = 60;

/** Give the time at which a chart begins: a young endpoint fills the whole width. */
export function findStart(samples: IStretch[], now: number, window: number): number {
  const born = samples.length ? samples[0].time - samples[0].seconds : now - window;
  return Math.max(now - window, Math.min(now - LEAST, born));
}

/** A stretch of time with what was counted in it. */
export interface IStretch {
  time: number;
  seconds: number;
}

/**
 * Spread samples of uneven lengths over even slots of a window that ends now.
 *
 * @param read - The figure of one sample; null when it has none.
 * @param empty - What a slot without samples shows.
 */
export function spread<T extends IStretch>(
  samples: T[],
  now: number,
  window: number,
  slots: number,
  read: (sample: T) => number | null,
  empty: number | null
): (number | null)[] {
  const width = window / slots;
  const found: (number | null)[] = Array(slots).fill(empty);
  for (const sample of samples) {
    const value = read(sample);
    const last = Math.min(slots - 1, Math.floor((sample.time - now + window) / width));
    const first = Math.max(0, Math.floor((sample.time - sample.seconds - now + window) / width + 1e-6));
    for (let slot = first; slot <= last && value !== null; slot++) {
      found[slot] = Math.max(found[slot] ?? 0, value);
    }
  }
  return found;
}
