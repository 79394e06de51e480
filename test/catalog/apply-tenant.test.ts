import { randomBytes } from 'node:crypto';
import { suite } from '@chatsessions/test-harness';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { type ApplyOptions, applyTenant, DefinitionError } from '../../src/catalog/apply-tenant.js';
import { changeExisting } from '../../src/catalog/change-existing.js';
import { parseTenant, requireSpec, toDefinition } from '../../src/catalog/definition.js';
import { withFlow, withoutFlow, withPublished } from '../../src/catalog/flows.js';
import { createIdentitySecrets } from '../../src/catalog/identity-secrets.js';
import type { WidgetKey } from '../../src/catalog/model.js';
import type { TenantSpec, WidgetKeySpec } from '../../src/catalog/tenant-spec.js';
import { withKeyEnabled, withoutKey } from '../../src/catalog/widget-key-changes.js';
import { createKeyedQueue } from '../../src/conversations/keyed-queue.js';
import { CatalogChange_Kind as Kind } from '../../src/gen/ts-proto/chatsessions/v1/catalog.js';
import { createCallAudit } from '../../src/rpc/audit.js';
import { CallController } from '../../src/rpc/call-signal.js';
import { ServiceError } from '../../src/rpc/errors.js';
import { applyDeps } from '../harness/tenants.js';
import { tenantSpec } from './arbitrary-definitions.js';
import { memoryCatalog } from './memory-catalog.js';

const test = suite('apply tenant');

const publicKey = (n: number): string => `pk_live_${n.toString(16).padStart(32, '0')}`;

function widgetKey(name: string, change: Partial<WidgetKeySpec> = {}): WidgetKeySpec {
  return {
    name,
    isNamed: true,
    label: name,
    allowedOrigins: ['https://acme.com'],
    allowMissingOrigin: false,
    originMode: 'enforce',
    allowsAllIntents: true,
    allowedIntents: [],
    enabled: true,
    identity: 'off',
    identitySecretGeneration: 1,
    ...change,
  };
}

function acme(change: Partial<TenantSpec> = {}): TenantSpec {
  return { slug: 'acme', name: 'Acme', flows: [], quickQuestions: [], widgetKeys: [], ...change };
}

/** A catalogue in memory, its clock, and a function that applies definitions to it. */
function rig({ encryptionKeys = 1 } = {}) {
  const memory = memoryCatalog();
  const clock = { now: 1_000_000 };
  const keyring = Array.from({ length: encryptionKeys }, () => ({ kid: 'k', secret: Buffer.alloc(32, 1) }));
  const identitySecrets = createIdentitySecrets({ keyring: async () => keyring, randomBytes });
  const counts: number[] = [];
  /** Another process has the same store, and a queue of its own. */
  const process = () => {
    const deps = applyDeps(memory.catalog, {
      identitySecrets,
      changeQueue: createKeyedQueue(),
      now: () => clock.now,
      wait: async (ms) => {
        clock.now += ms;
        // Others go on meanwhile.
        await new Promise((resolve) => setImmediate(resolve));
      },
    });
    return async (spec: TenantSpec, options: Partial<ApplyOptions> = {}) => {
      const changed = await applyTenant(
        spec,
        {
          audited: async (_id, writes) => {
            const tally = { count: 0 };
            const result = await writes(tally);
            counts.push(tally.count);
            return result;
          },
          ...options,
        },
        deps,
      );
      return { ...changed.answer, revision: changed.revision };
    };
  };
  const stored = async () => {
    const tenant = await memory.catalog.findTenantBySlug('acme');
    if (!tenant) throw new Error('no tenant');
    return { tenant, keys: await memory.catalog.keysOf(tenant.id) };
  };
  return { ...memory, clock, counts, apply: process(), process, stored };
}

