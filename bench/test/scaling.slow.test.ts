import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { bench } from './command.js';

const test = suite('bench: a curve');

test(
  'a quick run keeps its figures',
  async () => {
    const file = join(await tempDir(), 'scaling.json');
    const { code, stdout } = await bench(['scaling', '--quick', '--only', 'intents', '--json', file], {
      MONGODB_URI: process.env['MONGODB_URI'] ?? '',
    });
    assert.is(code, 0, stdout);
    const { entries } = JSON.parse(await readFile(file, 'utf8'));
    assert.is(entries.length, 1);
    const [{ name, measured, points }] = entries;
    assert.is(name, 'intents');
    assert.is(measured.rounds, 1);
    assert.equal(
      points.map(({ x }: { readonly x: number }) => x),
      [0, 200],
    );
    const [few, many] = points.map(({ metrics }: { readonly metrics: object }) => metrics);
    assert.ok(few.rate.median > 0);
    assert.ok(many.answerBytes.median > 50 * few.answerBytes.median);
  },
  { timeoutMs: 60_000 },
);
