import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { progressBar } from '../../src/cli/terminal/progress.js';
import { painter, visible } from '../../src/cli/terminal/style.js';
import { table } from '../../src/cli/terminal/table.js';

const test = suite('what commands print');

test('a table: columns as wide as their widest cell, a dash for nothing, wide characters counted as two', () => {
  assert.is(
    table(
      ['NAME', 'LABEL'],
      [
        ['web', '📦 a'],
        ['shop', ''],
        ['漢字', 'b'],
      ],
    ),
    ['NAME  LABEL', 'web   📦 a', 'shop  -', '漢字  b'].join('\n'),
  );
  assert.is(table(['NAME'], []), 'NAME');
});

test('control characters and marks of direction are escaped', () => {
  assert.is(visible('a\u001b[31mb\n\u202ec\u009b'), 'a\\u001b[31mb\\u000a\\u202ec\\u009b');
  assert.is(visible('Größe 漢字 📦'), 'Größe 漢字 📦');
  assert.not.match(table(['A'], [['\u001b[2J']]), '\u001b');
});

const PAINTS: readonly (readonly [env: Record<string, string>, isTerminal: boolean, isPainted: boolean])[] = [
  [{}, true, true],
  [{}, false, false],
  [{ NO_COLOR: '1' }, true, false],
  [{ NO_COLOR: '' }, true, true],
  [{ TERM: 'dumb' }, true, false],
];
for (const [env, isTerminal, isPainted] of PAINTS) {
  test(`colours on ${isTerminal ? 'a terminal' : 'a pipe'} with ${JSON.stringify(env)}: ${isPainted}`, () => {
    assert.is(painter({ env, isTerminal })('red', 'x'), isPainted ? '\u001b[31mx\u001b[0m' : 'x');
  });
}

test('a progress bar: redrawn ten times a second at most, and at its end', () => {
  let time = 0;
  const drawn: string[] = [];
  const terminal = { showsProgress: true, writeError: (text: string) => void drawn.push(text) };
  const bar = progressBar(terminal, { label: 'Applying', total: 200, now: () => time });
  for (let done = 1; done <= 200; done++) {
    time += 10;
    bar.show(done);
  }
  bar.clear();
  assert.is(drawn.length, 22);
  assert.is(drawn[10], `\r\u001b[KApplying [${'='.repeat(12)}${' '.repeat(12)}] 101/200  100/s, 1 s left`);
  assert.match(drawn[20] ?? '', /\] 200\/200 /);
  assert.is(drawn[21], '\r\u001b[K');
});

test('no progress where there is no terminal', () => {
  const drawn: string[] = [];
  const terminal = { showsProgress: false, writeError: (text: string) => void drawn.push(text) };
  const bar = progressBar(terminal, { label: 'Applying', total: 1, now: () => 0 });
  bar.show(1);
  bar.clear();
  assert.equal(drawn, []);
});
