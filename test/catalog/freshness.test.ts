import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import {
  type ChangeLog,
  type ChangeLogStore,
  createAnnouncer,
  MAX_RECENT,
} from '../../src/catalog/change-log.js';
import { createFreshness } from '../../src/catalog/freshness.js';
import { ServiceError } from '../../src/rpc/errors.js';

const test = suite('freshness of the catalogue');

/** A change log in memory, and stored revisions. `asked` is what they are asked. */
function rig() {
  const stored: { log?: ChangeLog } = {};
  const revisions = new Map<string, number>();
  const asked: string[] = [];
  const failure: { with?: ServiceError } = {};
  const ask = async (question: string) => {
    asked.push(question);
    if (failure.with) throw failure.with;
  };
  const changeLog: ChangeLogStore = {
    async length() {
      await ask('length');
      return stored.log?.length ?? 0;
    },
    async read() {
      await ask('log');
      return stored.log;
    },
    async insert(log) {
      await ask('insert');
      if (stored.log) return false;
      stored.log = log;
      return true;
    },
    async replace(log, expectedLength) {
      await ask('replace');
      if (stored.log?.length !== expectedLength) return false;
      stored.log = log;
      return true;
    },
  };
  const store = {
    async revisions(ids: readonly string[]) {
      await ask(`revisions of ${ids.length > 3 ? ids.length : ids.join(' ')}`);
      return new Map(ids.flatMap((id) => (revisions.has(id) ? [[id, revisions.get(id) ?? 0]] : [])));
    },
  };
  /** What is asked while that happens. */
  async function questions(work: () => Promise<unknown>): Promise<string[]> {
    asked.length = 0;
    await work();
    return [...asked];
  }
  return { stored, revisions, asked, failure, changeLog, store, questions };
}

/** One process: views of the revisions that it has read, by tenant. */
function newProcess({
  changeLog,
  store,
  revisions,
}: Pick<ReturnType<typeof rig>, 'changeLog' | 'store' | 'revisions'>) {
  const seen = new Map<string, number | undefined>();
  const clock = { now: 1_000_000 };
  const counts = { forgotten: 0, cleared: 0 };
  const freshness = createFreshness({
    changeLog,
    store,
    views: {
      hasTenant: (id) => seen.has(id),
      tenants: () => [...seen.keys()],
      evict: (id) => seen.delete(id),
      evictStale(ids, current) {
        for (const id of ids) if (seen.get(id) !== current.get(id)) seen.delete(id);
      },
      forgetUnfinished: () => counts.forgotten++,
    },
    tenants: { clear: () => counts.cleared++ },
    elapsed: () => clock.now,
  });
  const use = (...ids: string[]) => {
    for (const id of ids) if (!seen.has(id)) seen.set(id, revisions.get(id));
  };
  return { freshness, seen, clock, counts, use };
}

test('however many tenants are in use, a poll is one small read', async () => {
  const shared = rig();
  const { freshness, use } = newProcess(shared);
  use(...Array.from({ length: 10_000 }, (_, n) => `t${n}`));
  await freshness.poll();
  assert.equal(await shared.questions(freshness.poll), ['length']);
});

test('a change shows in every process at its next poll, and costs only the tenant that changed', async () => {
  const shared = rig();
  shared.revisions.set('t1', 1).set('t2', 1);
  const [one, other] = [newProcess(shared), newProcess(shared)];
  for (const { use, freshness } of [one, other]) {
    use('t1', 't2');
    await freshness.poll();
  }
  await one.freshness.change('t1', async () => shared.revisions.set('t1', 2));
  assert.equal([...one.seen.keys()], ['t2'], 'at once where it was made');
  assert.equal(await shared.questions(other.freshness.poll), ['length', 'log', 'revisions of t1']);
  assert.equal([...other.seen.keys()], ['t2']);
});

