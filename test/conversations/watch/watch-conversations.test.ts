import { mock } from 'node:test';
import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { encodeResponse } from '../../../src/conversations/watch/response.js';
import { WatchConversationsResponse } from '../../../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import { ConversationEvent_Kind } from '../../../src/gen/ts-proto/chatsessions/v1/conversation.js';
import { ServiceError } from '../../../src/rpc/errors.js';
import { pause } from '../../../src/time/pause.js';
import { refusal } from '../../harness/refusal.js';
import { briefly, createWorld, OTHER_TENANT_ID, START, type World } from './world.js';

const test = suite('WatchConversations');

type Answers = ReturnType<World['watch']>;

async function next(answers: Answers): Promise<WatchConversationsResponse> {
  const answer = await answers.next();
  if (answer === undefined) throw new Error('the watch is over');
  return answer;
}

/** The token of a watch that has begun, and ended. */
async function newToken(world: World): Promise<string> {
  const answers = world.watch();
  const { resumeToken } = await next(answers);
  await answers.hangUp();
  return resumeToken;
}

/** A watch that goes on from a token, behind its first answer: it has no events. */
async function resumed(world: World, token: string): Promise<Answers> {
  const answers = world.watch(token);
  assert.equal((await next(answers)).events, []);
  return answers;
}

/** All events until the next answer without any. */
async function untilQuiet(answers: Answers): Promise<string[]> {
  const events: string[] = [];
  for (;;) {
    const answer = await next(answers);
    if (answer.events.length === 0) return events;
    events.push(...briefly(answer));
  }
}

test('an answer without events comes at once, with a token; then what happens, in order', async () => {
  const world = createWorld();
  world.open(1);
  const answers = world.watch();
  const first = await next(answers);
  assert.equal([first.events, first.resumeToken !== ''], [[], true]);

  world.open(2);
  world.change(2, 'refreshed');
  world.change(1, 'updated');
  world.change(2, 'ended');
  assert.equal(briefly(await next(answers)).sort(), [
    '1.2 updated',
    '2.1 opened',
    '2.2 refreshed',
    '2.3 ended',
  ]);
  world.change(1, 'ended');
  assert.equal(briefly(await next(answers)), ['1.3 ended']);
});

test('an event says when it happened, and has its conversation as it is by now', async () => {
  const world = createWorld();
  const answers = world.watch();
  await next(answers);
  world.open(1);
  world.clock.now += 1_234;
  world.change(1, 'updated');
  const { events } = await next(answers);
  assert.equal(
    events.map(({ happenedAt, conversation }) => [happenedAt, conversation?.revision]),
    [
      [{ seconds: START / 1000, nanos: 0 }, 2],
      [{ seconds: START / 1000 + 1, nanos: 234_000_000 }, 2],
    ],
  );
});

const LATE: readonly (readonly [name: string, skew: number])[] = [
  ['a clock that is 9 s behind', -9_000],
  ['a clock that is 9 s ahead', 9_000],
];
for (const [name, skew] of LATE) {
  test(`a writer with ${name}: nothing is lost, and nothing sent twice`, async () => {
    const world = createWorld();
    world.open(1);
    const answers = world.watch();
    await next(answers);
    world.open(2, skew);
    world.change(1, 'updated', skew);
    assert.equal((await untilQuiet(answers)).sort(), ['1.2 updated', '2.1 opened']);
    world.open(3);
    assert.equal(await untilQuiet(answers), ['3.1 opened']);
  });
}

test('what is not news is not loaded again', async () => {
  const world = createWorld();
  for (let n = 1; n <= 20; n++) world.open(n);
  const answers = world.watch();
  await next(answers);
  world.open(21);
  await next(answers);
  await untilQuiet(answers);
  assert.equal(world.loads, [1]);
});

test('of more changes than are kept, the oldest are left out: the gap in the revisions shows it', async () => {
  const world = createWorld();
  const answers = world.watch();
  await next(answers);
  world.open(1);
  for (let i = 0; i < 40; i++) world.change(1, i % 2 ? 'updated' : 'refreshed');
  world.change(1, 'ended');
  const { events } = await next(answers);
  assert.equal(
    events.map(({ revision }) => revision),
    [1, ...Array.from({ length: 30 }, (_, i) => 12 + i), 42],
  );
});

