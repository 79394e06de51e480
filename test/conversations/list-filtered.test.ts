import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import type { Conversation, ConversationStore } from '../../src/conversations/conversation.js';
import { listFilteredPage } from '../../src/conversations/list-page.js';
import { CallController } from '../../src/rpc/call-signal.js';
import { newConversation } from '../contract/rows.js';
import { fakeConversations } from './fake-conversations.js';

/** Pages of lists by a condition that no index serves. */
const test = suite('filtered pages');

const tenantId = 'tenant';
const isEnded = ({ endedAt }: { readonly endedAt?: number | undefined }) => endedAt !== undefined;

/** So many conversations, newest first, of which those at `ended` have ended; and what is asked of them. */
function rig(count: number, ended: readonly number[]) {
  const rows = Array.from({ length: count }, (_, n) =>
    newConversation({ tenantId, createdAt: count - n, ...(ended.includes(n) && { endedAt: 1 }) }),
  );
  const state = { listed: 0 };
  const changed = new Map<string, Conversation | undefined>();
  const store: Pick<ConversationStore, 'listRows' | 'findAll'> = {
    async listRows({ after, limit }) {
      const start = after === undefined ? 0 : rows.findIndex(({ id }) => id === after.id) + 1;
      const page = rows.slice(start, start + limit);
      state.listed += page.length;
      return page;
    },
    findAll: async (ids) =>
      rows
        .filter(({ id }) => ids.includes(id))
        .flatMap((row) => (changed.has(row.id) ? (changed.get(row.id) ?? []) : row))
        .reverse(),
  };
  const page = (pageSize: number, after?: { readonly createdAt: number; readonly id: string }) => {
    const query = { tenantId, verifiedOnly: false, after };
    return listFilteredPage(store, query, pageSize, isEnded, new CallController().signal);
  };
  const places = (conversations: readonly Conversation[]) =>
    conversations.map(({ id }) => rows.findIndex((row) => row.id === id));
  return { rows, page, places, state, changed };
}

const ALL: readonly (readonly [name: string, count: number, ended: readonly number[], pages: number[][]])[] =
  [
    ['none at all', 0, [], [[]]],
    ['none that match', 5, [], [[]]],
    ['fewer than a page', 5, [3], [[3]]],
    ['a page exactly, and others after it', 9, [1, 4], [[1, 4]]],
    [
      'more than a page',
      9,
      [0, 1, 4, 8],
      [
        [0, 1],
        [4, 8],
      ],
    ],
    ['a page over several queries', 2_500, [0, 2_400], [[0, 2_400]]],
    ['the last row of a query fills the page', 1_001, [0, 999, 1_000], [[0, 999], [1_000]]],
    ['a rare match beyond what one page reads', 10_001, [10_000], [[], [10_000]]],
  ];
for (const [name, count, ended, expected] of ALL) {
  test(name, async () => {
    const { page, places } = rig(count, ended);
    const pages: number[][] = [];
    let after: { readonly createdAt: number; readonly id: string } | undefined;
    do {
      const { conversations, next } = await page(2, after);
      pages.push(places(conversations));
      after = next;
    } while (after && pages.length < 10);
    assert.equal(pages, expected);
  });
}

test('one page reads 10,000 rows at most', async () => {
  const { page, rows, state } = rig(25_000, []);
  const { conversations, next } = await page(50);
  assert.equal([conversations, next?.id, state.listed], [[], rows[9_999]?.id, 10_000]);
});

test('what has changed or was erased since the rows were read is left out', async () => {
  const { page, rows, places, changed } = rig(5, [1, 2, 3]);
  const [, erased, ongoing] = rows;
  if (!erased || !ongoing) throw new Error('no such row');
  changed.set(erased.id, undefined);
  changed.set(ongoing.id, { ...ongoing, endedAt: undefined });
  assert.equal(places((await page(10)).conversations), [3]);
});

test('a call that is over reads no more', async () => {
  const controller = new CallController();
  controller.abort('caller_gone');
  const store = fakeConversations({});
  let code = '';
  const query = { tenantId, verifiedOnly: false };
  await listFilteredPage(store, query, 1, isEnded, controller.signal).catch((error) => {
    code = error.code;
  });
  assert.is(code, 'canceled');
});