async function faultsOf(work: Promise<unknown>): Promise<readonly string[]> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof DefinitionError)) throw error ?? new Error('not refused');
  return error.faults.map(({ path, rule }) => `${path.join('.')} ${rule}`);
}

async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

test('keys are written between a claim and the revision that ends it', async () => {
  const { apply, written, stored, counts } = rig();
  await apply(acme({ widgetKeys: [widgetKey('web')] }));
  assert.equal(written, ['tenant acme r0', 'key web', 'tenant acme r1']);
  written.length = 0;
  await apply(acme({ widgetKeys: [widgetKey('web', { enabled: false }), widgetKey('app')] }));
  assert.equal(written, ['tenant acme r2', 'key web', 'key app', 'tenant acme r3']);
  assert.is((await stored()).tenant.claimedUntil, undefined);
  assert.equal(counts, [2, 2]);
});

test('a change of the offer alone is one write', async () => {
  const { apply, written } = rig();
  await apply(acme());
  await apply(acme({ name: 'B', quickQuestions: [{ question: 'Q', pageType: 'general' }] }));
  assert.equal(written, ['tenant acme r1', 'tenant acme r2']);
});

/** The stored keys of a version before names: derived when they are read. */
const unnamed = (label: string, n: number, change: Partial<WidgetKey> = {}): WidgetKey => {
  const { isNamed: _, ...spec } = widgetKey(label.toLowerCase(), { label });
  const nameSource = 'unstored';
  return {
    ...spec,
    nameSource,
    id: `id-${n}`,
    tenantId: 't',
    publicKey: publicKey(n),
    endsAt: undefined,
    revision: 1,
    ...change,
  };
};
const byFile = (label: string, change: Partial<WidgetKeySpec> = {}) =>
  widgetKey(label.toLowerCase(), { label, isNamed: false, ...change });

const MATCHES: readonly (readonly [
  name: string,
  stored: readonly WidgetKey[],
  specs: readonly WidgetKeySpec[],
  /** Each key afterwards: its name, and the stored one that it is. */
  after: readonly string[],
])[] = [
  ['a file without names: by label', [unnamed('Shop', 1)], [byFile('Shop')], ['shop id-1']],
  [
    'a file without names: by public key, whatever the label',
    [unnamed('Shop', 1)],
    [byFile('Till', { publicKey: publicKey(1) })],
    ['shop id-1'],
  ],
  [
    'a file without names: another public key of the same label is another key',
    [unnamed('Shop', 1)],
    [byFile('Shop', { publicKey: publicKey(2) })],
    ['shop id-1', 'shop-2 new'],
  ],
  [
    'two of one label, told apart by public key',
    [unnamed('Shop', 1), unnamed('Shop', 2, { name: 'shop-2' })],
    [
      byFile('Shop', { publicKey: publicKey(2) }),
      byFile('Shop', { name: 'shop-2', publicKey: publicKey(1) }),
    ],
    ['shop id-1', 'shop-2 id-2'],
  ],
  [
    'a name is given: by label once',
    [unnamed('Shop', 1)],
    [widgetKey('web', { label: 'Shop' })],
    ['web id-1'],
  ],
  [
    'a name is given: by public key once',
    [unnamed('Shop', 1)],
    [widgetKey('web', { label: 'Till', publicKey: publicKey(1) })],
    ['web id-1'],
  ],
  ['a name is given that was derived before', [unnamed('Shop', 1)], [widgetKey('shop')], ['shop id-1']],
  [
    'a key with a name keeps it, and one of another name is new',
    [unnamed('Shop', 1, { nameSource: undefined })],
    [widgetKey('web', { label: 'Shop' })],
    ['shop id-1', 'web new'],
  ],
  [
    'a file without names finds a key that was named since',
    [unnamed('Shop', 1, { name: 'web', nameSource: undefined })],
    [byFile('Shop')],
    ['web id-1'],
  ],
  [
    'a label that changes with its name kept is the same key',
    [unnamed('Shop', 1, { nameSource: undefined })],
    [widgetKey('shop', { label: 'Till' })],
    ['shop id-1'],
  ],
];
for (const [name, before, specs, after] of MATCHES) {
  test(`keys by name: ${name}`, async () => {
    const { apply, tenants, keys, stored, written } = rig();
    tenants.set('t', { id: 't', slug: 'acme', name: 'Acme', flows: [], quickQuestions: [], revision: 5 });
    for (const key of before) keys.set(key.id, key);
    await apply(acme({ widgetKeys: specs }));
    const found = (await stored()).keys.map(({ name, id }) => `${name} ${id.startsWith('id-') ? id : 'new'}`);
    assert.equal(found.sort(), after);
    // From then on nothing changes any more.
    written.length = 0;
    await apply(acme({ widgetKeys: specs }));
    assert.equal(written, []);
  });
}