test('the announcement comes before the write, and without it nothing is written', async () => {
  const shared = rig();
  const { freshness } = newProcess(shared);
  shared.failure.with = new ServiceError('unavailable', 'Later.');
  let writes = 0;
  const write = async () => writes++;
  assert.is(await freshness.change('t1', write).catch((error: unknown) => error), shared.failure.with);
  assert.is(writes, 0);
  delete shared.failure.with;
  assert.equal(await shared.questions(() => freshness.change('t1', write)), ['log', 'insert']);
  assert.is(writes, 1);
});

test('a write that fails evicts too: it may have taken effect', async () => {
  const shared = rig();
  const { freshness, seen, use } = newProcess(shared);
  use('t1');
  await freshness.change('t1', () => Promise.reject(new Error('lost'))).catch(() => {});
  assert.is(seen.size, 0);
});

test('a write that takes effect long after its announcement, by a process that is gone, shows at the next poll', async () => {
  const shared = rig();
  const { freshness, seen, clock, use } = newProcess(shared);
  await freshness.poll();
  shared.revisions.set('t1', 1);
  await createAnnouncer(shared.changeLog)('t1');
  for (let seconds = 0; seconds < 28; seconds += 2) {
    use('t1');
    await freshness.poll();
    assert.is(seen.get('t1'), 1, `not written after ${seconds} s`);
    clock.now += 2_000;
  }
  shared.revisions.set('t1', 2);
  await freshness.poll();
  assert.is(seen.size, 0);
});

test('while a write may take effect, unknown keys and unfinished loads are forgotten at each poll; then no more', async () => {
  const shared = rig();
  const { freshness, clock, counts } = newProcess(shared);
  await freshness.poll();
  await createAnnouncer(shared.changeLog)('t1');
  const before = counts.forgotten;
  await freshness.poll();
  clock.now += 29_999;
  await freshness.poll();
  assert.equal([counts.forgotten - before, counts.cleared - before], [2, 2]);
  clock.now += 1;
  await freshness.poll();
  await freshness.poll();
  assert.is(counts.forgotten - before, 3, 'the poll at the end of the time is the last one');
});

test('a process that missed more announcements than are kept checks all its tenants', async () => {
  const shared = rig();
  for (const id of ['t1', 't2', 't3']) shared.revisions.set(id, 1);
  const { freshness, seen, use } = newProcess(shared);
  use('t1', 't2', 't3');
  await freshness.poll();
  shared.revisions.set('t2', 2);
  const announce = createAnnouncer(shared.changeLog);
  await announce('t2');
  for (let n = 0; n < MAX_RECENT; n++) await announce('other');
  assert.is(shared.stored.log?.recent.length, MAX_RECENT);
  assert.equal(await shared.questions(freshness.poll), ['length', 'log', 'revisions of t1 t2 t3']);
  assert.equal([...seen.keys()], ['t1', 't3']);
});

test('exactly as many announcements as are kept are no gap', async () => {
  const shared = rig();
  const { freshness, use } = newProcess(shared);
  use('t1');
  const announce = createAnnouncer(shared.changeLog);
  await announce('t1');
  await freshness.poll();
  use('t1', 't2');
  for (let n = 0; n < MAX_RECENT; n++) await announce('t2');
  assert.equal(await shared.questions(freshness.poll), ['length', 'log', 'revisions of t1 t2']);
});

const RESETS: readonly (readonly [name: string, log: ChangeLog | undefined])[] = [
  ['a shorter one, of a restored backup', { length: 1, recent: ['t9'] }],
  ['none, in an emptied database', undefined],
];
for (const [name, log] of RESETS) {
  test(`a log that was replaced by ${name}: all tenants are checked`, async () => {
    const shared = rig();
    const { freshness, seen, use } = newProcess(shared);
    shared.stored.log = { length: 7, recent: ['t9'] };
    shared.revisions.set('t1', 5);
    use('t1');
    await freshness.poll();
    assert.is(seen.get('t1'), 5);
    shared.revisions.set('t1', 4);
    if (log) shared.stored.log = log;
    else delete shared.stored.log;
    await freshness.poll();
    assert.is(seen.size, 0);
  });
}

