import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { endCustomerSessions } from '../../src/api/end-customer-sessions.js';
import type { Conversation, ConversationQuery } from '../../src/conversations/conversation.js';
import { createKeyedQueue } from '../../src/conversations/keyed-queue.js';
import type { AuditEntry } from '../../src/rpc/audit.js';
import { CallController } from '../../src/rpc/call-signal.js';
import { newConversation } from '../contract/rows.js';
import { fakeConversations } from '../conversations/fake-conversations.js';

const test = suite('EndCustomerSessions');

const CALL = {
  surface: 'engine',
  transport: 'grpc',
  requestId: 'r',
  timeoutMs: 60_000,
  header: () => undefined,
  caller: undefined,
  deadline: 60_000,
} as const;
const TENANT_ID = 'tenant';
const customer = { tenantId: TENANT_ID, customerId: 'u' };

/** A customer with so many conversations, every fourth of which has ended; a query takes `ms`. */
function world(count: number, ms = 1) {
  const rows = new Map<string, Conversation>();
  for (let n = 0; n < count; n++) {
    const row = newConversation({ ...customer, createdAt: n, ...(n % 4 === 0 && { endedAt: n }) });
    rows.set(row.id, row);
  }
  const sorted = [...rows.values()].reverse();
  const queries: ConversationQuery[] = [];
  const entries: AuditEntry[] = [];
  const hooks = { beforeRead: (_id: string) => {} };
  const state = { time: 0, reads: 0, ms };
  const controller = new CallController();
  const rpc = endCustomerSessions({
    tenants: { get: async () => TENANT_ID },
    audit: { add: async (_call, entry) => void entries.push(entry) },
    conversations: fakeConversations({
      async listRows(query) {
        state.time += state.ms;
        queries.push(query);
        const { after, limit } = query;
        const rest = sorted.filter(({ createdAt }) => after === undefined || createdAt < after.createdAt);
        return rest.slice(0, limit).flatMap(({ id }) => rows.get(id) ?? []);
      },
      async find(id) {
        state.reads++;
        hooks.beforeRead(id);
        return rows.get(id);
      },
      async replace(next, expected) {
        if (rows.get(next.id)?.revision !== expected) return false;
        rows.set(next.id, next);
        return true;
      },
    }),
    changeQueue: createKeyedQueue(),
    date: () => 5_000,
    retentionSeconds: 3_600,
    elapsed: () => state.time,
  });
  const call = () => rpc.handle({ tenant: 'acme', customerId: 'u' }, { ...CALL, signal: controller.signal });
  const ongoing = () => [...rows.values()].filter(({ endedAt }) => endedAt === undefined).length;
  return { call, rows, ongoing, queries, entries, hooks, state, controller };
}

test('each of a customer is listed once, and only those that have not ended are read', async () => {
  const { call, queries, entries, state, ongoing } = world(1_200);
  assert.equal(await call(), { endedCount: 900, complete: true });
  assert.equal([ongoing(), state.reads, queries.length], [0, 900, 3]);
  const places = queries.map(({ after }) => after?.createdAt);
  assert.equal(places, [undefined, 700, 200], 'each query begins where the one before it ended');
  const [started, finished] = entries;
  assert.equal([started?.phase, finished?.phase, finished?.count], ['started', 'finished', 900]);
});

test('an end is a change: revision, time', async () => {
  const { call, rows } = world(2);
  await call();
  const [, ended] = rows.values();
  assert.equal([ended?.endedAt, ended?.revision], [ended?.updatedAt, 2]);
});

test('it stops in time for its answer, and the next call goes on', async () => {
  const { call, state, ongoing } = world(5_000, 20_000);
  assert.equal(await call(), { endedCount: 1_125, complete: false });
  Object.assign(state, { time: 0, ms: 1 });
  assert.equal(await call(), { endedCount: 2_625, complete: true });
  assert.is(ongoing(), 0);
});

test('one that is erased, is ended or gets another customer meanwhile is left alone and not counted', async () => {
  const { call, rows, hooks } = world(8);
  const [, erased, ended, moved] = [...rows.keys()];
  hooks.beforeRead = (id) => {
    const row = rows.get(id);
    if (id === erased) rows.delete(id);
    if (row && id === ended) rows.set(id, { ...row, endedAt: 1, revision: 2 });
    if (row && id === moved) rows.set(id, { ...row, customerId: 'u-2', revision: 2 });
  };
  assert.equal(await call(), { endedCount: 3, complete: true });
  assert.is(rows.get(moved ?? '')?.endedAt, undefined);
});

test('a process that stops ends no more, and its audit has what was ended', async () => {
  const { call, hooks, entries, ongoing, controller, state } = world(1_200);
  hooks.beforeRead = () => {
    if (state.reads === 100) controller.abort('stopping');
  };
  let code = '';
  await call().catch((error) => {
    code = error.code;
  });
  assert.is(code, 'unavailable');
  const { phase, count } = entries.at(-1) ?? {};
  assert.equal([phase, count], ['finished', 900 - ongoing()]);
  assert.ok(ongoing() >= 800, String(ongoing()));
});