test('an erasure: the id and the revision of the conversation, and nothing else', async () => {
  const world = createWorld();
  world.open(1, 0, { customerId: 'u-1', variables: { name: 'x' } });
  const answers = world.watch();
  await next(answers);
  world.clock.now += 2_000;
  world.erase(1);
  const { events } = await next(answers);
  const [event] = events;
  assert.equal([event?.kind, event?.revision], [ConversationEvent_Kind.ERASED, 2]);
  assert.equal(event?.happenedAt, { seconds: START / 1000 + 2, nanos: 0 });
  const { conversationId, revision, ...rest } = event?.conversation ?? {};
  assert.equal([conversationId, revision], [world.id(1), 2]);
  const set = Object.entries(rest).filter(([, value]) => value);
  assert.equal(set, [], 'no other member is set');
});

test('what was opened and erased between two looks is an erasure', async () => {
  const world = createWorld();
  const answers = world.watch();
  await next(answers);
  world.open(1);
  world.change(1, 'updated');
  world.erase(1);
  assert.equal(briefly(await next(answers)), ['1.3 erased']);
  assert.equal(await untilQuiet(answers), []);
});

test('an erasure is sent to a watcher that comes back within its 7 days', async () => {
  const world = createWorld();
  world.open(1);
  world.clock.now += 60_000;
  const token = await newToken(world);
  world.clock.now += 60_000;
  world.erase(1);
  world.clock.now += 7 * 86_400_000 - 1;
  assert.equal(await untilQuiet(await resumed(world, token)), ['1.2 erased']);
});

test('an erased id that is opened again in the same ms: the erasure, then the new conversation', async () => {
  const world = createWorld();
  world.open(1);
  world.change(1, 'ended');
  const answers = world.watch();
  await next(answers);
  world.erase(1);
  world.open(1);
  world.change(1, 'updated');
  const all = ['1.3 erased', '1.4 opened', '1.5 updated'];
  const { events, resumeToken } = await next(answers);
  assert.equal(briefly({ events, resumeToken }), all);
  assert.equal(
    events.map(({ conversation }) => conversation?.widgetKeyId === ''),
    [true, false, false],
    'only the erasure lacks its conversation',
  );
  assert.equal(await untilQuiet(answers), []);
  world.change(1, 'ended');
  assert.equal(await untilQuiet(answers), ['1.6 ended']);
});

test('an id that is opened again after its erasure was sent: the new conversation, and the erasure not twice', async () => {
  const world = createWorld();
  const answers = world.watch();
  await next(answers);
  world.open(1);
  world.erase(1);
  assert.equal(await untilQuiet(answers), ['1.2 erased']);
  world.open(1);
  assert.equal(await untilQuiet(answers), ['1.3 opened']);
});

test('a conversation that the TTL index removes after the index was read is left out', async () => {
  const world = createWorld();
  const answers = world.watch();
  await next(answers);
  world.open(1);
  world.open(2);
  world.hooks.beforeLoad = () => world.rows.delete(world.id(1));
  assert.equal(briefly(await next(answers)), ['2.1 opened']);
});

test('a conversation that changes after the index was read is sent as it is, and once', async () => {
  const world = createWorld();
  const answers = world.watch();
  await next(answers);
  world.open(1);
  world.hooks.beforeLoad = () => {
    world.hooks.beforeLoad = () => {};
    world.clock.now += 100;
    world.change(1, 'updated');
  };
  assert.equal(briefly(await next(answers)), ['1.1 opened', '1.2 updated']);
  assert.equal(await untilQuiet(answers), []);
});

test('an answer has at most 50 events', async () => {
  const world = createWorld();
  const answers = world.watch();
  await next(answers);
  for (let n = 1; n <= 130; n++) world.open(n);
  world.change(130, 'updated');
  const sizes: number[] = [];
  for (let left = 131; left > 0; ) {
    const { events } = await next(answers);
    sizes.push(events.length);
    left -= events.length;
  }
  assert.equal(sizes, [50, 50, 31]);
  assert.equal(world.loads, [130]);
});

test('an answer has at most 256 KiB of events', async () => {
  const world = createWorld();
  const answers = world.watch();
  await next(answers);
  for (let n = 1; n <= 40; n++) world.open(n, 0, { variables: { text: 'x'.repeat(30_000) } });
  const sizes: number[] = [];
  for (let left = 40; left > 0; ) {
    const { events } = await next(answers);
    sizes.push(events.length);
    left -= events.length;
  }
  assert.equal(sizes, [8, 8, 8, 8, 8]);
});

