/** The options of a deployment, as the panel asks for them and as `%deploy` takes them. */

/** What `%deploy` is told. */
export interface IOptions {
  entries: string;
  name: string;
  target: string;
  workers: string;
  port: string;
  example: string;
  strict: boolean;
  unproven: boolean;
}

export const NO_OPTIONS: IOptions = {
  entries: '',
  name: '',
  target: 'local',
  workers: '',
  port: '',
  example: '',
  strict: false,
  unproven: false
};

/** Write the options as the words of a `%deploy` line. */
export function listArguments(options: IOptions): string[] {
  const words: string[] = [];
  const add = (flag: string, value: string) => value.trim() && words.push(`--${flag}=${value.trim()}`);
  add('name', options.name);
  if (options.target !== 'local') {
    add('target', options.target);
  }
  add('workers', options.workers);
  add('port', options.port);
  add('example', options.example);
  if (options.strict) {
    words.push('--strict');
  }
  if (options.unproven) {
    words.push('--unproven');
  }
  const entries = options.entries.split(/[\s,]+/).filter(Boolean);
  return entries.length ? [...words, '--', ...entries] : words;
}
