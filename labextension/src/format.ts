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
  /^(a|an|another|building|cannot|executed|finding|interrupted|it|its|local|name|no|none|not|nothing|one|only|port|say|serving|the|there|this|two|version|wanted|what|worker)(?=[ ,;])/;

/** What an advice may begin with that is no word of a sentence: a command, an option, a file. */
const COMMANDS = /^((docker|jupyter|nbdeploy|papermill|pip|python)\b|\w+[.([=_])/;

/** Make a sentence of a message: a capital to begin with, unless it begins with a name, and a full stop. */
export function sentence(text: string): string {
  return finish(BEGINNINGS.test(text) ? capitalise(text) : text);
}

/** Make a sentence of an advice, which begins with a verb or with a command. */
export function advise(text: string): string {
  return finish(COMMANDS.test(text) ? text : capitalise(text));
}

function capitalise(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function finish(begun: string): string {
  const last = begun.trimEnd().split('\n').length > 1 ? '' : begun.trimEnd().slice(-1);
  return last === '' || /[.!?:;…]/.test(last) ? begun : `${begun.trimEnd()}.`;
}

/** What a message gives to an option as an example. */
const VALUE = / (?:'([^']*)'|(N|auto|\d+|[a-z\d]+(?:-[a-z\d]+)+)(?![\w-]))/;
const OPTION = new RegExp(`--(\\w+)\\b(?!-)(?:${VALUE.source})?`, 'g');

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
  const named = text.replace(OPTION, (flag, name: string, quoted: string | undefined, plain: string | undefined, at: number) => {
    if (!(name in fields) || /(%deploy|nbdeploy)[^:;]*$/.test(text.slice(0, at))) {
      return flag;
    }
    const value = quoted ?? plain;
    return value === undefined ? `“${fields[name]}”` : trans.__('%1 as “%2”', value, fields[name]);
  });
  return named.replace('(%deploy predict)', trans.__('in “Serve”'));
}
