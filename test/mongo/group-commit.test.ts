import { mock } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { suite } from '@chatsessions/test-harness';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { createGroup, type GroupDeps } from '../../src/mongo/group-commit.js';
import { CallController, type CallEnd, type CallSignal } from '../../src/rpc/call-signal.js';
import { ServiceError } from '../../src/rpc/errors.js';

const test = suite('group commit');

/** One batch under way: the test decides how it ends. */
interface Write {
  readonly items: readonly number[];
  readonly settle: (failed?: ReadonlyMap<number, unknown>) => void;
  readonly fail: (error: unknown) => void;
}

/** What became of an item. */
type Outcome = 'waiting' | 'written' | { readonly failed: unknown };

/** The signal of a call whose time was over before it began. */
const LATE = ended('deadline');

function ended(reason: CallEnd): CallSignal {
  const controller = new CallController();
  const { signal } = controller;
  const abort = controller.abort.bind(controller);
  abort(reason);
  return signal;
}

function rig(limits: Omit<Partial<GroupDeps<number, undefined>>, 'run'> = {}) {
  const writes: Write[] = [];
  const answers = new Map<number, Outcome[]>();
  const commit = createGroup<number, undefined>({
    elapsed: () => 1_000,
    ...limits,
    run: (items) =>
      new Promise((resolve, fail) => {
        writes.push({
          items,
          settle: (failed = new Map()) =>
            resolve(items.map((_, i) => (failed.has(i) ? { error: failed.get(i) } : { answer: undefined }))),
          fail,
        });
      }),
  });
  return {
    writes,
    sent: () => writes.map((write) => write.items),
    put(item: number, signal?: CallSignal): void {
      const outcomes: Outcome[] = [];
      answers.set(item, outcomes);
      commit(item, signal).then(
        () => outcomes.push('written'),
        (failed: unknown) => outcomes.push({ failed }),
      );
    },
    /** The one answer of an item. */
    outcome(item: number): Outcome {
      const [first = 'waiting', ...others] = answers.get(item) ?? [];
      assert.equal(others, [], `item ${item} was answered more than once`);
      return first;
    },
  };
}

/** Long enough for everything that waits for nothing but the event loop. */
async function idle(): Promise<void> {
  for (let i = 0; i < 5; i++) await turn();
}

