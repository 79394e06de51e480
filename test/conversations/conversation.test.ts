import { suite } from '@chatsessions/test-harness';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { applyChange, type Conversation } from '../../src/conversations/conversation.js';
import { newConversation } from '../contract/rows.js';

const test = suite('a changed conversation');

const AT = 1_700_000_000_000;
const DAY = 86_400;

const at = (now: number, retentionSeconds = DAY) => ({ date: () => now, retentionSeconds });
const opened = newConversation({ createdAt: AT, updatedAt: AT, purgeAt: AT + DAY * 1000 });

test('has the next revision, the time, and what it changes; the rest stays', () => {
  const next = applyChange(opened, 'updated', at(AT + 5), { variables: { a: 1 } });
  assert.equal(next, {
    ...opened,
    variables: { a: 1 },
    revision: 2,
    updatedAt: AT + 5,
    purgeAt: AT + 5 + DAY * 1000,
    changes: [{ kind: 'updated', revision: 2, at: AT + 5 }],
  });
  assert.equal(opened.changes, [], 'the conversation before it is left alone');
});

test('its end is a time, and no change among others', () => {
  const refreshed = applyChange(opened, 'refreshed', at(AT + 5));
  const ended = applyChange(refreshed, 'ended', at(AT + 9));
  assert.is(ended.endedAt, AT + 9);
  assert.is(ended.updatedAt, AT + 9);
  assert.is(ended.revision, 3);
  assert.equal(ended.changes, refreshed.changes);
});

test('what it counts by itself cannot be changed from outside', () => {
  const meddled = { revision: 77, updatedAt: 1, purgeAt: 1, endedAt: 1, changes: [] };
  const next = applyChange(opened, 'ended', at(AT + 5), meddled);
  assert.equal(next, applyChange(opened, 'ended', at(AT + 5)));
});

const CLOCKS: readonly (readonly [name: string, now: number, updatedAt: number])[] = [
  ['goes on', AT + 1, AT + 1],
  ['stands still', AT, AT],
  ['is behind the last writer’s', AT - 60_000, AT],
];
for (const [name, now, updatedAt] of CLOCKS) {
  test(`a clock that ${name}`, () => {
    const next = applyChange(opened, 'refreshed', at(now));
    assert.is(next.updatedAt, updatedAt);
    assert.is(next.changes[0]?.at, updatedAt);
    assert.is(applyChange(opened, 'ended', at(now)).endedAt, updatedAt);
  });
}

const RETENTIONS: readonly (readonly [name: string, retentionSeconds: number, purgeAt: number])[] = [
  ['the same', DAY, AT + 1_000 + DAY * 1000],
  ['longer by now', 2 * DAY, AT + 1_000 + 2 * DAY * 1000],
  ['shorter by now', 60, AT + DAY * 1000],
];
for (const [name, retentionSeconds, purgeAt] of RETENTIONS) {
  test(`a retentionSeconds that is ${name}: it is never purged earlier than was promised`, () => {
    assert.is(applyChange(opened, 'updated', at(AT + 1_000, retentionSeconds)).purgeAt, purgeAt);
  });
}

test('the latest 30 changes are kept', () => {
  let conversation: Conversation = opened;
  for (let n = 1; n <= 100; n++) {
    conversation = applyChange(conversation, n % 2 === 0 ? 'refreshed' : 'updated', at(AT + n));
    assert.is(conversation.changes.length, Math.min(n, 30));
  }
  assert.equal(
    conversation.changes.map(({ revision }) => revision),
    Array.from({ length: 30 }, (_, i) => 72 + i),
  );
});

test('whatever the clocks say, revisions and times only go up', () => {
  const anyStep = fc.record({
    kind: fc.constantFrom('refreshed' as const, 'updated' as const, 'ended' as const),
    now: fc.integer({ min: AT - 100_000, max: AT + 100_000 }),
    retentionSeconds: fc.integer({ min: 0, max: 2 * DAY }),
  });
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 60 }), (steps) => {
      let before: Conversation = opened;
      for (const { kind, now, retentionSeconds } of steps) {
        const after = applyChange(before, kind, at(now, retentionSeconds));
        assert.is(after.revision, before.revision + 1);
        assert.ok(after.updatedAt >= before.updatedAt && after.updatedAt >= now);
        assert.ok(
          after.purgeAt >= before.purgeAt && after.purgeAt >= after.updatedAt + retentionSeconds * 1000,
        );
        assert.ok(after.changes.length <= 30);
        const times = after.changes.map((change) => change.at);
        assert.equal(
          times,
          [...times].sort((a, b) => a - b),
        );
        before = after;
      }
    }),
  );
});
