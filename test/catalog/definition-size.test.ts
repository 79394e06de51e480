import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { applyTenant } from '../../src/api/catalog/apply-tenant.js';
import { parseTenant } from '../../src/catalog/definition.js';
import { ApplyTenantRequest, type TenantDefinition } from '../../src/gen/ts-proto/chatsessions/v1/catalog.js';
import { readBinary } from '../../src/rpc/decode/decode.js';
import { ServiceError } from '../../src/rpc/errors.js';
import { methods } from '../../src/rpc/methods.js';
import { engineClient } from '../callers/engine-client.js';
import { startTestApp } from '../harness/app.js';

const test = suite('size of definitions');

const many = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i));
/** A text of characters of four bytes each. */
const text = (n: number): string => '📦'.repeat(n);
const name = (start: string, length: number): string => start.padEnd(length, 'x');

/** The largest valid definition: every list full, and every text at its longest and widest. */
const LARGEST: TenantDefinition = {
  slug: name('t', 63),
  name: text(100),
  flows: many(200, (f) => ({
    slug: name(`f${f}-`, 63),
    id: `0193aa00-0000-7000-8000-${String(f).padStart(12, '0')}`,
    published: true,
    intent: {
      name: name(`i${f}_`, 64),
      displayLabel: text(100),
      subtitle: text(500),
      description: text(500),
      examples: many(20, () => text(200)),
      requiredEntities: many(20, (e) => name(`e${e}_`, 64)),
      icon: { kind: 'url', value: name('https://acme.com/', 2048) },
      accentColor: '#2563ebff',
      styleVariant: name('s', 32),
      isPinned: true,
      priority: -(2 ** 31),
    },
  })),
  quickQuestions: many(6, () => ({ question: text(200), pageType: 'category', flow: name('f0-', 63) })),
  widgetKeys: many(50, (k) => ({
    name: name(`k${k}-`, 63),
    publicKey: `pk_live_${String(k).padStart(32, 'f')}`,
    label: text(100),
    allowedOrigins: many(
      100,
      (o) => `https://${name(`a${o}-`, 63)}.${name('b', 63)}.${name('c', 63)}.${name('d', 57)}.com`,
    ),
    allowMissingOrigin: true,
    allowsAllIntents: false,
    allowedIntents: many(200, (i) => name(`i${i}_`, 64)),
    enabled: true,
    endsAt: { seconds: 4_000_000_000, nanos: 0 },
    identity: 'required',
    identitySecretGeneration: 2_147_483_647,
    originMode: 'enforce',
  })),
};
const encode = (definition: TenantDefinition) =>
  Buffer.from(
    ApplyTenantRequest.encode({ definition, validateOnly: false, prune: true, expectedRevision: 0 }).finish(),
  );

test('the largest valid definition fits, and not much more', () => {
  assert.equal(parseTenant(LARGEST).faults, undefined);
  const { length } = encode(LARGEST);
  const { maxRequestBytes = 0 } = applyTenant(Object.create(null));
  assert.ok(length < maxRequestBytes && length > 0.75 * maxRequestBytes, `${length} of ${maxRequestBytes}`);
  assert.is(readBinary(methods.applyTenant.input, encode(LARGEST)).definition?.flows.length, 200);
});

test('a request of nothing but empty things is refused before they are made', () => {
  const body = Buffer.concat([Buffer.from([0x0a, 0x80, 0x80, 0x80, 0x02]), Buffer.alloc(4 * 1024 * 1024)]);
  for (let at = 5; at < body.length; at += 2) body[at] = 0x1a;
  try {
    readBinary(methods.applyTenant.input, body);
    assert.unreachable();
  } catch (error) {
    assert.is(error instanceof ServiceError && error.message, 'A request has at most 50000 fields.');
  }
});

test(
  'it is applied over gRPC, and other RPCs take 64 KiB',
  async () => {
    const service = await startTestApp();
    const client = engineClient(service.grpcTarget);
    try {
      const applied = await client.call(
        'ApplyTenant',
        readBinary(methods.applyTenant.input, encode(LARGEST)),
      );
      assert.is(applied.code, 'OK', applied.message);
      const listed = await client.call('ListTenants', { pageToken: 'x'.repeat(64 * 1024) });
      assert.is(listed.reason, 'payload_too_large');
    } finally {
      client.close();
      await service.close();
    }
  },
  { timeoutMs: 30_000 },
);
