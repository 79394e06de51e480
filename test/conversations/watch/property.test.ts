import { suite } from '@chatsessions/test-harness';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { isErased } from '../../../src/conversations/erased.js';
import { createDates } from '../../../src/time/dates.js';
import { briefly, createWorld, type World } from './world.js';

const test = suite('WatchConversations, whatever happens');

/** How far the clocks of writers are off, in ms. */
const SKEW_MS = 4_000;
/** How far a clock jumps, in ms, and for how long it is wrong at most. */
const JUMP_MS = 300_000;
const WRONG_MS = 240_000;

const KINDS = ['refreshed', 'updated', 'ended', 'erased'] as const;

/** The processes: all write, and all serve watches. The first one's clock is right until it jumps. */
const SKEWS = [0, -SKEW_MS, SKEW_MS, 1_500] as const;
const anyProcess = fc.nat({ max: SKEWS.length - 1 });

/** What may happen next: time goes by, somebody opens or changes a conversation, the reader takes answers or reconnects. */
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ time: fc.integer({ min: 0, max: 6_000 }) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      conversation: fc.nat({ max: 9 }),
      kind: fc.constantFrom(...KINDS, ...KINDS.slice(0, 2)),
      by: anyProcess,
    }),
  },
  { weight: 3, arbitrary: fc.record({ answers: fc.integer({ min: 1, max: 3 }) }) },
);
const reconnect = fc.record({ reconnect: anyProcess });
/** The wall clock of a process jumps, and later back. */
const jump = fc.record({ jumps: anyProcess, wrong: fc.integer({ min: -JUMP_MS, max: JUMP_MS }) });

type Step = Partial<
  Readonly<
    Record<'time' | 'conversation' | 'by' | 'answers' | 'reconnect' | 'jumps' | 'wrong', number> & {
      kind: (typeof KINDS)[number];
    }
  >
>;

/** How many worlds each test lives through. */
const RUNS = 150;
const TIMEOUT_MS = 60_000;

/** At most 30 steps: of more changes at once, some are left out. */
const MAX_STEPS = 30;

/** A process with a wall clock of its own, which is wrong by `wrong` ms since `since`. */
function createProcess(world: World, skew: number) {
  const clock = { wrong: 0, since: 0 };
  const dates = createDates(() => world.clock.now + skew + clock.wrong, world.elapsed);
  return {
    dates,
    watch: world.createProcess({ by: dates }).watch,
    jump: (wrong: number) => Object.assign(clock, { wrong, since: world.clock.now }),
    /** Looks at its clock, as a process does every second; what was wrong for long is put right. */
    tick() {
      if (world.clock.now > clock.since + WRONG_MS) clock.wrong = 0;
      dates.latest();
    },
  };
}

/**
 * Runs the steps: what was written, and what each watch got of it. `erased` are events that their conversation took with it
 * when it was erased: a watch gets them only when it reads them before.
 */
async function run(steps: readonly Step[]) {
  const world = createWorld();
  const processes = SKEWS.map((skew) => createProcess(world, skew));
  const processOf = (index: number) => {
    const found = processes[index];
    if (!found) throw new Error('no such process');
    return found;
  };
  const tick = () => {
    for (const process of processes) process.tick();
  };
  const written = new Set<string>();
  const erased = new Set<string>();
  const watches: string[][] = [];
  let token = '';
  let answers = world.watch();

  const take = async (): Promise<number> => {
    const value = await answers.next();
    if (!value) throw new Error('the watch is over');
    watches.at(-1)?.push(...briefly(value));
    token = value.resumeToken;
    tick();
    return value.events.length;
  };
  const connect = async (index: number) => {
    await answers.hangUp();
    answers = processOf(index).watch(token);
    watches.push([]);
    await take();
  };
  const write = (n: number, kind: (typeof KINDS)[number], at: number) => {
    const skew = at - world.clock.now;
    const row = world.rows.get(world.id(n));
    if (row === undefined || isErased(row)) {
      written.add(`${n}.${world.open(n, skew)} opened`);
      return;
    }
    if (kind === 'erased') {
      for (const event of written) {
        if (!event.startsWith(`${n}.`)) continue;
        written.delete(event);
        erased.add(event);
      }
    }
    const revision = kind === 'erased' ? world.erase(n, skew) : world.change(n, kind, skew);
    if (revision !== undefined) written.add(`${n}.${revision} ${kind}`);
  };

  // Whatever is there before is not the watch's.
  for (const n of [1, 2, 3]) world.open(n, SKEW_MS - 3_000 * n);
  tick();
  await connect(0);
  for (const { time = 0, conversation, kind, by, answers: count = 0, reconnect, jumps, wrong = 0 } of steps) {
    world.clock.now += time;
    tick();
    if (jumps !== undefined) processes[jumps]?.jump(wrong);
    if (conversation !== undefined && kind && by !== undefined)
      write(conversation, kind, processOf(by).dates.latest());
    for (let i = 0; i < count; i++) await take();
    if (reconnect !== undefined) await connect(reconnect);
  }
  // One without events may have been due for its time; after a second one nothing is left.
  for (let quiet = 0; quiet < 2; ) quiet = (await take()) > 0 ? 0 : quiet + 1;
  await answers.hangUp();
  return { written, erased, watches };
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

const STEPS: readonly (readonly [name: string, steps: fc.Arbitrary<Step>])[] = [
  ['clocks that differ', step],
  ['clocks that jump by up to 300 s', fc.oneof({ weight: 6, arbitrary: step }, jump)],
];
for (const [name, steps] of STEPS) {
  const staying = async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { maxLength: MAX_STEPS }), async (taken) => {
        const { written, erased, watches } = await run(taken);
        const [events = []] = watches;
        assert.equal([...written].sort(), events.filter((event) => !erased.has(event)).sort());
        assertInOrder(events);
      }),
      { numRuns: RUNS },
    );
  };

  const comingBack = async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ weight: 8, arbitrary: steps }, reconnect), { maxLength: MAX_STEPS }),
        async (taken) => {
          const { written, watches } = await run(taken);
          const events = new Set(watches.flat());
          assert.equal(
            [...written].filter((event) => !events.has(event)),
            [],
          );
          for (const watch of watches) assertInOrder(watch);
        },
      ),
      { numRuns: RUNS },
    );
  };
  const timeout = { timeoutMs: TIMEOUT_MS };
  test(`${name}: nothing lost, nothing twice, each conversation in order`, staying, timeout);
  test(`${name}, readers that come back with their tokens: nothing lost, nothing twice`, comingBack, timeout);
}
