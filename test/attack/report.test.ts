import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import type { Played } from './play.js';
import { ATTACKS } from './registry.js';
import { report } from './report.js';
import { createTally } from './tally.js';

const test = suite('attack: report');
const registry = suite('attack: registry');

const treated = { calls: 10, refused: 1, failed: 2 };
const played = (name: string, faults: readonly string[]): Played => ({
  ...{ name, faults, outcome: { sent: '1,234 requests', seen: '404 × 1,234', faults } },
  visits: { http: treated, grpc: treated, p99: 12.3, reasons: createTally() },
  ...{ aloneP99: 4, notAlive: undefined, memoryBefore: 80, memoryMost: 1_181.4, memoryAfter: 90.6 },
  ...{ logLinesPerSecond: Number.NaN, logBytes: 2_048, logErrors: 0, firstLogError: undefined },
  ...{ descriptorsBefore: 30, descriptorsAfter: 30 },
});

test('a row for each attack, what was sent and seen, and the counts', () => {
  assert.is(
    report([played('one', []), played('the-other', ['broken'])], 4.2),
    [
      'attack       p99 ms  refused  failed  MiB before   most  after  log/s  log KiB  verdict',
      '(no attack)       4',
      'one              12        2       4          80  1,181     91      –        2     held',
      'the-other        12        2       4          80  1,181     91      –        2   FAILED',
      '',
      '✔ one: 1,234 requests → 404 × 1,234',
      '✘ the-other: 1,234 requests → 404 × 1,234',
      '',
      '1 held, 1 failed',
      '',
    ].join('\n'),
  );
});

test('a tally lists the largest counts first, and not without end', () => {
  const tally = createTally();
  assert.is(tally.text(), 'nothing');
  for (let label = 0; label < 9; label++) tally.add(label, label + 1);
  tally.add('many', 1_500);
  assert.is(tally.text(), 'many × 1,500, 8 × 9, 7 × 8, 6 × 7, 5 × 6, 4 × 5, 4 more');
  assert.is(tally.total(), 1_545);
});

registry('each attack has a name of its own, and says what it shows', () => {
  const names = ATTACKS.map(({ name }) => name);
  assert.is(new Set(names).size, names.length);
  for (const { name, shows } of ATTACKS) {
    assert.match(name, /^[a-z0-9]+(-[a-z0-9]+)*$/);
    assert.ok(shows.length > 10, name);
  }
});

/** What starting, measuring and calming down take beside each attack, in seconds, on a busy machine. */
const BESIDE_SECONDS = 0.4;

registry('the short form is over in less than a minute, and no attack goes on for more than a minute', () => {
  const quick = ATTACKS.flatMap(({ quickSeconds }) => quickSeconds ?? []);
  const total = quick.reduce((sum, seconds) => sum + seconds + BESIDE_SECONDS, 0);
  assert.ok(total < 60, `${total} s`);
  for (const { seconds, quickSeconds = 0 } of ATTACKS) assert.ok(seconds < 60 && quickSeconds <= seconds);
});
