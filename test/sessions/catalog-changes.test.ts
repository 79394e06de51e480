import { suite, until } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import type { TenantSpec, WidgetKeySpec } from '../../src/catalog/tenant-spec.js';
import { startTestApp, type TestApp } from '../harness/app.js';
import { changeTenant, type DatabaseName, removeKey } from '../harness/tenants.js';
import type { Answer } from '../parity/answer.js';
import { callOver, OVER, textOf } from '../parity/call.js';
import type { Step, TransportName } from '../parity/case.js';
import { memberAt } from '../parity/values.js';

/** What becomes of open sessions when the catalogue changes under them. The tests follow one another. */
const test = suite('catalogue changes');

/** Widget keys of the tables, by what becomes of them; no test changes that of the witness. */
const KEYS = {
  stays: 'pk_live_00000000000000000000000000000001',
  disabled: 'pk_live_00000000000000000000000000000002',
  'past its end': 'pk_live_00000000000000000000000000000003',
  moved: 'pk_live_00000000000000000000000000000007',
  witness: 'pk_live_00000000000000000000000000000005',
} as const;
const ORIGINS: Readonly<Record<string, string>> = { moved: 'https://shop.initech.example:8443' };
const NEW_ORIGIN = 'https://new.example';
const CHANGES: ReadonlyMap<string | undefined, Partial<WidgetKeySpec>> = new Map([
  [KEYS.disabled, { enabled: false }],
  [KEYS['past its end'], { endsAt: new Date(Date.now() - 1000) }],
  [KEYS.moved, { allowedOrigins: [NEW_ORIGIN] }],
]);

let service: TestApp;
let database: DatabaseName;
/** The revision of the changed catalogue. */
let changed = 0;
let witness: string;
const sessions = new Map<string, string>();
const nameOf = (key: keyof typeof KEYS, over: TransportName) => `${key} ${over}`;

/** Calls an RPC with the session of a key that was opened over the same transport. */
function call(over: TransportName, key: keyof typeof KEYS, rpc: string, more: Step = {}): Promise<Answer> {
  const token = sessions.get(nameOf(key, over)) ?? '';
  const origin = ORIGINS[key];
  const given = rpc === 'VerifySession' ? { request: { token, ...more.request } } : { session: token };
  return callOver(over, service, rpc, { ...(origin && { origin }), ...more, ...given });
}

async function openEverywhere(key: keyof typeof KEYS): Promise<void> {
  for (const over of OVER) {
    const opened = await call(over, key, 'OpenSession', { request: { publicKey: KEYS[key] } });
    sessions.set(nameOf(key, over), textOf(opened, 'sessionToken'));
    assert.is((await call(over, key, 'GetSession')).reason, undefined);
  }
}

async function revisionOfWitness(): Promise<unknown> {
  const { body } = await callOver('gRPC', service, 'GetSession', { session: witness });
  return memberAt(body, 'catalogRevision');
}

/**
 * Resolves when the service works with a revision of the catalogue. It asks every 2 s whether what it keeps is old,
 * and then forgets it for all keys of a tenant: the witness, whose view it keeps, tells when.
 */
async function isKnown(revision: number): Promise<void> {
  await until(`revision ${revision} is known`, async () => (await revisionOfWitness()) === revision);
}

test.before(async () => {
  service = await startTestApp();
  database = await service.withDatabase(async (_client, name) => ({ uri: service.app.databaseUri, name }));
  const opened = await callOver('gRPC', service, 'OpenSession', { request: { publicKey: KEYS.witness } });
  witness = textOf(opened, 'sessionToken');
  for (const key of ['stays', 'disabled', 'past its end', 'moved'] as const) await openEverywhere(key);
  assert.is(await revisionOfWitness(), 1);
  changed = await changeTenant(database, 'acme', (tenant: TenantSpec) => ({
    ...tenant,
    flows: tenant.flows.map((flow) => (flow.slug === 'returns' ? { ...flow, published: false } : flow)),
    widgetKeys: tenant.widgetKeys.map((key) => ({ ...key, ...CHANGES.get(key.publicKey) })),
  }));
  assert.ok(changed > 1);
  await isKnown(changed);
});
test.after(() => service.close());

for (const over of OVER) {
  test(`an intent whose flow is unpublished is gone, and the revision has moved [${over}]`, async () => {
    const { body, raw } = await call(over, 'stays', 'GetSession');
    assert.is(memberAt(body, 'catalogRevision'), changed, raw);
    assert.is(memberAt(body, 'intents.length'), 2, raw);
    assert.is(memberAt(body, 'intents.0.name'), 'order_status');
    assert.is(memberAt(body, 'intents.1.name'), 'gift_cards');
    assert.is(memberAt(body, 'quickQuestions.1.intentName'), null);
    assert.is(memberAt(body, 'quickQuestions.1.flowId'), '0193aa00-0000-7000-8000-000000000002');
    const refreshed = await call(over, 'stays', 'RefreshSession');
    assert.is(memberAt(refreshed.body, 'catalogRevision'), changed);
    const gone = await call(over, 'stays', 'VerifySession', { request: { intentName: 'returns' } });
    assert.is(memberAt(gone.body, 'intentAllowed'), false);
    const there = await call(over, 'stays', 'VerifySession', { request: { intentName: 'gift_cards' } });
    assert.is(memberAt(there.body, 'intentAllowed'), true);
  });

  for (const key of ['disabled', 'past its end'] as const) {
    test(`a widget key that is ${key}: only ending goes on [${over}]`, async () => {
      for (const rpc of ['GetSession', 'RefreshSession', 'VerifySession']) {
        assert.is((await call(over, key, rpc)).reason, 'widget_disabled', rpc);
      }
      // One session of each key goes on until the key is good again.
      if (over === 'Connect JSON') return;
      for (const attempt of ['first', 'second']) {
        const ended = await call(over, key, 'EndSession');
        assert.equal(ended.body, {}, `${attempt} end: ${ended.raw}`);
      }
    });
  }

  test(`an origin that is not allowed any more: a browser is refused, ending included [${over}]`, async () => {
    const expected = over === 'gRPC' ? undefined : 'origin_not_allowed';
    for (const rpc of ['GetSession', 'RefreshSession', 'EndSession']) {
      assert.is((await call(over, 'moved', rpc)).reason, expected, rpc);
    }
    if (over === 'gRPC') return;
    assert.is((await call(over, 'moved', 'GetSession', { origin: NEW_ORIGIN })).reason, undefined);
  });
}

test('a widget key that is good again: its sessions are, but for those that have ended', async () => {
  await isKnown(await changeTenant(database, 'acme', (tenant) => tenant));
  for (const key of ['disabled', 'past its end'] as const) {
    for (const over of OVER) {
      const expected = over === 'Connect JSON' ? undefined : 'invalid_session_token';
      assert.is((await call(over, key, 'GetSession')).reason, expected, `${key} ${over}`);
    }
  }
});

test('a widget key that is removed: every call is refused, ending included', async () => {
  await isKnown(await removeKey(database, KEYS.stays));
  for (const over of OVER) {
    for (const rpc of ['GetSession', 'RefreshSession', 'VerifySession', 'EndSession']) {
      assert.is((await call(over, 'stays', rpc)).reason, 'widget_disabled', `${rpc} ${over}`);
    }
  }
});
