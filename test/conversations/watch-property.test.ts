import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../harness/suite.js';
import { briefly, createWorld } from './watch-world.js';

const test = suite('WatchConversations, whatever happens');

/** How far the clocks of writers are off, in ms. */
const SKEW_MS = 4_000;

const KINDS = ['refreshed', 'updated', 'ended'] as const;

/** What may happen next: time goes by, somebody opens or changes a conversation, the reader takes answers or reconnects. */
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ time: fc.integer({ min: 0, max: 6_000 }) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      conversation: fc.nat({ max: 9 }),
      kind: fc.constantFrom(...KINDS, ...KINDS.slice(0, 2)),
      skew: fc.integer({ min: -SKEW_MS, max: SKEW_MS }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ answers: fc.integer({ min: 1, max: 3 }) }) },
);
const reconnect = fc.record({ reconnect: fc.constant(true) });

/** At most 30 steps: of more changes at once, some are left out. */
const MAX_STEPS = 30;

/** Runs the steps: what was written, and what each watch got of it. */
async function run(steps: readonly object[]) {
  const world = createWorld();
  const written = new Set<string>();
  const watches: string[][] = [];
  let token = '';
  let { answers } = world.watch();

  const take = async (): Promise<number> => {
    const { value } = await answers.next();
    if (!value) throw new Error('the watch is over');
    watches.at(-1)?.push(...briefly(value));
    token = value.resumeToken;
    return value.events.length;
  };
  const connect = async () => {
    await answers.return();
    answers = world.watch(token).answers;
    watches.push([]);
    await take();
  };
  const write = (n: number, kind: (typeof KINDS)[number], skew: number) => {
    if (!world.rows.has(world.id(n))) {
      world.open(n, skew);
      written.add(`${n}.1 opened`);
      return;
    }
    const revision = world.change(n, kind, skew);
    if (revision !== undefined) written.add(`${n}.${revision} ${kind}`);
  };

  // Whatever is there before is not the watch's.
  for (const n of [1, 2, 3]) world.open(n, SKEW_MS - 3_000 * n);
  await connect();
  for (const one of steps) {
    if ('time' in one && typeof one.time === 'number') world.clock.now += one.time;
    if ('conversation' in one) {
      const { conversation, kind, skew } = one as {
        conversation: number;
        kind: (typeof KINDS)[number];
        skew: number;
      };
      write(conversation, kind, skew);
    }
    if ('answers' in one && typeof one.answers === 'number') {
      for (let i = 0; i < one.answers; i++) await take();
    }
    if ('reconnect' in one) await connect();
  }
  // One without events may have been due for its time; after a second one nothing is left.
  for (let quiet = 0; quiet < 2; ) quiet = (await take()) > 0 ? 0 : quiet + 1;
  await answers.return();
  return { written, watches };
}

/** Of each conversation, a watch that sends nothing twice has its revisions in their order. */
function assertInOrder(events: readonly string[]): void {
  const last = new Map<string, number>();
  for (const event of events) {
    const [conversation = '', revision = ''] = event.split(/[. ]/);
    assert.ok(Number(revision) > (last.get(conversation) ?? 0), `${event} came late, or again: ${events}`);
    last.set(conversation, Number(revision));
  }
}

test('clocks that differ: nothing lost, nothing twice, each conversation in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: MAX_STEPS }), async (steps) => {
      const { written, watches } = await run(steps);
      const [events = []] = watches;
      assert.equal([...written].sort(), [...events].sort());
      assertInOrder(events);
    }),
    { numRuns: 500 },
  );
});

test('readers that go away and come back with their tokens: nothing lost, and nothing twice for any of them', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof({ weight: 8, arbitrary: step }, reconnect), { maxLength: MAX_STEPS }),
      async (steps) => {
        const { written, watches } = await run(steps);
        const events = new Set(watches.flat());
        assert.equal(
          [...written].filter((event) => !events.has(event)),
          [],
        );
        for (const watch of watches) assertInOrder(watch);
      },
    ),
    { numRuns: 500 },
  );
});
