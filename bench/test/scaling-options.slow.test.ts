import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { UsageError } from '../src/command/options.js';
import { coldStart } from '../src/parts/cold-start.js';
import { memory } from '../src/parts/memory.js';
import { scaling } from '../src/scaling/scaling.js';
import { bench } from './command.js';

const test = suite('bench: scaling, memory, cold-start');

for (const [part, args, sentence] of [
  [scaling, '--only tenants,planets', /^--only does not know "planets"; there are connections, intents, /],
  [scaling, '--stored 0,many', /^--stored must be whole numbers with commas between them, not "0,many"\.$/],
  [scaling, '--stored=', /^--stored must be whole numbers/],
  [scaling, '--stored=-1', /^--stored must be whole numbers/],
  [scaling, '--rounds 0', /^--rounds must be a whole number, 1 or more, not "0"\.$/],
  [scaling, '--seconds 0', /^--seconds must be a number of seconds above 0/],
  [scaling, '--levels 1', /^--levels is not an option\.$/],
  [scaling, '--json /no/such/folder/scaling.json', /its folder is not there, or not ours\.$/],
  [memory, '--opens all', /^--opens must be a whole number, 1 or more, not "all"\.$/],
  [coldStart, '--starts', /^--starts needs a value\.$/],
] as const) {
  test(`refused: ${part.name} ${args}`, async () => {
    await part.run(args.split(' ')).then(
      () => assert.unreachable(),
      (error) => {
        assert.instance(error, UsageError);
        assert.match(error.message, sentence);
      },
    );
  });
}

test('a server that is not there is one sentence, without its address', async () => {
  const { code, stderr } = await bench(['scaling'], { MONGODB_URI: 'mongodb://user:secret@127.0.0.1:1/' });
  assert.is(code, 1);
  assert.match(stderr, /^bench: MONGODB_URI cannot be used: no server answers there[^\n]+\n$/);
  assert.not.match(stderr, /secret|127\.0\.0\.1/);
});

for (const part of [scaling, memory, coldStart]) {
  test(`${part.name} says what it does`, () => {
    assert.ok(part.help.startsWith(`Usage: npm run bench -- ${part.name} [options]\n`));
    assert.match(part.help, /--json <file>/);
    assert.ok(part.help.split('\n').every((line) => line.length <= 130));
  });
}

test('stored conversations are left out on the embedded server unless numbers are given', async () => {
  const { code, stdout } = await bench(['scaling', '--only', 'stored']);
  assert.is(code, 0);
  assert.match(stdout, /stored: skipped: needs a real server \(MONGODB_URI\)/);
});