test('nothing happens for 15 s: an answer without events, every time', async () => {
  const world = createWorld();
  const answers = world.watch();
  await next(answers);
  const waits: number[] = [];
  for (let i = 0; i < 3; i++) {
    const before = world.clock.now;
    assert.equal((await next(answers)).events, []);
    waits.push(world.clock.now - before);
  }
  assert.ok(
    waits.every((ms) => ms > 13_000 && ms <= 15_000),
    String(waits),
  );
});

test('going on from any token loses nothing, and begins where its answer ended', async () => {
  const world = createWorld();
  const answers = world.watch();
  const tokens = [(await next(answers)).resumeToken];
  for (let n = 1; n <= 5; n++) {
    // More than the overlap, and not so much that an answer without events is due.
    world.clock.now += 12_000;
    world.open(n);
    tokens.push((await next(answers)).resumeToken);
  }
  const all = [1, 2, 3, 4, 5].map((n) => `${n}.1 opened`);
  for (const [i, token] of tokens.entries()) {
    const events = await untilQuiet(await resumed(world, token));
    // What was sent last is inside of the overlap, and comes again.
    assert.equal(events, all.slice(Math.max(0, i - 1)));
  }
});

test('a backlog is caught up with from where its reader broke off', async () => {
  const world = createWorld();
  const resumeToken = await newToken(world);
  for (let n = 1; n <= 200; n++) {
    world.clock.now += 1_000;
    world.open(n);
  }
  const first = await resumed(world, resumeToken);
  const taken = [await next(first), await next(first)];
  await first.hangUp();
  const rest = await untilQuiet(await resumed(world, taken[1]?.resumeToken ?? ''));
  assert.is(rest[0], '100.1 opened');
  assert.is(new Set([...taken.flatMap(briefly), ...rest]).size, 200);
});

for (let first = 1; first <= 5; first++) {
  for (let second = first + 1; second <= 6; second++) {
    test(`a conversation that moves when pages ${first} and ${second} of a backlog are read: nothing is lost`, async () => {
      const world = createWorld();
      const resumeToken = await newToken(world);
      for (let n = 1; n <= 600; n++) world.open(n);
      world.clock.now += 3_600_000;
      let opened = 600;
      let pages = 0;
      world.hooks.beforePage = () => {
        // Each time when its page is due, it moves behind more conversations than a page has.
        if (++pages !== first && pages !== second) return;
        world.clock.now += 30_000;
        for (let n = 0; n < 500; n++) world.open(++opened);
        world.clock.now += 1_000;
        world.change(550, 'updated');
      };
      const answers = await resumed(world, resumeToken);
      // Silence is due after each jump of the time, too.
      const events = new Set<string>();
      for (let quiet = 0; quiet < 3; quiet++) {
        for (const event of await untilQuiet(answers)) events.add(event);
      }
      assert.equal([...events].filter((event) => event.startsWith('550.')).sort(), [
        '550.1 opened',
        '550.2 updated',
        '550.3 updated',
      ]);
      assert.is(events.size, 1_602);
    });
  }
}

test('a conversation that changes behind the place where a reader breaks off: nothing of it is lost', async () => {
  const world = createWorld();
  const resumeToken = await newToken(world);
  for (let n = 1; n <= 200; n++) {
    world.clock.now += 1_000;
    world.open(n);
  }
  const first = await resumed(world, resumeToken);
  const taken: string[] = [];
  // Before it is loaded it has moved to the end, and another one of its page has gone.
  let loads = 0;
  world.hooks.beforeLoad = () => {
    if (++loads !== 2) return;
    world.change(100, 'updated');
    world.rows.delete(world.id(60));
  };
  let token = '';
  for (let i = 0; i < 2; i++) {
    const answer = await next(first);
    taken.push(...briefly(answer));
    token = answer.resumeToken;
  }
  await first.hangUp();
  const rest = await untilQuiet(await resumed(world, token));
  assert.ok(rest.includes('101.1 opened'));
  assert.is(new Set([...taken, ...rest]).size, 200);
});

const stalls = suite('WatchConversations: a reader that stops');
stalls.before.each(() => mock.timers.enable({ apis: ['setTimeout'] }));
stalls.after.each(() => mock.timers.reset());
/** Longer than an answer may wait to be taken, in ms. */
const STALL_MS = 30_000;

