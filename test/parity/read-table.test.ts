import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { parseTable } from './read-table.js';

const test = suite('parity: reading a table');

test('aliases, !repeat and !join are resolved, and shared values are not part of the table', () => {
  const text = `
shared:
  good: &good {status: 200}
cases:
  - name: a row
    rawBody: !join ['{"a":"', !repeat [é, 3], '"}']
    chat: *good
`;
  assert.equal(parseTable(text, 'table.yaml'), {
    cases: [{ name: 'a row', rawBody: '{"a":"ééé"}', chat: { status: 200 } }],
  });
});

const ROW = 'cases:\n  - name: a row\n';
for (const { name, text, message } of [
  {
    name: 'an unknown field',
    text: `${ROW}    then:\n      - {reqest: {}}\n`,
    message: /^table\.yaml:4:10 unknown field reqest$/,
  },
  { name: 'a wrong type', text: `${ROW}    after: soon\n`, message: /^table\.yaml:3:12 .*number/ },
  {
    name: 'a code that the error table lacks',
    text: `${ROW}    answer: {error: oops}\n`,
    message: /^table\.yaml:3:21 /,
  },
  { name: 'no name', text: 'cases:\n  - rpc: EndSession\n', message: /^table\.yaml:2:5 / },
  {
    name: 'two mistakes',
    text: `${ROW}    over: pigeon\n    gzip: 1\n`,
    message: /^table\.yaml:3:11 .*\ntable\.yaml:4:11 /,
  },
  { name: 'no YAML', text: `${ROW}    chat: {status: 200\n`, message: /^table\.yaml:4:1 / },
  {
    name: 'a name that no value is shared by',
    text: `${ROW}    chat: *nobody\n`,
    message: /^table\.yaml:3:11 .*nobody/,
  },
  {
    name: 'a !repeat without a count',
    text: `${ROW}    rawBody: !repeat [x]\n`,
    message: /^table\.yaml:3:14 !repeat /,
  },
  {
    name: 'a !join of a number',
    text: `${ROW}    rawBody: !join [1]\n`,
    message: /^table\.yaml:3:14 !join /,
  },
]) {
  test(`${name} is told with its line`, () => {
    assert.throws(
      () => parseTable(text, 'table.yaml'),
      (error: unknown) => {
        assert.match(error instanceof Error ? error.message : '', message);
        return true;
      },
    );
  });
}
