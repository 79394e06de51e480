import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { exportCustomer } from '../../src/api/export-customer.js';
import type { Conversation, ConversationQuery } from '../../src/conversations/conversation.js';
import type { AuditEntry } from '../../src/rpc/audit.js';
import type { AuthenticatedCall } from '../../src/rpc/call.js';
import { CallController } from '../../src/rpc/call-signal.js';
import { ServiceError } from '../../src/rpc/errors.js';
import { newConversation } from '../contract/rows.js';
import { fakeConversations } from '../conversations/fake-conversations.js';

const test = suite('ExportCustomer');

const REQUEST = { tenant: 'acme', customerId: 'u-42', verifiedOnly: false };

/** An export of so many conversations of a fake store, and what was asked of it. */
function rig(count: number, request: Partial<typeof REQUEST> = {}) {
  const rows = Array.from({ length: count }, (_, n) =>
    newConversation({ createdAt: 1_800_000_000_000 - Math.floor(n / 2), revision: n + 1 }),
  );
  const queries: ConversationQuery[] = [];
  const audited: AuditEntry[] = [];
  const rpc = exportCustomer({
    tenants: { get: async (slug) => (slug === 'acme' ? 'tenant-id' : undefined) },
    audit: { add: async (_call, entry) => void audited.push(entry) },
    conversations: fakeConversations({
      async list(query): Promise<readonly Conversation[]> {
        assert.is(audited[0]?.phase, 'started');
        queries.push(query);
        const start = query.after ? rows.findIndex(({ id }) => id === query.after?.id) + 1 : 0;
        return rows.slice(start, start + query.limit);
      },
    }),
  });
  const call: AuthenticatedCall = {
    surface: 'engine',
    transport: 'grpc',
    requestId: 'r',
    timeoutMs: Number.POSITIVE_INFINITY,
    header: () => undefined,
    caller: undefined,
    deadline: Number.POSITIVE_INFINITY,
    signal: new CallController().signal,
  };
  return { answers: rpc.handle({ ...REQUEST, ...request }, call), queries, audited };
}

const phases = (audited: readonly AuditEntry[]) =>
  audited.map(({ action, tenant, tenantId, phase, count }) => [action, tenant, tenantId, phase, count]);
const STARTED = ['ExportCustomer', 'acme', 'tenant-id', 'started', undefined];
const finished = (count: number) => ['ExportCustomer', 'acme', 'tenant-id', 'finished', count];

for (const [count, pages] of [
  [0, 1],
  [1, 1],
  [49, 1],
  [50, 2],
  [120, 3],
] as const) {
  test(`${count} conversations, each once and in order, in ${pages} pages`, async () => {
    const { answers, queries, audited } = rig(count);
    const revisions: (number | undefined)[] = [];
    for await (const { conversation } of answers) revisions.push(conversation?.revision);
    assert.equal(
      revisions,
      Array.from({ length: count }, (_, n) => n + 1),
    );
    assert.is(queries.length, pages);
    assert.equal(phases(audited), [STARTED, finished(count)]);
  });
}

test('the next page is read when it is due', async () => {
  const { answers, queries } = rig(120);
  for (let n = 0; n < 50; n++) await answers.next();
  assert.is(queries.length, 1);
  await answers.next();
  assert.is(queries.length, 2);
});

test('verified_only goes to the store', async () => {
  for (const verifiedOnly of [false, true]) {
    const { answers, queries } = rig(1, { verifiedOnly });
    await answers.next();
    const { tenantId, customerId, verifiedOnly: asked } = queries[0] ?? {};
    assert.equal([tenantId, customerId, asked], ['tenant-id', 'u-42', verifiedOnly]);
  }
});

test('a reader that goes away: what it may have seen is in the audit', async () => {
  const { answers, audited } = rig(120);
  for (let n = 0; n < 3; n++) await answers.next();
  await answers.return();
  assert.equal(phases(audited), [STARTED, finished(3)]);
});

test('a reader that is too slow: its error, and the audit', async () => {
  const { answers, audited } = rig(120);
  await answers.next();
  const error = new ServiceError('reader_too_slow', 'Slow.');
  const thrown = await answers.throw(error).catch((caught: unknown) => caught);
  assert.is(thrown, error);
  assert.equal(phases(audited), [STARTED, finished(1)]);
});

test('a tenant that is not there: not_found, and nothing is audited', async () => {
  const { answers, audited } = rig(1, { tenant: 'nobody' });
  const thrown = await answers.next().catch((caught: unknown) => caught);
  assert.is(thrown instanceof ServiceError && thrown.code, 'not_found');
  assert.equal(audited, []);
});