const ENDS: readonly (readonly [name: string, end: (stop: () => void) => void, code: string])[] = [
  ['a reader that is too slow', () => mock.timers.tick(STALL_MS), 'reader_too_slow'],
  ['the end of the process', (stop) => stop(), 'unavailable'],
];
for (const [name, end, code] of ENDS) {
  stalls(`${name} while an answer is not taken: the token is that of the one before`, async () => {
    const world = createWorld();
    const { watch, stop } = world.createProcess();
    const answers = watch();
    world.clock.now += 60_000;
    const { resumeToken } = await next(answers);
    world.open(1);
    world.clock.now += 60_000;
    const untaken = await next(answers);
    assert.is.not(untaken.resumeToken, resumeToken);
    end(stop);
    const error = await refusal(answers.ended());
    assert.equal([error.code, error.details.resumeToken], [code, resumeToken]);
  });
}

stalls('a reader that is too slow for the first answer has the token that it came with, if any', async () => {
  for (const token of ['', await newToken(createWorld())]) {
    const answers = createWorld().watch(token);
    await next(answers);
    mock.timers.tick(STALL_MS);
    const error = await refusal(answers.ended());
    assert.equal([error.code, error.details.resumeToken], ['reader_too_slow', token || undefined]);
  }
});

test('the process stops while the watch waits: it ends at once, with its token', async () => {
  const world = createWorld();
  const { watch, stop } = world.createProcess({ pause });
  const answers = watch();
  const { resumeToken } = await next(answers);
  const ended = refusal(answers.next());
  await new Promise((resolve) => setImmediate(resolve));
  stop();
  const { code, details } = await ended;
  assert.equal([code, details], ['unavailable', { retryAfterSeconds: 1, resumeToken }]);
});

test('the caller ends it while it waits: it is over', async () => {
  const world = createWorld();
  const answers = world.createProcess({ pause }).watch();
  await next(answers);
  const ended = answers.next();
  await new Promise((resolve) => setImmediate(resolve));
  await answers.hangUp();
  assert.is(await ended, undefined);
});

for (const when of ['beforePage', 'beforeLoad'] as const) {
  test(`a store that fails ${when}: its error, with the token`, async () => {
    const world = createWorld();
    const answers = world.watch();
    const { resumeToken } = await next(answers);
    world.open(1);
    world.hooks[when] = () => {
      throw new ServiceError('unavailable', 'No database.', { retryAfterSeconds: 3 });
    };
    const { code, details } = await refusal(answers.next());
    assert.equal([code, details], ['unavailable', { retryAfterSeconds: 3, resumeToken }]);
  });
}

test('a mistake of ours is internal, with the token, and keeps its cause', async () => {
  const world = createWorld();
  const answers = world.watch();
  const { resumeToken } = await next(answers);
  const cause = new TypeError('x is not a function');
  world.hooks.beforePage = () => {
    throw cause;
  };
  const error = await refusal(answers.next());
  assert.equal([error.code, error.details, error.cause], ['internal', { resumeToken }, cause]);
});

const OUTCOMES: readonly (readonly [name: string, end: (answers: Answers) => Promise<unknown>])[] = [
  ['the caller leaves', (answers) => answers.hangUp()],
  [
    'the reader is too slow',
    (answers) => {
      mock.timers.tick(STALL_MS);
      return answers.ended();
    },
  ],
];
for (const [name, end] of OUTCOMES) {
  stalls(`audited before anything is read, and with a count when ${name}`, async () => {
    const world = createWorld();
    world.hooks.beforePage = () => assert.is(world.audited[0]?.phase, 'started');
    const answers = world.watch();
    await next(answers);
    world.open(1);
    world.change(1, 'updated');
    await next(answers);
    await end(answers).catch(() => {});
    assert.equal(
      world.audited.map(({ action, tenant, phase, count }) => [action, tenant, phase, count]),
      [
        ['WatchConversations', 'acme', 'started', undefined],
        ['WatchConversations', 'acme', 'finished', 2],
      ],
    );
  });
}

test('a token of another tenant, a changed one and a place of another RPC are refused', async () => {
  const resumeToken = await newToken(createWorld());
  const changed = resumeToken.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'));
  for (const [token, tenant] of [
    [resumeToken, 'globex'],
    [changed, 'acme'],
    ['nonsense', 'acme'],
  ] as const) {
    const world = createWorld();
    const error = await refusal(world.watch(token, { tenant }).next());
    assert.equal([error.code, error.message], ['invalid_input', 'resumeToken was not made for this query.']);
    assert.equal(world.audited, []);
  }
});

