import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { type CpuProfile, selfTimes } from '../../bench/cpu-profile.js';

const test = suite('bench: CPU profiles');

const frame = (functionName: string, url = '', lineNumber = 0) => ({ functionName, url, lineNumber });

/** Samples at 1,000, 2,000, … µs. */
const PROFILE: CpuProfile = {
  nodes: [
    { id: 1, callFrame: frame('(root)') },
    { id: 2, callFrame: frame('(idle)') },
    { id: 3, callFrame: frame('(garbage collector)') },
    { id: 4, callFrame: frame('open', 'file:///home/x/dist/src/sessions/open-session.js', 41) },
    { id: 5, callFrame: frame('', 'file:///home/x/dist/src/sessions/open-session.js', 9) },
    { id: 6, callFrame: frame('serialize', 'file:///home/x/node_modules/bson/lib/bson.cjs', 1) },
    { id: 7, callFrame: frame('b', 'file:///x/node_modules/@a/b/node_modules/@c/d/e.js', 0) },
    { id: 8, callFrame: frame('emit', 'node:events', 5) },
    // The same function, called by another one.
    { id: 9, callFrame: frame('open', 'file:///home/x/dist/src/sessions/open-session.js', 41) },
  ],
  startTime: 0,
  samples: [4, 4, 5, 2, 3, 6, 7, 8, 9, 1],
  timeDeltas: Array.from({ length: 10 }, () => 1_000),
};

test('time is the function’s in which the sample was taken, up to the next one', () => {
  const { busyMs, idleMs, functions } = selfTimes(PROFILE);
  assert.equal({ busyMs, idleMs }, { busyMs: 8, idleMs: 1 });
  assert.equal(functions[0], { name: 'open src/sessions/open-session.js:42', ms: 3 });
  assert.equal(
    functions
      .slice(1, -1)
      .map(({ name, ms }) => `${name} ${ms}`)
      .sort(),
    [
      '(anonymous) src/sessions/open-session.js:10 1',
      '(garbage collector) 1',
      'b node_modules/@a/b/node_modules/@c/d/e.js:1 1',
      'emit node:events:6 1',
      'serialize node_modules/bson/lib/bson.cjs:2 1',
    ],
  );
});

test('files of the project, packages, modules of node', () => {
  const { places } = selfTimes(PROFILE);
  assert.equal(places[0], { name: 'src/sessions/open-session.js', ms: 4 });
  assert.equal(
    places
      .filter(({ ms }) => ms === 1)
      .map(({ name }) => name)
      .sort(),
    ['(garbage collector)', '@c/d', 'bson', 'node:events'],
  );
});

test('only what was in the time that is asked for', () => {
  const { busyMs, functions } = selfTimes(PROFILE, 2_000, 3_000);
  assert.is(busyMs, 2);
  assert.equal(functions, [
    { name: 'open src/sessions/open-session.js:42', ms: 1 },
    { name: '(anonymous) src/sessions/open-session.js:10', ms: 1 },
  ]);
});