test('a public key is made once, by name, and a changed label keeps it', async () => {
  const { apply, keys } = rig();
  await apply(acme({ widgetKeys: [widgetKey('web')] }));
  const [before] = keys.values();
  await apply(acme({ widgetKeys: [widgetKey('web', { label: 'Other' })] }));
  const [after, ...others] = keys.values();
  assert.equal([after?.id, after?.publicKey, others], [before?.id, before?.publicKey, []]);
});

test('a tenant file is applied when its content is new, and changes by others survive what is not', async () => {
  const { apply, stored } = rig();
  const nameAfter = async (spec: TenantSpec, isFile: boolean) => {
    const { outcome } = await apply(spec, { isFile });
    return `${outcome} ${(await stored()).tenant.name}`;
  };
  const [v1, v2] = [acme({ name: 'v1' }), acme({ name: 'v2' })];
  assert.is(await nameAfter(v1, true), 'created v1');
  assert.is(await nameAfter(acme({ name: 'by API' }), false), 'updated by API');
  assert.is(await nameAfter(v1, true), 'skipped by API');
  assert.is(await nameAfter(v2, true), 'updated v2');
  assert.is(await nameAfter(v1, true), 'updated v1');
  // A file that was applied by the API first is not applied again at the start, and its older content is.
  assert.is(await nameAfter(v2, false), 'updated v2');
  assert.is(await nameAfter(acme({ name: 'by API' }), false), 'updated by API');
  assert.is(await nameAfter(v2, false), 'updated v2');
  assert.is(await nameAfter(v2, true), 'skipped v2');
  assert.is(await nameAfter(v1, true), 'updated v1');
});

test('applying other content than the tenant file had says so', async () => {
  const { apply } = rig();
  await apply(acme(), { isFile: true });
  assert.equal((await apply(acme())).warnings, []);
  const [warning = ''] = (await apply(acme({ name: 'B' }))).warnings;
  assert.match(warning, /^The tenant file that the service last started with has other content/);
});

test('without encryption keys a key cannot verify customers', async () => {
  const { apply, written } = rig({ encryptionKeys: 0 });
  const faults = await faultsOf(apply(acme({ widgetKeys: [widgetKey('web', { identity: 'optional' })] })));
  assert.equal(faults, ['widgetKeys.0.identity identity.encryption_keys']);
  assert.equal(written, []);
});

test('the keys that are kept count, and more than 50 are refused', async () => {
  const { apply } = rig();
  const keys = (from: number, n: number) => Array.from({ length: n }, (_, i) => widgetKey(`k${from + i}`));
  await apply(acme({ widgetKeys: keys(0, 30) }));
  await apply(acme({ widgetKeys: keys(20, 30) }));
  assert.equal(await faultsOf(apply(acme({ widgetKeys: keys(49, 3) }))), [
    'widgetKeys widget_keys.max_items',
  ]);
});