test('other tenants’ conversations are not seen, and a tenant that is not there is not_found', async () => {
  const world = createWorld();
  const answers = world.watch();
  await next(answers);
  world.open(1, 0, { tenantId: OTHER_TENANT_ID });
  assert.equal(await untilQuiet(answers), []);
  assert.is((await refusal(world.watch('', { tenant: 'nobody' }).next())).code, 'not_found');
});

test('150 watchers are read for once, and each is sent all of it', async () => {
  const world = createWorld();
  const { watch } = world.createProcess({ limits: { perCaller: 150 } });
  const watchers = Array.from({ length: 150 }, () => watch());
  await Promise.all(watchers.map(next));
  const before = world.looks.length;
  world.open(1);
  for (const answers of watchers) assert.equal(briefly(await next(answers)), ['1.1 opened']);
  assert.equal(world.loads, [1]);
  assert.ok(world.looks.length <= before + 3, `${world.looks.length - before} looks`);
});

test('the very same response goes to all, and is encoded once', async () => {
  const world = createWorld();
  const [a, b] = [world.watch(), world.watch()];
  await Promise.all([next(a), next(b)]);
  world.open(1);
  const [one, other] = [await next(a), await next(b)];
  assert.is(one, other);
  const bytes = encodeResponse(one);
  assert.is(encodeResponse(other), bytes);
  assert.equal(WatchConversationsResponse.decode(bytes), one);
});

test('a tenant is not looked at any more when its last watcher has gone', async () => {
  const world = createWorld();
  const [first, last] = [world.watch(), world.watch()];
  await Promise.all([next(first), next(last)]);
  await first.hangUp();
  const before = world.looks.length;
  assert.equal(await untilQuiet(last), []);
  assert.ok(world.looks.length > before);
  await last.hangUp();
  const after = world.looks.length;
  const other = world.watch('', { tenant: 'globex' });
  await next(other);
  await untilQuiet(other);
  assert.ok(world.looks.slice(after).every(({ tenantId }) => tenantId === OTHER_TENANT_ID));
});

test('a slow watcher does not hold up another, and gets what it has missed once it reads again', async () => {
  const world = createWorld();
  const { watch } = world.createProcess({ maxKept: 2 });
  const [quick, slow] = [watch(), watch()];
  await Promise.all([next(quick), next(slow)]);
  const written: string[] = [];
  const seen: string[] = [];
  for (let n = 1; n <= 40; n++) {
    world.clock.now += 1_000;
    world.open(n);
    written.push(`${n}.1 opened`);
    seen.push(...briefly(await next(quick)));
  }
  assert.equal(seen, written);
  assert.equal(new Set(await untilQuiet(slow)), new Set(written));
  world.open(41);
  assert.equal(await untilQuiet(slow), ['41.1 opened']);
});

test('more watches than a caller may have are refused, and audited neither; one that ends makes room', async () => {
  const world = createWorld();
  const { watch } = world.createProcess({ limits: { perCaller: 2 } });
  const mine = [watch('', { caller: 'a' }), watch('', { caller: 'a' })];
  for (const answers of mine) await next(answers);
  const audited = world.audited.length;
  const error = await refusal(watch('', { caller: 'a' }).next());
  assert.is(error.code, 'rate_limited');
  assert.ok((error.details.retryAfterSeconds ?? 0) >= 1);
  assert.is(world.audited.length, audited);
  await next(watch('', { caller: 'b' }));
  await mine[0]?.hangUp();
  await next(watch('', { caller: 'a' }));
});

test('an id that is erased and opened anew is told of as another conversation', async () => {
  const world = createWorld();
  const answers = world.watch();
  await next(answers);
  world.open(1);
  world.change(1, 'updated');
  assert.equal(await untilQuiet(answers), ['1.1 opened', '1.2 updated']);
  world.rows.delete(world.id(1));
  world.open(1);
  assert.equal(await untilQuiet(answers), ['1.1 opened']);
});

test('a store that fails while a watcher catches up: its error, and the next watch begins anew', async () => {
  const world = createWorld();
  const resumeToken = await newToken(world);
  for (let n = 1; n <= 120; n++) world.open(n);
  world.clock.now += 60_000;
  const answers = await resumed(world, resumeToken);
  await next(answers);
  world.hooks.beforePage = () => {
    throw new ServiceError('unavailable', 'No database.');
  };
  const failed = async () => {
    for (;;) await next(answers);
  };
  assert.is((await refusal(failed())).code, 'unavailable');
  world.hooks.beforePage = () => {};
  assert.is((await untilQuiet(await resumed(world, resumeToken))).length, 120);
});
