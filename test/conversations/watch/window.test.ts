import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { createWatchWindow, OVERLAP_MS } from '../../../src/conversations/watch/window.js';
import { newConversation } from '../../contract/rows.js';

const test = suite('watch window');

const START = 1_800_000_000_000;
/** The start of a pass, by a clock that is right. */
const at = (passed: number) => ({ earliest: START + passed, latest: START + passed });
const row = (updatedAt: number, revision = 1, id = 'c') => ({ id, revision, updatedAt });

/** Each pass begins so much after START and reads these rows, by their time after START; all of them are sent. */
const PLACES: readonly (readonly [
  name: string,
  passes: readonly (readonly [begin: number, rows: readonly number[], isAtEnd?: boolean])[],
  from: number,
  floor: number,
])[] = [
  ['nothing is read yet', [], 0, 0],
  ['the first pass is inside of the overlap', [[5_000, [], true]], 0, 0],
  ['a pass that read all', [[60_000, [10_000, 55_000], true]], 50_000, 50_000],
  ['a pass that did not come to the end', [[60_000, [10_000, 75_000], false]], 50_000, 0],
  ['in a backlog: no further than what was sent', [[60_000, [10_000]]], 10_000, 0],
  ['in a backlog, inside of the overlap', [[60_000, [10_000, 59_000]]], 50_000, 0],
  ['in a pass with nothing in it', [[60_000, []]], 0, 0],
  [
    'after a backlog, in the next pass',
    [
      [60_000, [10_000], true],
      [61_000, [50_500]],
    ],
    50_500,
    50_000,
  ],
  [
    'the clock was set back',
    [
      [60_000, [], true],
      [30_000, [55_000], true],
    ],
    50_000,
    50_000,
  ],
];
for (const [name, passes, from, floor] of PLACES) {
  test(`place: ${name}`, () => {
    const window = createWatchWindow({ from: START, floor: START });
    for (const [begin, rows, isAtEnd] of passes) {
      window.begin(at(begin), true);
      for (const time of rows) window.markSent(row(START + time));
      if (isAtEnd !== undefined) window.end(isAtEnd);
    }
    assert.equal(window.place(), { from: START + from, floor: START + floor });
  });
}

test('a conversation that was loaded as a later one does not move the place', () => {
  const window = createWatchWindow({ from: START, floor: START });
  window.begin(at(60_000), true);
  window.markSent(row(START + 1_000, 1), { revision: 2, updatedAt: START + 60_000 });
  assert.is(window.place().from, START + 1_000);
  assert.ok(window.isSent(row(START + 60_000, 2)));
  assert.not.ok(window.isSent(row(START + 60_001, 3)));
});

test('of one that is known, what came after; of any other, what happened since the floor', () => {
  const changes = [2, 3, 4].map((revision) => ({ kind: 'updated' as const, revision, at: START + revision }));
  const conversation = newConversation({
    id: 'c',
    createdAt: START + 1,
    revision: 5,
    endedAt: START + 5,
    changes,
  });
  const revisions = (floor: number, known?: number) => {
    const window = createWatchWindow({ from: START + 100, floor: START + floor });
    if (known !== undefined) window.markSent(row(START + 101, known));
    return window.unsentEvents(conversation).map(({ revision }) => revision);
  };
  assert.equal(revisions(0), [1, 2, 3, 4, 5]);
  assert.equal(revisions(3), [3, 4, 5]);
  assert.equal(revisions(9), []);
  assert.equal(revisions(9, 3), [4, 5]);
  assert.equal(revisions(0, 5), []);
});

test('it remembers the conversations of the overlap and no others, whatever there is to catch up with', () => {
  const window = createWatchWindow({ from: START, floor: START });
  const PASS_MS = 500;
  for (let begin = 100_000; begin < 200_000; begin += PASS_MS) {
    window.begin(at(begin), true);
    // At first a backlog of 100 s; one conversation a ms, each with an id of its own.
    for (let time = begin === 100_000 ? 0 : begin - PASS_MS; time < begin; time++) {
      window.markSent(row(START + time, 1, String(time)));
    }
    window.end(true);
    assert.is(window.size(), OVERLAP_MS);
  }
});
