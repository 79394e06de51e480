import { randomUUID } from 'node:crypto';
import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { startTestApp, type TestApp } from '../harness/app.js';
import { callOver, textOf } from '../parity/call.js';
import { memberAt } from '../parity/values.js';

/** Pages of many conversations, all opened at the same moment: the clock stands still. */
const test = suite('pages of conversations');
const MANY = 230;
const customerId = randomUUID();
const opened = new Set<string>();
let service: TestApp;

test.before(async () => {
  const now = Date.now();
  service = await startTestApp({ now: () => now });
  const request = { publicKey: 'pk_live_00000000000000000000000000000001', customerId };
  const opens = Array.from({ length: MANY }, () =>
    callOver('public path', service, 'OpenSession', { request }),
  );
  for (const answer of await Promise.all(opens)) opened.add(textOf(answer, 'conversationId'));
  assert.is(opened.size, MANY);
});
test.after(() => service.close());

async function page(pageSize: number, pageToken = ''): Promise<{ ids: string[]; next: string }> {
  const request = { tenant: 'acme', customerId, pageSize, pageToken };
  const answer = await callOver('gRPC', service, 'ListConversations', { request });
  const count = Number(memberAt(answer.body, 'conversations.length'));
  const ids = Array.from({ length: count }, (_, index) =>
    textOf(answer, `conversations.${index}.conversationId`),
  );
  return { ids, next: textOf(answer, 'nextPageToken') };
}

const SIZES: readonly (readonly [asked: number, got: number])[] = [
  [0, 50],
  [1, 1],
  [199, 199],
  [200, 200],
  [201, 200],
  [2_147_483_647, 200],
];
for (const [asked, got] of SIZES) {
  test(`page_size ${asked} answers ${got}`, async () => {
    const { ids, next } = await page(asked);
    assert.is(ids.length, got);
    assert.is.not(next, '');
  });
}

for (const size of [7, 46, 100, 200]) {
  test(`pages of ${size}: each conversation comes once, in one order`, async () => {
    const all: string[] = [];
    let token = '';
    do {
      const { ids, next } = await page(size, token);
      all.push(...ids);
      token = next;
    } while (token !== '' && all.length <= MANY);
    assert.is(all.length, MANY);
    assert.equal(new Set(all), opened);
    assert.equal(all, [...opened].sort().reverse());
  });
}
