/** Figures for people: short, and of one width where they stand in a column. */

export function formatRate(rate: number): string {
  if (rate >= 1000) {
    return `${(rate / 1000).toFixed(rate >= 10000 ? 0 : 1)}k`;
  }
  return rate >= 10 || rate === 0 ? rate.toFixed(0) : rate.toFixed(1);
}

/** Write seconds: `0.8 ms`, `12 ms`, `1.4 s`; a dash where there is nothing to tell. */
export function formatSeconds(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) {
    return '–';
  }
  const milliseconds = seconds * 1000;
  if (milliseconds < 10) {
    return `${milliseconds.toFixed(1)} ms`;
  }
  return milliseconds < 1000 ? `${milliseconds.toFixed(0)} ms` : `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB'];
  let size = bytes;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit === 0 || size >= 10 ? size.toFixed(0) : size.toFixed(1)} ${units[unit]}`;
}

/** Write a moment: the time of today, else the day as well. */
export function formatMoment(seconds: number, now: number = Date.now() / 1000): string {
  const moment = new Date(seconds * 1000);
  const time = moment.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  const today = new Date(now * 1000).toDateString() === moment.toDateString();
  return today ? time : `${moment.toLocaleDateString([], { day: 'numeric', month: 'short' })} ${time}`;
}
