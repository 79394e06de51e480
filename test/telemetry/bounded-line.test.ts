import { mock } from 'node:test';
import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { boundedLine } from '../../src/telemetry/bounded-line.js';
import { createLog } from '../../src/telemetry/log.js';

const test = suite('bounded line');
test.before.each(() => mock.timers.enable({ apis: ['setTimeout'] }));
test.after.each(() => mock.timers.reset());

function rig(level: 'info' | 'debug') {
  const lines: Record<string, unknown>[] = [];
  const clock = { ms: 5_300 };
  const log = createLog(level, { write: (line) => lines.push(JSON.parse(line)) });
  const write = boundedLine({
    log,
    level: 'info',
    message: 'refused',
    elapsed: () => clock.ms,
    perSecond: 2,
  });
  return {
    lines,
    write,
    pass(ms: number) {
      clock.ms += ms;
      mock.timers.tick(ms);
    },
  };
}

test('writes so many lines in a second, and how many more there were when it is over', () => {
  const { lines, write, pass } = rig('info');
  for (let n = 1; n <= 5; n++) write(() => ({ n }));
  assert.equal(
    lines.map(({ n }) => n),
    [1, 2],
  );
  pass(1_000);
  assert.equal(
    lines.slice(2).map(({ msg, unlogged }) => [msg, unlogged]),
    [['refused', 3]],
  );
  write(() => ({ n: 6 }));
  assert.is(lines[3]?.['n'], 6);
  pass(5_000);
  assert.is(lines.length, 4);
});

test('what is not written is not put together either', () => {
  const { write } = rig('info');
  let made = 0;
  for (let n = 1; n <= 5; n++) write(() => ({ n: ++made }));
  assert.is(made, 2);
});

test('at the level debug everything is written', () => {
  const { lines, write, pass } = rig('debug');
  for (let n = 1; n <= 5; n++) write(() => ({ n }));
  pass(1_000);
  assert.is(lines.length, 5);
});
