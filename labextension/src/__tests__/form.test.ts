import { listFields, readRequest, writeValue } from '../form';

const trans = { __: (text: string, ...values: unknown[]) => text.replace(/%(\d)/g, (_, at) => String(values[at - 1])) } as never;
const number = { anyOf: [{ type: 'number' }, { type: 'string', enum: ['Infinity', '-Infinity'] }] };
const schema = {
  properties: {
    rooms: { type: 'integer' },
    area: number,
    maybe: { type: ['integer', 'null'] },
    kind: { enum: ['flat', 'house'] },
    garden: { type: 'boolean' },
    street: { type: 'string' },
    rows: { type: 'array' }
  },
  required: ['rooms', 'street']
};
const fields = listFields(schema);

test('each argument gets the input that fits it', () => {
  expect(fields.map(field => field.input)).toEqual(['number', 'number', 'number', 'choice', 'checkbox', 'text', 'json']);
});

test('what a golden call fills in comes back as it was', () => {
  const request = { rooms: 3, area: 'Infinity', maybe: null, kind: 'flat', garden: true, street: '12', rows: [{ a: 1 }] };
  const texts = Object.fromEntries(fields.map(field => [field.name, writeValue(field, request[field.name as 'rooms'])]));
  expect(readRequest(fields, texts, trans)).toEqual(request);
});

test('what is left out is not sent, unless it must be there', () => {
  expect(readRequest(fields, { rooms: '1', street: '' }, trans)).toEqual({ rooms: 1, street: '' });
  expect(() => readRequest(fields, { street: 'x' }, trans)).toThrow('rooms: wanted a value');
  expect(() => readRequest(fields, { rooms: 'three', street: 'x' }, trans)).toThrow('rooms: wanted a number, found three');
});