test('a secret that was written before a conflict is shown all the same, and only once', async () => {
  const { apply, before, keys } = rig();
  const spec = acme({ widgetKeys: [widgetKey('web', { identity: 'required' }), widgetKey('app')] });
  let conflicts = 2;
  before.key = () => {
    // Somebody changes a key by hand: the compare-and-set fails, and all is planned again.
    const [key] = keys.values();
    if (key && conflicts-- > 0) keys.set(key.id, { ...key, revision: key.revision + 1 });
  };
  const applied = await apply(spec);
  assert.equal(
    applied.keys.map(({ secret }) => secret?.shown.length),
    [43, undefined],
  );
  assert.equal(
    (await apply(spec)).keys.map(({ secret }) => secret),
    [undefined, undefined],
  );
});

test('a writer that died leaves its claim, and the next change after its end completes it', async () => {
  const { apply, tenants, clock, stored, written } = rig();
  const spec = acme({ widgetKeys: [widgetKey('web')] });
  await apply(spec);
  const { tenant } = await stored();
  tenants.set(tenant.id, { ...tenant, revision: 2, claimedUntil: clock.now + 10_000 });
  written.length = 0;
  const from = clock.now;
  assert.is((await apply(spec)).revision, 3);
  assert.ok(clock.now - from >= 10_000);
  assert.equal(written, ['tenant acme r3']);
  assert.is((await stored()).tenant.claimedUntil, undefined);
});

test('a write that fails gives the claim back, and a repeat completes it', async () => {
  const { apply, before, clock, stored } = rig();
  await apply(acme());
  const error = new ServiceError('unavailable', 'Later.');
  before.key = () => {
    throw error;
  };
  const spec = acme({ widgetKeys: [widgetKey('web')] });
  assert.is(await failure(apply(spec)), error);
  delete before.key;
  const from = clock.now;
  await apply(spec);
  assert.is(clock.now, from);
  assert.is((await stored()).keys.length, 1);
});

test('a tenant that is always changed by others is given up', async () => {
  const { apply, before, tenants } = rig();
  await apply(acme());
  before.tenant = () => {
    for (const [id, tenant] of tenants) tenants.set(id, { ...tenant, revision: tenant.revision + 1 });
  };
  const error = await failure(apply(acme({ name: 'B' })));
  assert.is(error instanceof ServiceError && error.code, 'unavailable');
});

/** The lines of a diff that change something. */
const changesOf = ({ changes }: { readonly changes: readonly { readonly kind: Kind }[] }) =>
  changes.filter(({ kind }) => kind !== Kind.KEPT);

const definitions = tenantSpec.map((spec) => ({ ...spec, slug: 'acme' }));

/** Definitions of one tenant whose flow ids do not contradict each other: a flow keeps its first one. */
const sequences = fc
  .array(fc.tuple(definitions, fc.boolean()), { minLength: 1, maxLength: 4 })
  .map((list) =>
    list.map(
      ([spec, prune]) => [{ ...spec, flows: spec.flows.map(({ id: _, ...flow }) => flow) }, prune] as const,
    ),
  );

test(
  'property: applying twice, or what is exported, changes nothing',
  async () => {
    await fc.assert(
      fc.asyncProperty(sequences, async (list) => {
        const { apply, stored, written } = rig();
        for (const [spec, prune] of list) {
          const generation = (key: WidgetKeySpec) => ({ ...key, identitySecretGeneration: 1 });
          const one = {
            ...spec,
            widgetKeys: spec.widgetKeys.map(generation).map(({ publicKey: _, ...key }) => key),
          };
          const first = await apply(one, { prune });
          written.length = 0;
          const again = await apply(one, { prune });
          assert.equal(changesOf(again), []);
          assert.equal([again.revision, written], [first.revision, []]);

          const { tenant, keys } = await stored();
          const exported = requireSpec(parseTenant(toDefinition(tenant, keys)), 'definition');
          const round = await apply(exported, { prune });
          assert.equal([round.changes, round.revision], [[], first.revision]);
          await apply(one, { prune });
        }
      }),
      { numRuns: 60 },
    );
  },
  { timeoutMs: 60_000 },
);

