/** A form that calls an entry, filled with a golden call. */

import * as React from 'react';
import { answersCalls, type Api, type ApiError, type IAnswer, type IEntry, type IGolden, type IStatus } from '../api';
import { listFields, readRequest, writeValue, type IField } from '../form';
import { formatSeconds } from '../format';
import { Problem, useTranslation } from './shared';

interface ITryItProps {
  api: Api;
  name: string;
  entries: IEntry[];
  guarded: boolean;
  state: IStatus['state'];
}

export function TryIt({ api, name, entries, guarded, state }: ITryItProps): JSX.Element {
  const trans = useTranslation();
  const [chosen, choose] = React.useState(entries[0]?.name ?? '');
  const [key, setKey] = React.useState('');
  const entry = entries.find(one => one.name === chosen) ?? entries[0];
  if (!entry) {
    return <Problem mild message={trans.__('The live version’s description cannot be read.')} advice={trans.__('Deploy again from the notebook.')} />;
  }
  return (
    <>
      {entries.length > 1 && (
        <label className="jp-Deploy-field">
          <span>{trans.__('Entry')}</span>
          <select value={entry.name} onChange={event => choose(event.target.value)}>
            {entries.map(one => (
              <option key={one.name}>{one.name}</option>
            ))}
          </select>
        </label>
      )}
      {guarded && (
        <label className="jp-Deploy-field">
          <span>{trans.__('API key')}</span>
          <input type="password" autoComplete="off" value={key} onChange={event => setKey(event.target.value)} />
        </label>
      )}
      {state === 'asleep' && <p className="jp-Deploy-quiet">{trans.__('It is asleep; a call wakes it and takes a moment longer.')}</p>}
      <Form key={entry.name} {...{ api, name, entry }} answers={answersCalls(state)} apiKey={key} />
    </>
  );
}

interface IFormProps {
  api: Api;
  name: string;
  entry: IEntry;
  apiKey: string;
  answers: boolean;
}

function fill(fields: IField[], golden: IGolden | undefined): Record<string, string> {
  return Object.fromEntries(fields.map(field => [field.name, writeValue(field, golden?.request[field.name])]));
}

function Form({ api, name, entry, apiKey, answers }: IFormProps): JSX.Element {
  const trans = useTranslation();
  const fields = React.useMemo(() => listFields(entry.schema), [entry]);
  const [golden, setGolden] = React.useState(0);
  const [texts, setTexts] = React.useState(() => fill(fields, entry.golden[0]));
  const [answer, setAnswer] = React.useState<IAnswer | null>(null);
  const [fault, setFault] = React.useState<{ message: string; advice?: string | null } | null>(null);
  const [busy, setBusy] = React.useState(false);
  const send = async () => {
    setFault(null);
    setBusy(true);
    try {
      setAnswer(await api.call(name, entry.name, readRequest(fields, texts, trans), apiKey));
    } catch (error) {
      setAnswer(null);
      setFault(error as ApiError);
    } finally {
      setBusy(false);
    }
  };
  const change = (field: string, text: string) => setTexts({ ...texts, [field]: text });
  return (
    <form
      className="jp-Deploy-form"
      onSubmit={event => {
        event.preventDefault();
        void send();
      }}
    >
      {entry.doc && <p className="jp-Deploy-quiet">{entry.doc.split('\n')[0]}</p>}
      {entry.golden.length > 1 && (
        <label className="jp-Deploy-field">
          <span>{trans.__('Golden call')}</span>
          <select
            value={golden}
            onChange={event => {
              setGolden(Number(event.target.value));
              setTexts(fill(fields, entry.golden[Number(event.target.value)]));
            }}
          >
            {entry.golden.map((one, index) => (
              <option key={index} value={index}>
                {index + 1}: {one.source}
              </option>
            ))}
          </select>
        </label>
      )}
      {fields.map(field => (
        <Field key={field.name} field={field} text={texts[field.name] ?? ''} onChange={text => change(field.name, text)} />
      ))}
      <div className="jp-Deploy-row">
        <button type="submit" className="jp-Deploy-button jp-mod-accept" disabled={busy || !answers}>
          {busy ? trans.__('Calling…') : trans.__('Call %1', entry.name)}
        </button>
        {answer && <Outcome answer={answer} golden={entry.golden[golden]} texts={texts} fields={fields} />}
      </div>
      {fault && <Problem message={fault.message} advice={fault.advice} />}
      {answer && (
        <pre className="jp-Deploy-answer" tabIndex={0} aria-label={trans.__('Answer')}>
          {typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body, null, 2)}
        </pre>
      )}
    </form>
  );
}

interface IOutcomeProps {
  answer: IAnswer;
  golden: IGolden | undefined;
  texts: Record<string, string>;
  fields: IField[];
}

/** How the call went, and whether it is still what the notebook answered. */
function Outcome({ answer, golden, texts, fields }: IOutcomeProps): JSX.Element {
  const trans = useTranslation();
  const good = answer.status === 200;
  const same = golden && JSON.stringify(texts) === JSON.stringify(fill(fields, golden));
  const equal = same && JSON.stringify(golden.answer) === JSON.stringify(answer.body);
  const verdict = good && same ? (equal ? trans.__('as in the notebook') : trans.__('not what the notebook answered')) : null;
  return (
    <span className={`jp-Deploy-verdict jp-mod-${good && verdict !== null && !equal ? 'warn' : good ? 'good' : 'bad'}`} role="status">
      {[answer.status, formatSeconds(answer.seconds), verdict].filter(Boolean).join(' · ')}
    </span>
  );
}

function Field({ field, text, onChange }: { field: IField; text: string; onChange: (text: string) => void }): JSX.Element {
  const trans = useTranslation();
  const label = (
    <span>
      {field.name}
      {field.required && <abbr title={trans.__('required')}>*</abbr>}
    </span>
  );
  const common = { value: text, spellCheck: false };
  switch (field.input) {
    case 'checkbox':
    case 'choice': {
      const choices = field.input === 'checkbox' ? ['true', 'false'] : field.choices;
      return (
        <label className="jp-Deploy-field">
          {label}
          <select {...common} onChange={event => onChange(event.target.value)}>
            {!choices.includes(text) && <option value={text}>{text}</option>}
            {choices.map(choice => (
              <option key={choice}>{choice}</option>
            ))}
          </select>
        </label>
      );
    }
    case 'json':
      return (
        <label className="jp-Deploy-field jp-mod-tall">
          {label}
          <textarea {...common} rows={3} onChange={event => onChange(event.target.value)} />
        </label>
      );
    default:
      return (
        <label className="jp-Deploy-field">
          {label}
          <input {...common} inputMode={field.input === 'number' ? 'decimal' : 'text'} onChange={event => onChange(event.target.value)} />
        </label>
      );
  }
}
