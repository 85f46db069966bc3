/** Figures and sentences for people: short, and of one width where they stand in a column. */

import type { TranslationBundle } from '@jupyterlab/translation';

export function formatRate(rate: number): string {
  if (rate >= 1000) {
    return `${(rate / 1000).toFixed(rate >= 10000 ? 0 : 1)}k`;
  }
  return rate >= 10 || rate === 0 ? rate.toFixed(0) : rate < 0.05 ? '<0.1' : rate.toFixed(1);
}

export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en');
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

/** Write a share: `0.4 %`, `12 %`. */
export function formatShare(share: number): string {
  return `${(share * 100).toFixed(share > 0 && share < 0.0995 ? 1 : 0)} %`;
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

/** Write a time of day, to the second. */
export function formatTime(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString('en-GB');
}

/** Write a moment: the time of today, else the day as well. */
export function formatMoment(seconds: number, now: number = Date.now() / 1000): string {
  const moment = new Date(seconds * 1000);
  const time = moment.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
  const today = new Date(now * 1000).toDateString() === moment.toDateString();
  return today ? time : `${moment.toLocaleDateString([], { day: 'numeric', month: 'short' })}, ${time}`;
}

/** Words that a message may begin with; anything else may be a name, which is written as it is. */
const BEGINNINGS =
  /^(a|an|add|after|all|an|call|capture|choose|code|define|delete|deploy|did|do|edit|export|find|for|free|from|give|golden|if|import|in|install|interrupted|is|it|its|leave|local|look|make|mend|move|name|no|none|nothing|of|one|only|open|pass|press|put|random|reinstall|remove|restart|roll|run|save|set|start|stop|tag|take|the|then|there|these|this|to|try|two|update|upgrade|use|wait|wanted|what|which|with|worker|write|you|your)\b/;

/** Make a sentence of a message: a capital to begin with, unless it begins with a name, and a full stop. */
export function sentence(text: string): string {
  const begun = BEGINNINGS.test(text) ? text[0].toUpperCase() + text.slice(1) : text;
  const last = begun.trimEnd().split('\n').length > 1 ? '' : begun.trimEnd().slice(-1);
  return last === '' || /[.!?:;…]/.test(last) ? begun : `${begun.trimEnd()}.`;
}

/** Put the panel's fields in place of the options of `%deploy` that a message names. */
export function nameFields(text: string, trans: TranslationBundle): string {
  const fields: Record<string, string> = {
    name: trans.__('Name'),
    target: trans.__('Target'),
    workers: trans.__('Workers'),
    port: trans.__('Port'),
    example: trans.__('Golden call'),
    strict: trans.__('Treat warnings as errors'),
    unproven: trans.__('Deploy without a golden call')
  };
  return text.replace(/--(\w+)\b(?!-)/g, (flag, name: string, at: number) =>
    name in fields && !/(%deploy|nbdeploy)[^:;]*$/.test(text.slice(0, at)) ? `“${fields[name]}”` : flag
  );
}
