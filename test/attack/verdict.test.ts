import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { createTally } from './tally.js';
import { faultsOf, type Measured } from './verdict.js';

const test = suite('attack: verdict');

/** A service that held. */
const held: Measured = {
  outcome: { sent: '1 request', seen: '200', faults: [] },
  visits: {
    http: { calls: 100, refused: 0, failed: 0 },
    grpc: { calls: 50, refused: 0, failed: 0 },
    p99: 20,
    reasons: createTally(),
  },
  aloneP99: 10,
  notAlive: undefined,
  memoryBefore: 100,
  memoryMost: 150,
  memoryAfter: 120,
  logLinesPerSecond: 20,
  logBytes: 5_000,
  logErrors: 0,
  firstLogError: undefined,
  descriptorsBefore: 40,
  descriptorsAfter: 42,
};
const visits = (changed: Partial<Measured['visits']>) => ({ visits: { ...held.visits, ...changed } });

test('a service that held has no faults', () => assert.equal(faultsOf(held), []));

const BROKEN: readonly (readonly [name: string, change: Partial<Measured>, fault: RegExp])[] = [
  [
    'an expectation of the attack',
    { outcome: { sent: '', seen: '', faults: ['it was answered 500'] } },
    /^it was answered 500$/,
  ],
  ['a service that is gone', { notAlive: 'it ended with 1' }, /does not open sessions: it ended with 1/],
  [
    'a visitor that failed over HTTP',
    visits({ http: { calls: 100, refused: 0, failed: 1 } }),
    /^visitors over http: 0 refused and 1 failed of 100/,
  ],
  [
    'a visitor that was refused over gRPC',
    visits({ grpc: { calls: 50, refused: 1, failed: 0 } }),
    /^visitors over grpc: 1 refused and 0 failed of 50/,
  ],
  ['slow answers', visits({ p99: 501 }), /^good opens took 501 ms/],
  ['memory', { memoryMost: 401 }, /^memory grew by 301 MiB$/],
  ['log', { logLinesPerSecond: 101 }, /^101 lines of log in a second$/],
  ['an error in the log', { logErrors: 1, firstLogError: '{…}' }, /^1 errors in the log: \{…\}$/],
  ['descriptors', { descriptorsAfter: 51 }, /^11 descriptors did not come back$/],
];
for (const [name, change, fault] of BROKEN) {
  test(`fails for ${name}`, () => {
    const faults = faultsOf({ ...held, ...change });
    assert.is(faults.length, 1, faults.join('; '));
    assert.match(faults[0] ?? '', fault);
  });
}

test('on a busy machine, visitors may take some times as long as they do without an attack', () => {
  assert.equal(faultsOf({ ...held, ...visits({ p99: 799 }), aloneP99: 200 }), []);
  assert.is(faultsOf({ ...held, ...visits({ p99: 801 }), aloneP99: 200 }).length, 1);
});

test('what could not be measured is not judged', () => {
  const nothing = Number.NaN;
  const unknown = { memoryBefore: nothing, memoryMost: nothing, memoryAfter: nothing, logErrors: nothing };
  const more = { logLinesPerSecond: nothing, logBytes: nothing, descriptorsAfter: nothing };
  assert.equal(
    faultsOf({ ...held, ...unknown, ...more, aloneP99: nothing, ...visits({ p99: nothing }) }),
    [],
  );
});

test('a share of refusals is allowed on both ports; of failures only where it says so', () => {
  const half = { calls: 100, refused: 50, failed: 0 };
  assert.equal(faultsOf({ ...held, ...visits({ http: half, grpc: half }) }, { refused: 0.5 }), []);
  assert.is(faultsOf({ ...held, ...visits({ http: { ...half, failed: 1 } }) }, { refused: 0.5 }).length, 1);
  assert.is(faultsOf({ ...held, ...visits({ http: { ...half, refused: 51 } }) }, { refused: 0.5 }).length, 1);
});

test('the port under attack may be full, the other one must go on', () => {
  const full = { calls: 100, refused: 10, failed: 90 };
  assert.equal(faultsOf({ ...held, ...visits({ http: full }) }, { http: 1 }), []);
  assert.is(faultsOf({ ...held, ...visits({ grpc: full }) }, { http: 1 }).length, 1);
});