function codeOf(outcome: Outcome): string {
  if (typeof outcome === 'string') return outcome;
  return outcome.failed instanceof ServiceError ? outcome.failed.code : 'another error';
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

test('a lone item leaves at once, and is answered when its write is', async () => {
  const { put, sent, writes, outcome } = rig();
  put(1);
  await idle();
  assert.equal(sent(), [[1]]);
  assert.is(outcome(1), 'waiting');
  writes[0]?.settle();
  await idle();
  assert.is(outcome(1), 'written');
});

test('items of one turn of the event loop leave together, in their order', async () => {
  const { put, sent } = rig();
  for (const item of [3, 1, 2]) put(item);
  await idle();
  assert.equal(sent(), [[3, 1, 2]]);
});

test('items that arrive while writes are under way leave together', async () => {
  const { put, sent, writes } = rig({ maxInFlight: 1 });
  put(1);
  await idle();
  for (const item of [2, 3, 4]) {
    put(item);
    await idle();
  }
  assert.equal(sent(), [[1]]);
  writes[0]?.settle();
  await idle();
  assert.equal(sent(), [[1], [2, 3, 4]]);
});

test('at most maxBatch leave together; the others follow in order', async () => {
  const { put, sent } = rig({ maxBatch: 3, maxInFlight: 3 });
  for (const item of range(1, 7)) put(item);
  await idle();
  assert.equal(sent(), [[1, 2, 3], [4, 5, 6], [7]]);
});

test('by default: at most 200 in a batch, two batches under way', async () => {
  const { put, sent, writes } = rig();
  for (const item of range(1, 700)) put(item);
  await idle();
  assert.equal(sent(), [range(1, 200), range(201, 400)]);
  writes[1]?.settle();
  await idle();
  assert.equal(sent().slice(2), [range(401, 600)]);
});

test('at most maxInFlight batches are under way', async () => {
  const { put, sent, writes } = rig({ maxBatch: 1, maxInFlight: 2 });
  for (const item of [1, 2, 3, 4]) put(item);
  await idle();
  assert.equal(sent(), [[1], [2]]);
  writes[0]?.settle();
  await idle();
  assert.equal(sent(), [[1], [2], [3]]);
  writes[1]?.fail(new Error('gone'));
  await idle();
  assert.equal(sent(), [[1], [2], [3], [4]]);
});

test('a batch that ends first is answered first', async () => {
  const { put, outcome, writes } = rig({ maxBatch: 1 });
  put(1);
  put(2);
  await idle();
  writes[1]?.settle();
  await idle();
  assert.equal([outcome(1), outcome(2)], ['waiting', 'written']);
});

test('an item that failed fails only itself, with its own error', async () => {
  const { put, outcome, writes } = rig();
  const error = new Error('duplicate');
  for (const item of [1, 2, 3]) put(item);
  await idle();
  writes[0]?.settle(new Map([[1, error]]));
  await idle();
  assert.is(outcome(1), 'written');
  assert.equal(outcome(2), { failed: error });
  assert.is(outcome(3), 'written');
});

test('a batch that failed fails all of its items, and no other', async () => {
  const { put, outcome, writes } = rig({ maxBatch: 2 });
  const error = new Error('gone');
  for (const item of [1, 2, 3]) put(item);
  await idle();
  writes[0]?.fail(error);
  writes[1]?.settle();
  await idle();
  assert.equal([outcome(1), outcome(2), outcome(3)], [{ failed: error }, { failed: error }, 'written']);
});

test('after failures the next items are written', async () => {
  const { put, outcome, writes } = rig({ maxInFlight: 1 });
  for (const item of range(1, 5)) {
    put(item);
    await idle();
    writes.at(-1)?.fail(new Error('gone'));
    await idle();
    assert.is(codeOf(outcome(item)), 'another error');
  }
  put(6);
  await idle();
  writes.at(-1)?.settle();
  await idle();
  assert.is(outcome(6), 'written');
});

for (const [reason, code] of [
  ['deadline', 'deadline_exceeded'],
  ['caller_gone', 'canceled'],
] as const) {
  test(`an item whose call ended while it waited (${reason}) is never sent`, async () => {
    const { put, outcome, sent, writes } = rig({ maxInFlight: 1 });
    const calls = [new CallController(), new CallController()] as const;
    put(1, calls[0].signal);
    await idle();
    put(2, calls[1].signal);
    put(3, new CallController().signal);
    put(4);
    for (const call of calls) call.abort(reason);
    writes[0]?.settle();
    await idle();
    assert.equal(sent(), [[1], [3, 4]]);
    assert.is(codeOf(outcome(2)), code);
    assert.is(outcome(1), 'written');
  });
}

test('items that are too late take no place in a batch', async () => {
  const { put, sent } = rig({ maxBatch: 2 });
  for (const item of [1, 2, 3]) put(item, LATE);
  for (const item of [4, 5]) put(item);
  await idle();
  assert.equal(sent(), [[4, 5]]);
});

test('when all are too late nothing is sent, and the next item is', async () => {
  const { put, outcome, sent } = rig({ maxInFlight: 1 });
  put(1, LATE);
  put(2, LATE);
  await idle();
  assert.equal(sent(), []);
  assert.equal([codeOf(outcome(1)), codeOf(outcome(2))], ['deadline_exceeded', 'deadline_exceeded']);
  put(3);
  await idle();
  assert.equal(sent(), [[3]]);
});

test('an item that was sent before its call ended is written', async () => {
  const { put, outcome, writes } = rig();
  const controller = new CallController();
  const { signal } = controller;
  const abort = controller.abort.bind(controller);
  put(1, signal);
  await idle();
  abort('deadline');
  writes[0]?.settle();
  await idle();
  assert.is(outcome(1), 'written');
});

test('more than maxWaiting are refused, until there is room again', async () => {
  const { put, outcome, sent, writes } = rig({ maxInFlight: 1, maxWaiting: 2 });
  put(1);
  await idle();
  for (const item of [2, 3, 4]) put(item);
  await idle();
  assert.is(codeOf(outcome(4)), 'unavailable');
  assert.equal([outcome(2), outcome(3)], ['waiting', 'waiting']);
  writes[0]?.settle();
  await idle();
  put(5);
  await idle();
  assert.is(outcome(5), 'waiting');
  writes[1]?.settle();
  await idle();
  assert.equal(sent(), [[1], [2, 3], [5]]);
});

test('a refusal says when to try again', async () => {
  const { put, outcome } = rig({ maxWaiting: 0 });
  put(1);
  await idle();
  const refused = outcome(1);
  assert.ok(typeof refused === 'object' && refused.failed instanceof ServiceError);
  assert.ok((refused.failed.details.retryAfterSeconds ?? 0) >= 1);
});

/** A group of reads: what each item is answered depends on the item. */
function readRig(answer: (item: number) => { answer: string | undefined } | { error: unknown }) {
  const batches: number[][] = [];
  const read = createGroup<number, string | undefined>({
    elapsed: () => 1_000,
    maxBatch: 3,
    run: async (items) => {
      batches.push([...items]);
      await turn();
      return items.map(answer);
    },
  });
  return { read: (item: number) => read(item), batches };
}

test('reads: each item gets its own answer, whichever batch it left in', async () => {
  const { read, batches } = readRig((item) => ({ answer: `row ${item}` }));
  const items = range(1, 10);
  assert.equal(
    await Promise.all(items.map(read)),
    items.map((item) => `row ${item}`),
  );
  assert.equal(batches, [[1, 2, 3], [4, 5, 6], [7, 8, 9], [10]]);
});

test('reads: an answer that is undefined is an answer', async () => {
  const { read } = readRig((item) => ({ answer: item === 2 ? undefined : 'row' }));
  assert.equal(await Promise.all([read(1), read(2), read(3)]), ['row', undefined, 'row']);
});

test('reads: the same item twice is answered twice', async () => {
  let count = 0;
  const { read, batches } = readRig(() => ({ answer: `answer ${++count}` }));
  assert.equal(await Promise.all([read(7), read(7)]), ['answer 1', 'answer 2']);
  assert.equal(batches, [[7, 7]]);
});

test('reads: an item that failed fails alone', async () => {
  const error = new Error('one');
  const { read } = readRig((item) => (item === 2 ? { error } : { answer: 'row' }));
  const [first, second, third] = await Promise.allSettled([read(1), read(2), read(3)]);
  assert.equal(first, { status: 'fulfilled', value: 'row' });
  assert.equal(second, { status: 'rejected', reason: error });
  assert.equal(third, { status: 'fulfilled', value: 'row' });
});

test('reads: an item without an outcome fails, and does not hang', async () => {
  const read = createGroup<number, string>({ elapsed: () => 1_000, run: async () => [{ answer: 'first' }] });
  const [first, second] = await Promise.allSettled([read(1), read(2)]);
  assert.equal(first, { status: 'fulfilled', value: 'first' });
  assert.is(second.status, 'rejected');
});

test('reads: a batch that throws before it waits fails its items', async () => {
  const read = createGroup<number, string>({
    elapsed: () => 1_000,
    run: () => {
      throw new Error('at once');
    },
  });
  const results = await Promise.allSettled([read(1), read(2)]);
  assert.ok(results.every(({ status }) => status === 'rejected'));
});

type Step =
  | { readonly kind: 'put'; readonly late: boolean }
  | { readonly kind: 'turn' }
  | { readonly kind: 'end'; readonly which: number; readonly how: 'written' | 'one fails' | 'all fail' };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('put'), late: fc.nat(9).map((n) => n === 0) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('turn') }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('end'),
      which: fc.nat(3),
      how: fc.constantFrom('written', 'one fails', 'all fail'),
    }),
  },
);