type Rig = ReturnType<typeof rig>;
type Step = (rig: Rig) => Promise<unknown>;

/** One call of any RPC that changes flows or keys, on whatever the tenant has by then. */
const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(definitions, fc.boolean()).map(
    ([spec, prune]): Step =>
      ({ apply }) =>
        apply({ ...spec, flows: spec.flows.map(({ id: _, ...flow }) => flow) }, { prune }),
  ),
  fc.tuple(fc.nat(5), fc.constantFrom('publish', 'unpublish', 'delete', 'upsert', 'revoke', 'toggle')).map(
    ([n, what]): Step =>
      async ({ catalog, stored }) => {
        const { tenant, keys } = await stored();
        const [flow, key] = [tenant.flows[n % tenant.flows.length], keys[n % keys.length]];
        const call = {
          tenantId: tenant.id,
          signal: new CallController().signal,
          audit: createCallAudit({ add: async () => {} }, Object.create(null), {
            action: what,
            tenantId: tenant.id,
            tenant: 'acme',
          }),
        };
        const other = tenant.flows[(n + 1) % tenant.flows.length];
        await changeExisting(applyDeps(catalog), { tenant: 'acme' }, call, (now) => {
          if (key && what === 'revoke') return { keys: withoutKey(now.keys, key.name), answer: what };
          if (key && what === 'toggle') {
            return { keys: withKeyEnabled(now.keys, key.name, !key.enabled), answer: what };
          }
          if (!flow || !other) return { answer: what };
          if (what === 'delete') return { tenant: withoutFlow(now.tenant, flow.slug), answer: what };
          if (what !== 'upsert') {
            return { tenant: withPublished(now.tenant, flow.slug, what === 'publish'), answer: what };
          }
          return { tenant: withFlow(now.tenant, { ...flow, intent: other.intent }), answer: what };
        });
      },
  ),
);

test(
  'property: whatever is called, the limits hold and of the published flows each has another intent',
  async () => {
    await fc.assert(
      fc.asyncProperty(definitions, fc.array(steps, { minLength: 1, maxLength: 12 }), async (first, list) => {
        const made = rig();
        await made.apply(first);
        for (const step of list) {
          await step(made).catch((error: unknown) => {
            if (!(error instanceof DefinitionError) && !(error instanceof ServiceError)) throw error;
          });
        }
        const { tenant, keys } = await made.stored();
        const intents = tenant.flows.flatMap(({ published, intent }) => (published ? intent.name : []));
        assert.is(new Set(intents).size, intents.length);
        assert.is(new Set(keys.map(({ name }) => name)).size, keys.length);
        assert.ok(keys.length <= 50 && tenant.flows.length <= 200);
        const ids = new Set(tenant.flows.map(({ id }) => id));
        assert.ok(tenant.quickQuestions.every(({ flowId }) => flowId === undefined || ids.has(flowId)));
      }),
      { numRuns: 100 },
    );
  },
  { timeoutMs: 60_000 },
);

test('two applies at once, of two processes: each is applied as a whole, one after the other', async () => {
  for (let round = 0; round < 20; round++) {
    const { process, stored, keys } = rig();
    const definition = (name: string) =>
      acme({ name, widgetKeys: ['a', 'b', 'c'].map((key) => widgetKey(key, { label: name })) });
    const applied = await Promise.all(['one', 'two', 'three'].map((name) => process()(definition(name))));
    assert.is(new Set(applied.map(({ revision }) => revision)).size, 3);
    const { tenant } = await stored();
    assert.equal(
      [...keys.values()].map(({ label }) => label),
      [tenant.name, tenant.name, tenant.name],
    );
    assert.is(tenant.revision, Math.max(...applied.map(({ revision }) => revision)));
  }
});
