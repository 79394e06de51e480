import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { splitDocuments } from '../../src/yaml/documents.js';

const test = suite('YAML documents of a stream');

const STREAMS: readonly (readonly [
  name: string,
  text: string,
  documents: readonly (readonly [number, string])[],
])[] = [
  ['nothing', '', []],
  ['only comments', '# nothing\n---\n# here\n', []],
  ['one document', 'a: 1\n', [[0, 'a: 1\n']]],
  ['one document behind a marker', '# head\n---\na: 1', [[0, '# head\n---\na: 1']]],
  ['a directive', '%YAML 1.2\n---\na: 1', [[0, '%YAML 1.2\n---\na: 1']]],
  [
    'two documents',
    'a: 1\n---\nb: 2\n',
    [
      [0, 'a: 1'],
      [1, '---\nb: 2\n'],
    ],
  ],
  [
    'a marker with content',
    'a: 1\n--- {b: 2}\n',
    [
      [0, 'a: 1'],
      [1, '--- {b: 2}\n'],
    ],
  ],
  [
    'a marker with a comment, and lines of Windows',
    'a: 1\r\n--- # two\r\nb: 2',
    [
      [0, 'a: 1\r'],
      [1, '--- # two\r\nb: 2'],
    ],
  ],
  ['no markers: more dashes, and dashes further in', 'a: |\n  ---\n----\n', [[0, 'a: |\n  ---\n----\n']]],
];
for (const [name, text, expected] of STREAMS) {
  for (const size of [1, 3, 1_000]) {
    test(`${name}, in chunks of ${size}`, async () => {
      const found: [number, string][] = [];
      for await (const { text: document, firstLine } of splitDocuments(chunks(text, size)))
        found.push([firstLine, document]);
      assert.equal(found, expected);
    });
  }
}

test('a document that is too long is cut, and what follows is found', async () => {
  const lengths: number[] = [];
  const line = `${'x'.repeat(1_023)}\n`;
  for await (const { text } of splitDocuments(chunks(`${line.repeat(8_192)}---\na: 1`, 65_536)))
    lengths.push(text.length);
  const [long = 0, next = 0] = lengths;
  assert.ok(long > 4 * 1024 * 1024 && long < 5 * 1024 * 1024, String(long));
  assert.is(next, 8);
});

async function* chunks(text: string, size: number): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
}