test('in any interleaving each item is answered once, and sent at most once', async () => {
  const limits = fc.record({
    maxBatch: fc.integer({ min: 1, max: 4 }),
    maxInFlight: fc.integer({ min: 1, max: 3 }),
    maxWaiting: fc.integer({ min: 1, max: 8 }),
  });
  await fc.assert(
    fc.asyncProperty(limits, fc.array(anyStep, { maxLength: 40 }), async (given, steps) => {
      const { put, outcome, sent, writes } = rig(given);
      const expected = new Map<number, 'written' | 'another error'>();
      const underWay: Write[] = [];
      let seen = 0;
      let items = 0;

      const end = (which: number, how: 'written' | 'one fails' | 'all fail'): void => {
        for (const write of writes.slice(seen)) underWay.push(write);
        seen = writes.length;
        const [write] = underWay.splice(which % Math.max(underWay.length, 1), 1);
        if (!write) return;
        for (const [index, item] of write.items.entries()) {
          const fails = how === 'all fail' || (how === 'one fails' && index === 0);
          expected.set(item, fails ? 'another error' : 'written');
        }
        if (how === 'all fail') write.fail(new Error('gone'));
        else write.settle(how === 'one fails' ? new Map([[0, new Error('one')]]) : undefined);
      };

      for (const step of steps) {
        if (step.kind === 'put') put(items++, step.late ? LATE : undefined);
        else if (step.kind === 'turn') await idle();
        else end(step.which, step.how);
        for (const batch of sent()) assert.ok(batch.length >= 1 && batch.length <= given.maxBatch);
      }
      // Every write ends in the end; whatever waits must leave by then.
      await idle();
      for (let left = items + 1; left > 0; left--) {
        assert.ok(writes.length - seen + underWay.length <= given.maxInFlight);
        end(0, 'written');
        await idle();
      }
      const order = sent().flat();
      assert.equal(
        order,
        [...new Set(order)].sort((a, b) => a - b),
        'sent twice, or out of order',
      );
      for (let item = 0; item < items; item++) {
        const code = codeOf(outcome(item));
        const wanted = expected.get(item);
        if (wanted === undefined) assert.ok(['deadline_exceeded', 'unavailable'].includes(code), code);
        else assert.is(code, wanted);
      }
    }),
    { numRuns: 200 },
  );
});

