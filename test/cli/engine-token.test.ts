import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { engineTokenHash } from '../../src/cli/engine-token.js';

const test = suite('engine-token --hash');

const sha256 = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

const TOKEN = 'cse_0123456789abcdef';
const INPUTS: readonly (readonly [name: string, input: string, hash: string | undefined])[] = [
  ['a token', TOKEN, sha256(TOKEN)],
  ['a token and the end of its line', `${TOKEN}\n`, sha256(TOKEN)],
  ['a token and the end of its line, as Windows has it', `${TOKEN}\r\n`, sha256(TOKEN)],
  ['a token of 16 characters', 'a'.repeat(16), sha256('a'.repeat(16))],
  ['a token of 4096 characters', 'a'.repeat(4096), sha256('a'.repeat(4096))],
  ['nothing', '', undefined],
  ['an empty line', '\n', undefined],
  ['a token that can be guessed', 'a'.repeat(15), undefined],
  ['a token that no header can carry', 'a'.repeat(4097), undefined],
  ['two tokens', `${TOKEN}\n${TOKEN}\n`, undefined],
  ['a token with a space', `${TOKEN} x`, undefined],
  ['a token with a comma', `${TOKEN},x`, undefined],
  ['a token that is not ASCII', `${TOKEN}é`, undefined],
];
for (const [name, input, hash] of INPUTS) {
  test(`--hash of ${name}`, async () => {
    const printed: string[] = [];
    const complaints: string[] = [];
    const code = await engineTokenHash({
      input: Readable.from([Buffer.from(input)]),
      print: (line) => printed.push(line),
      printError: (line) => complaints.push(line),
    });
    assert.is(code, hash === undefined ? 1 : 0);
    assert.equal(printed, hash === undefined ? [] : [hash]);
    assert.is(complaints.length, hash === undefined ? 1 : 0);
    if (input.length > 4) assert.not.match(complaints.join(), input.trim());
  });
}
