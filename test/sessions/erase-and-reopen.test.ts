import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { belongsToOpening, openingJti, refreshedJti } from '../../src/sessions/jti.js';
import { startTestApp, type TestApp } from '../harness/app.js';
import type { Answer } from '../parity/answer.js';
import { callOver, OVER, textOf } from '../parity/call.js';
import type { TransportName } from '../parity/case.js';

const test = suite('a conversation that is erased and opened anew under the same id');
/** It stands still: everything happens in one millisecond. */
const NOW = Math.ceil(Date.now() / 1000) * 1000;
let service: TestApp;
test.before(async () => {
  service = await startTestApp({ now: () => NOW });
});
test.after(() => service.close());

const KEY = 'pk_live_00000000000000000000000000000001';

function good(answer: Answer): Answer {
  assert.is(answer.reason, undefined, answer.raw);
  return answer;
}

/** What a token is good for, by RPC. */
const CALLS = ['GetSession', 'RefreshSession', 'EndSession', 'VerifySession'] as const;

function callWith(over: TransportName, rpc: (typeof CALLS)[number], token: string): Promise<Answer> {
  const step = rpc === 'VerifySession' ? { request: { token } } : { session: token };
  return callOver(over, service, rpc, step);
}

for (const [index, over] of OVER.entries()) {
  test(`the erased tokens are refused, the new ones are good [${over}]`, async () => {
    const customerId = `customer-${index}`;
    const open = async () => {
      const headers = { 'idempotency-key': `idempotency-key-of-${over.replace(' ', '-')}-0` };
      const request = { publicKey: KEY, customerId };
      const answer = good(await callOver(over, service, 'OpenSession', { request, headers }));
      return { token: textOf(answer, 'sessionToken'), id: textOf(answer, 'conversationId') };
    };
    const refresh = async (token: string) =>
      textOf(good(await callWith(over, 'RefreshSession', token)), 'sessionToken');

    const erased = await open();
    const erasedTokens = [erased.token, await refresh(erased.token)];
    for (const token of erasedTokens) good(await callWith(over, 'VerifySession', token));
    const request = { tenant: 'acme', customerId };
    good(await callOver('gRPC', service, 'EraseCustomer', { request }));
    const opened = await open();
    assert.is(opened.id, erased.id);
    const tokens = [opened.token, await refresh(opened.token)];

    for (const rpc of CALLS) {
      for (const token of erasedTokens) {
        assert.is((await callWith(over, rpc, token)).reason, 'invalid_session_token', rpc);
      }
    }
    for (const token of tokens) {
      for (const rpc of ['VerifySession', 'GetSession', 'RefreshSession'] as const)
        good(await callWith(over, rpc, token));
    }
  });
}

const [R1, R2, R3] = ['a', 'b', 'c'].map((letter) => letter.repeat(22)) as [string, string, string];
const [OPEN1, OPEN2] = [openingJti(R1), openingJti(R2)];

const WHOSE: readonly (readonly [
  name: string,
  token: readonly [jti: string, iat: number],
  opening: readonly [jti: string, iat: number],
  isTheirs: boolean,
])[] = [
  ['the first token', [OPEN1, 5], [OPEN1, 5], true],
  ['a refreshed one', [refreshedJti(OPEN1, R3), 9], [OPEN1, 5], true],
  ['one refreshed by a slow clock', [refreshedJti(OPEN1, R3), 4], [OPEN1, 5], true],
  ['the first of another opening, later', [OPEN1, 9], [OPEN2, 5], false],
  ['a refreshed one of another opening, in the same second', [refreshedJti(OPEN1, R3), 5], [OPEN2, 5], false],
  ['earlier version: the first', [R1, 5], [R1, 5], true],
  ['earlier version: refreshed', [R3, 5], [R1, 5], true],
  ['earlier version: refreshed, of an erased opening', [R3, 4], [R1, 5], false],
  ['opened by an earlier version, refreshed by this one', [refreshedJti(R1, R3), 9], [R1, 5], true],
  ['the same, of another opening', [refreshedJti(R2, R3), 9], [R1, 5], false],
  ['opened by this version, refreshed by an earlier one', [R3, 9], [OPEN1, 5], true],
  ['erased before the upgrade, opened anew after it', [R1, 4], [OPEN2, 5], false],
];
for (const [name, [tokenJti, tokenIat], [jti, iat], isTheirs] of WHOSE) {
  test(`whose a token is: ${name}`, () => {
    assert.is(belongsToOpening({ jti: tokenJti, iat: tokenIat }, { jti, iat }), isTheirs);
  });
}
