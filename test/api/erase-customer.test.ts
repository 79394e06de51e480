import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { eraseCustomer } from '../../src/api/erase-customer.js';
import type { AuditEntry } from '../../src/rpc/audit.js';
import { CallController } from '../../src/rpc/call-signal.js';
import { fakeConversations } from '../conversations/fake-conversations.js';

const test = suite('EraseCustomer');

const CALL = {
  surface: 'engine',
  transport: 'grpc',
  requestId: 'r',
  timeoutMs: 60_000,
  header: () => undefined,
  caller: undefined,
  deadline: 60_000,
} as const;

/** Erases a customer of 100 batches, 1 s each; the process is told to stop, or not, in the given one. */
async function erase({ stopsIn }: { readonly stopsIn?: number }) {
  const entries: AuditEntry[] = [];
  let time = 0;
  let batches = 0;
  const controller = new CallController();
  const { signal } = controller;
  const abort = controller.abort.bind(controller);
  const rpc = eraseCustomer({
    tenants: { get: async () => 'tenant' },
    conversations: fakeConversations({
      async erase(_tenantId, _customerId, limit) {
        time += 1_000;
        batches++;
        if (batches === stopsIn) abort('stopping');
        return { erased: limit, complete: batches === 100 };
      },
    }),
    audit: {
      async add(_call, entry) {
        entries.push(entry);
      },
    },
    date: () => time,
    elapsed: () => time,
  });
  const answer = await rpc.handle({ tenant: 'acme', customerId: 'u' }, { ...CALL, signal });
  return { answer, finished: entries.at(-1) };
}

test('it ends in time for its answer, and says that there is more', async () => {
  const { answer, finished } = await erase({});
  assert.equal(answer, { erasedCount: 58_000, complete: false });
  assert.is(finished?.count, 58_000);
});

test('a process that stops lets it finish its batch, write its audit, and say that there is more', async () => {
  const { answer, finished } = await erase({ stopsIn: 3 });
  assert.equal(answer, { erasedCount: 3_000, complete: false });
  assert.is(finished?.phase, 'finished');
  assert.is(finished?.count, 3_000);
});
