import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import type { Conversation, ConversationStore } from '../../src/conversations/conversation.js';
import { createRecentConversations } from '../../src/conversations/recent-conversations.js';
import { newConversation } from '../contract/rows.js';

const test = suite('recent conversations');

/** The token of all that ask, unless a test says otherwise. */
const TOKEN = 'token';

/** A store with some rows, what it was asked, and look-ups that can be held back. */
function rig(capacity = 10) {
  const rows = new Map<string, Conversation>();
  const asked: string[] = [];
  const clock = { now: 5_000 };
  const held: { until?: Promise<void>; failure?: Error } = {};
  const notUsed = (): never => {
    throw new Error('not for this');
  };
  const store: ConversationStore = {
    insert: notUsed,
    findAll: notUsed,
    findChanged: notUsed,
    list: notUsed,
    listRows: notUsed,
    changedSince: notUsed,
    deleteOfTenant: notUsed,
    async find(id) {
      asked.push(id);
      const found = rows.get(id);
      await held.until;
      if (held.failure) throw held.failure;
      return found;
    },
    async replace(conversation) {
      rows.set(conversation.id, conversation);
      return true;
    },
    async erase() {
      const erased = rows.size;
      rows.clear();
      return { erased, complete: true };
    },
  };
  const recent = createRecentConversations({ store, elapsed: () => clock.now, keptMs: 1_000, capacity });
  const add = (id: string) => rows.set(id, newConversation({ id }));
  return { recent, rows, asked, clock, held, add };
}

test('a look-up is remembered for a second, and no longer', async () => {
  const { recent, asked, clock, add } = rig();
  add('a');
  for (const [after, times] of [
    [0, 1],
    [999, 1],
    [1, 2],
  ] as const) {
    clock.now += after;
    assert.is((await recent.findRecent('a', TOKEN))?.id, 'a');
    assert.is(asked.length, times);
  }
});

test('look-ups at the same time are one', async () => {
  const { recent, asked, add } = rig();
  add('a');
  await Promise.all([recent.findRecent('a', TOKEN), recent.findRecent('a', TOKEN)]);
  assert.equal(asked, ['a']);
});

test('a token that comes for the first time is looked up anew, and then remembered with the others', async () => {
  const { recent, asked, clock, add } = rig();
  add('a');
  for (const [token, times] of [
    ['first', 1],
    ['first', 1],
    ['refreshed', 2],
    ['first', 2],
    ['refreshed', 2],
  ] as const) {
    clock.now += 10;
    await recent.findRecent('a', token);
    assert.is(asked.length, times, token);
  }
});

test('a token never finds what was there before it: whatever the wall clocks say', async () => {
  const { recent, rows, add } = rig();
  add('a');
  assert.is((await recent.findRecent('a', 'first'))?.revision, 1);
  // Another process refreshes the session.
  rows.set('a', newConversation({ id: 'a', revision: 2 }));
  assert.is((await recent.findRecent('a', 'refreshed'))?.revision, 2);
  assert.is((await recent.findRecent('a', 'first'))?.revision, 2);
});

test('however many tokens a conversation has, the latest few are remembered', async () => {
  const { recent, asked, add } = rig();
  add('a');
  for (let n = 0; n < 20; n++) await recent.findRecent('a', `token ${n}`);
  for (const n of [19, 12]) await recent.findRecent('a', `token ${n}`);
  assert.is(asked.length, 20);
  await recent.findRecent('a', 'token 11');
  assert.is(asked.length, 21);
});

test('what this process changes is known at once', async () => {
  const { recent, add } = rig();
  add('a');
  const before = await recent.findRecent('a', TOKEN);
  assert.ok(before);
  await recent.replace({ ...before, revision: 2 }, 1);
  assert.is((await recent.findRecent('a', TOKEN))?.revision, 2);
  await recent.erase('tenant', 'customer', 10, 0);
  assert.is(await recent.findRecent('a', TOKEN), undefined);
});

test('a look-up that was under way when a change ended is not remembered', async () => {
  const { recent, held, add } = rig();
  add('a');
  let release: () => void = () => {};
  held.until = new Promise((resolve) => {
    release = resolve;
  });
  const early = recent.findRecent('a', TOKEN);
  await recent.replace(newConversation({ id: 'a', revision: 2 }), 1);
  release();
  assert.is((await early)?.revision, 1);
  assert.is((await recent.findRecent('a', TOKEN))?.revision, 2);
});

test('neither what is not there nor a failure is remembered', async () => {
  const { recent, asked, held, add } = rig();
  assert.is(await recent.findRecent('a', TOKEN), undefined);
  add('a');
  assert.is((await recent.findRecent('a', TOKEN))?.id, 'a');
  add('b');
  held.failure = new Error('down');
  assert.is(await recent.findRecent('b', TOKEN).catch((error: Error) => error.message), 'down');
  delete held.failure;
  assert.is((await recent.findRecent('b', TOKEN))?.id, 'b');
  assert.equal(asked, ['a', 'a', 'b', 'b']);
});

test('however many are looked up, few are remembered', async () => {
  const { recent, asked, add } = rig(3);
  for (const id of ['a', 'b', 'c', 'd', 'd', 'a']) {
    add(id);
    await recent.findRecent(id, TOKEN);
  }
  assert.equal(asked, ['a', 'b', 'c', 'd', 'a']);
});