const expiring = suite('group commit: items without an answer');

/** Time under the test's control, timers too. */
function expiringRig(limits: Pick<GroupDeps<number, undefined>, 'maxInFlight'> = {}) {
  mock.timers.enable({ apis: ['setTimeout'] });
  let time = 1_000;
  const { put, ...rest } = rig({ ...limits, maxPendingMs: 4_000, elapsed: () => time });
  return {
    ...rest,
    put,
    async pass(ms: number): Promise<void> {
      time += ms;
      mock.timers.tick(ms);
      await idle();
    },
  };
}
expiring.after.each(() => mock.timers.reset());

expiring('are told so in time, each in its own: those that were sent, and those that wait', async () => {
  const { put, outcome, pass, sent } = expiringRig({ maxInFlight: 1 });
  put(1);
  await idle();
  await pass(1_000);
  put(2);
  await pass(2_999);
  assert.equal([outcome(1), outcome(2)], ['waiting', 'waiting']);
  await pass(1);
  assert.equal([codeOf(outcome(1)), outcome(2)], ['unavailable', 'waiting']);
  await pass(1_000);
  assert.is(codeOf(outcome(2)), 'unavailable');
  assert.equal(sent(), [[1]]);
});

expiring('are answered once, whatever becomes of them later, and are not sent any more', async () => {
  const { put, outcome, pass, sent, writes } = expiringRig({ maxInFlight: 1 });
  put(1);
  await idle();
  put(2);
  await pass(4_000);
  put(3);
  writes[0]?.settle();
  await idle();
  assert.equal([codeOf(outcome(1)), codeOf(outcome(2))], ['unavailable', 'unavailable']);
  assert.equal(sent(), [[1], [3]]);
  writes[1]?.settle();
  await idle();
  assert.is(outcome(3), 'written');
});

expiring('an item that came when all others had their answer has its whole time', async () => {
  const { put, outcome, pass, writes } = expiringRig();
  put(1);
  await idle();
  writes[0]?.settle();
  await idle();
  await pass(3_000);
  put(2);
  await pass(3_999);
  assert.is(outcome(2), 'waiting');
  await pass(1);
  assert.is(codeOf(outcome(2)), 'unavailable');
});