test('what was announced before the first poll is checked too: a view may be older', async () => {
  const shared = rig();
  shared.revisions.set('t1', 1);
  await createAnnouncer(shared.changeLog)('t1');
  const { freshness, seen, use } = newProcess(shared);
  use('t1');
  await freshness.poll();
  shared.revisions.set('t1', 2);
  await freshness.poll();
  assert.is(seen.size, 0);
});

for (const failing of ['length', 'log', 'revisions of t1']) {
  test(`a poll that fails at "${failing}" loses nothing`, async () => {
    const shared = rig();
    shared.revisions.set('t1', 1);
    const { freshness, seen, clock, use } = newProcess(shared);
    use('t1');
    await freshness.poll();
    await createAnnouncer(shared.changeLog)('t1');
    shared.revisions.set('t1', 2);
    const { asked } = shared;
    const push = asked.push.bind(asked);
    asked.push = (question) => {
      if (question === failing) throw new ServiceError('unavailable', 'Later.');
      return push(question);
    };
    assert.is(await freshness.poll().catch((error: ServiceError) => error.code), 'unavailable');
    assert.is(seen.get('t1'), 1, 'what is known is used meanwhile');
    asked.push = push;
    clock.now += 3_600_000;
    await freshness.poll();
    assert.is(seen.size, 0);
  });
}

test('without an announcement, as after a change by hand, 1,000 tenants are checked every 30 s, all in turn', async () => {
  const shared = rig();
  const { freshness, clock, use } = newProcess(shared);
  await freshness.poll();
  use(...Array.from({ length: 2_500 }, (_, n) => `t${n}`));
  const asked: (string | undefined)[] = [];
  for (let n = 0; n < 4; n++) {
    clock.now += 29_999;
    assert.equal(await shared.questions(freshness.poll), ['length']);
    clock.now += 1;
    asked.push((await shared.questions(freshness.poll))[1]);
  }
  assert.equal(
    asked,
    ['1000', '1000', '500', '1000'].map((n) => `revisions of ${n}`),
  );
});

test('polls at the same time share one', async () => {
  const shared = rig();
  const { freshness } = newProcess(shared);
  await freshness.poll();
  assert.equal(await shared.questions(() => Promise.all([freshness.poll(), freshness.poll()])), ['length']);
});

test('announcements of one process at the same time share writes, and all are in the log', async () => {
  const shared = rig();
  const announce = createAnnouncer(shared.changeLog);
  const ids = Array.from({ length: 100 }, (_, n) => `t${n}`);
  assert.equal(await shared.questions(() => Promise.all(ids.map(announce))), [
    'log',
    'insert',
    'log',
    'replace',
  ]);
  assert.equal(shared.stored.log, { length: 100, recent: ids });
});

test('announcements of several processes at the same time are all in the log', async () => {
  const shared = rig();
  const ids = Array.from({ length: 8 }, (_, n) => `t${n}`);
  await Promise.all(ids.map((id) => createAnnouncer(shared.changeLog)(id)));
  assert.is(shared.stored.log?.length, 8);
  assert.equal([...(shared.stored.log?.recent ?? [])].sort(), ids);
});

test('an announcement that fails fails only those who wait for it', async () => {
  const shared = rig();
  const announce = createAnnouncer(shared.changeLog);
  shared.failure.with = new ServiceError('unavailable', 'Later.');
  const first = announce('t1').catch(() => {
    delete shared.failure.with;
    return 'failed';
  });
  const second = announce('t2').then(() => 'done');
  assert.equal(await Promise.all([first, second]), ['failed', 'done']);
  assert.equal(shared.stored.log, { length: 1, recent: ['t2'] });
});
