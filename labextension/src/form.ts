/** A form for the arguments of an entry, from their JSON schema. */

import type { TranslationBundle } from '@jupyterlab/translation';

export interface ISchema {
  type?: string | string[];
  enum?: unknown[];
  anyOf?: ISchema[];
  format?: string;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  properties?: Record<string, ISchema>;
  required?: string[];
}

export type Input = 'number' | 'checkbox' | 'choice' | 'text' | 'json';

export interface IField {
  name: string;
  input: Input;
  required: boolean;
  /** What may be chosen, as JSON texts. */
  choices: string[];
}

/** Give a field for each argument; what no plain input fits is written as JSON. */
export function listFields(schema: ISchema): IField[] {
  return Object.entries(schema.properties ?? {}).map(([name, one]) => ({
    name,
    input: chooseInput(one),
    required: (schema.required ?? []).includes(name),
    choices: (one.enum ?? []).map(value => JSON.stringify(value))
  }));
}

function chooseInput(schema: ISchema): Input {
  if (schema.enum) {
    return 'choice';
  }
  const kinds = listKinds(schema);
  if (kinds.some(kind => kind === 'number' || kind === 'integer')) {
    return kinds.some(kind => kind === 'object' || kind === 'array') ? 'json' : 'number';
  }
  if (kinds.length === 1 && kinds[0] === 'boolean') {
    return 'checkbox';
  }
  return kinds.length === 1 && kinds[0] === 'string' ? 'text' : 'json';
}

/** The JSON types that a schema admits. */
function listKinds(schema: ISchema): string[] {
  const own = schema.type === undefined ? [] : [schema.type].flat();
  return [...own, ...(schema.anyOf ?? []).flatMap(listKinds)];
}

/** Give the text that a field shows for a value of a golden call. */
export function writeValue(field: IField, value: unknown): string {
  if (value === undefined) {
    return '';
  }
  return field.input !== 'json' && typeof value === 'string' && field.input !== 'choice' ? value : JSON.stringify(value, null, 1).replace(/\n\s*/g, ' ');
}

/** Make the request from what the fields show; throws a sentence that names the field that does not fit. */
export function readRequest(fields: IField[], texts: Record<string, string>, trans: TranslationBundle): Record<string, unknown> {
  const request: Record<string, unknown> = {};
  for (const field of fields) {
    const text = texts[field.name] ?? '';
    if (text.trim() === '' && !(field.required && field.input === 'text')) {
      if (field.required) {
        throw new Error(trans.__('%1: wanted a value, found nothing.', field.name));
      }
      continue;
    }
    request[field.name] = field.input === 'text' ? text : parse(field, text, trans);
  }
  return request;
}

function parse(field: IField, text: string, trans: TranslationBundle): unknown {
  if (field.input === 'number' && /^-?Infinity$/.test(text.trim())) {
    return text.trim(); // as JSON has no such number, it travels as text
  }
  try {
    return JSON.parse(text);
  } catch {
    const found = text.length > 40 ? text.slice(0, 40) + '…' : text;
    throw new Error(
      field.input === 'number'
        ? trans.__('%1: wanted a number, found %2', field.name, found)
        : trans.__('%1: wanted JSON, found %2', field.name, found)
    );
  }
}
