import { randomBytes } from 'node:crypto';
import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { ApplyError } from '../../src/catalog/apply-error.js';
import { type AppliedTenant, applyTenants } from '../../src/catalog/apply-tenants.js';
import { createIdentitySecrets } from '../../src/catalog/identity-secrets.js';
import type { CatalogStore, Flow, IdentitySecret, Tenant, WidgetKey } from '../../src/catalog/model.js';
import type { TenantSpec, WidgetKeySpec } from '../../src/catalog/tenant-spec.js';
import { ServiceError } from '../../src/rpc/errors.js';

const test = suite('apply tenants');

const uuid = (n: number): string => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
const publicKey = (n: number): string => `pk_live_${n.toString(16).padStart(32, '0')}`;

function flow(slug: string, published = true): Flow {
  const intent = {
    name: slug.replaceAll('-', '_'),
    displayLabel: slug,
    examples: [],
    requiredEntities: [],
    styleVariant: 'solid',
    isPinned: false,
    priority: 0,
  };
  return { slug, id: `id-${slug}`, published, intent };
}

function widgetKey(label: string, change: Partial<WidgetKeySpec> = {}): WidgetKeySpec {
  return {
    label,
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
  return {
    slug: 'acme',
    name: 'Acme Inc.',
    flows: [flow('order-status')],
    quickQuestions: [{ question: 'Where is my order?', pageType: 'general', flow: 'order-status' }],
    widgetKeys: [widgetKey('Shop', { publicKey: publicKey(1) })],
    ...change,
  };
}

/** A catalogue in memory, with what was written to it, and room for somebody else in between. */
function rig() {
  const tenants = new Map<string, Tenant>();
  const keys = new Map<string, WidgetKey>();
  const secrets = new Map<string, IdentitySecret>();
  const written: string[] = [];
  /** What somebody else does just before a write. */
  const others: { insert?: () => void; replace?: () => void; put?: () => void; seal?: () => void } = {};
  let ids = 0;

  const notUsed = (): never => {
    throw new Error('not for this');
  };
  const store: CatalogStore = {
    findKey: async (wanted) => [...keys.values()].find((key) => key.publicKey === wanted),
    findKeyById: async (id) => keys.get(id),
    findTenant: async (id) => tenants.get(id),
    findTenantBySlug: async (slug) => [...tenants.values()].find((tenant) => tenant.slug === slug),
    revisions: async () => new Map(),
    keysOf: async (tenantId) => [...keys.values()].filter((key) => key.tenantId === tenantId),
    async insertTenant(tenant) {
      others.insert?.();
      if ([...tenants.values()].some(({ slug }) => slug === tenant.slug)) return false;
      tenants.set(tenant.id, tenant);
      written.push(`tenant ${tenant.slug} r${tenant.revision}`);
      return true;
    },
    async replaceTenant(tenant, expectedRevision) {
      others.replace?.();
      if (tenants.get(tenant.id)?.revision !== expectedRevision) return false;
      tenants.set(tenant.id, tenant);
      written.push(`tenant ${tenant.slug} r${tenant.revision}`);
      return true;
    },
    async insertKey(key) {
      others.put?.();
      const isTaken = ({ id, publicKey }: WidgetKey) => id === key.id || publicKey === key.publicKey;
      if ([...keys.values()].some(isTaken)) return false;
      keys.set(key.id, key);
      written.push(`key ${key.label}`);
      return true;
    },
    async replaceKey(key, expectedRevision) {
      others.put?.();
      if (keys.get(key.id)?.revision !== expectedRevision) return false;
      keys.set(key.id, key);
      written.push(`key ${key.label}`);
      return true;
    },
    insertAlias: notUsed,
    deleteAliases: notUsed,
    deleteKey: notUsed,
    findIdentitySecret: async (keyId) => secrets.get(keyId),
    insertIdentitySecret: async (secret) => putSecret(secret, undefined),
    replaceIdentitySecret: async (secret, expected) => putSecret(secret, expected),
    deleteIdentitySecret: notUsed,
  };

  /** The store's answer to a write that it did: false when the driver sent it twice. */
  const answers = { seal: true };
  const putSecret = (secret: IdentitySecret, expected: number | undefined): boolean => {
    others.seal?.();
    if (secrets.get(secret.keyId)?.generation !== expected) return false;
    secrets.set(secret.keyId, secret);
    written.push(`secret ${secret.generation}`);
    return answers.seal;
  };
  /** None of them is there when it is empty. */
  const encryptionKeys = [{ kid: 'k1', secret: Buffer.alloc(32, 1) }];
  const identitySecrets = createIdentitySecrets({ keyring: async () => encryptionKeys, randomBytes });

  /** Applies tenants: what it answers, and what it wrote. */
  async function apply(...specs: readonly TenantSpec[]) {
    written.length = 0;
    const newId = () => uuid(++ids);
    const told: AppliedTenant[] = [];
    const onApplied = async (tenant: AppliedTenant) => void told.push(tenant);
    const applied = await applyTenants(
      { tenants: specs },
      { store, newId, newPublicKey: () => publicKey(1000 + ++ids), onApplied, identitySecrets },
    );
    assert.equal(told, applied);
    const ofKeys = written.filter((row) => row.startsWith('key'));
    const ofTenants = new Set(
      written.filter((row) => !ofKeys.includes(row)).map((row) => row.replace(/ r\d+$/, '')),
    );
    const counted = applied.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0);
    assert.is(counted, ofKeys.length + ofTenants.size, written.join());
    return { applied, written: [...written] };
  }

  function tenant(slug: string): Tenant {
    const found = [...tenants.values()].find((row) => row.slug === slug);
    if (!found) throw new Error(`no tenant ${slug}`);
    return found;
  }

  return { apply, tenants, keys, secrets, tenant, others, answers, encryptionKeys, identitySecrets };
}

const outcomes = ({ outcome, keys }: AppliedTenant): string[] => [outcome, ...keys.map((key) => key.outcome)];

async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

test('a new tenant is created, with its keys', async () => {
  const { apply, tenant, keys } = rig();
  const endsAt = new Date('2027-01-01T00:00:00Z');
  const { applied } = await apply(
    acme({ widgetKeys: [widgetKey('Shop', { publicKey: publicKey(1), endsAt })] }),
  );
  assert.equal(applied, [
    {
      id: tenant('acme').id,
      slug: 'acme',
      outcome: 'created',
      rowsWritten: 2,
      keys: [{ id: [...keys.keys()][0], label: 'Shop', publicKey: publicKey(1), outcome: 'created' }],
    },
  ]);
  const { id, keysDigest, ...stored } = tenant('acme');
  assert.match(keysDigest, /^[\w-]{43}$/);
  assert.equal(stored, {
    slug: 'acme',
    name: 'Acme Inc.',
    flows: [flow('order-status')],
    quickQuestions: [{ question: 'Where is my order?', pageType: 'general', flowId: 'id-order-status' }],
    revision: 1,
  });
  const [row] = keys.values();
  assert.is(row?.tenantId, id);
  assert.is(row?.endsAt, endsAt.getTime());
  assert.is(row?.publicKey, publicKey(1));
});

test('applying again changes nothing, and writes nothing', async () => {
  const { apply, tenant } = rig();
  const spec = acme({
    flows: [flow('order-status'), flow('draft', false)],
    quickQuestions: [{ question: 'q', pageType: 'cart' }],
    widgetKeys: [widgetKey('Shop'), widgetKey('Till', { endsAt: new Date(0), publicKey: publicKey(2) })],
  });
  await apply(spec);
  for (let run = 0; run < 2; run++) {
    const { applied, written } = await apply(spec);
    assert.equal(applied.map(outcomes), [['unchanged', 'unchanged', 'unchanged']]);
    assert.equal(written, []);
  }
  assert.is(tenant('acme').revision, 1);
});

const CHANGES: readonly (readonly [
  name: string,
  change: Partial<TenantSpec>,
  outcomes: readonly string[],
  written: readonly string[],
])[] = [
  ['nothing', {}, ['unchanged', 'unchanged'], []],
  ['the name', { name: 'Acme Ltd.' }, ['updated', 'unchanged'], ['tenant acme r2']],
  ['a flow', { flows: [flow('order-status', false)] }, ['updated', 'unchanged'], ['tenant acme r2']],
  ['a flow more', { flows: [flow('order-status'), flow('b')] }, ['updated', 'unchanged'], ['tenant acme r2']],
  ['no questions', { quickQuestions: [] }, ['updated', 'unchanged'], ['tenant acme r2']],
  [
    'a question without its flow',
    { quickQuestions: [{ question: 'Where is my order?', pageType: 'general' }] },
    ['updated', 'unchanged'],
    ['tenant acme r2'],
  ],
  [
    'a key',
    { widgetKeys: [widgetKey('Shop', { publicKey: publicKey(1), enabled: false })] },
    ['updated', 'updated'],
    ['key Shop', 'tenant acme r2'],
  ],
  [
    'the label of a key',
    { widgetKeys: [widgetKey('Till', { publicKey: publicKey(1) })] },
    ['updated', 'updated'],
    ['key Till', 'tenant acme r2'],
  ],
  [
    'a key more',
    { widgetKeys: [widgetKey('Shop', { publicKey: publicKey(1) }), widgetKey('Till')] },
    ['updated', 'unchanged', 'created'],
    ['key Till', 'tenant acme r2'],
  ],
  [
    'name and key',
    { name: 'Acme Ltd.', widgetKeys: [widgetKey('Shop', { publicKey: publicKey(1), endsAt: new Date(0) })] },
    ['updated', 'updated'],
    ['key Shop', 'tenant acme r2'],
  ],
];
for (const [name, change, expected, writes] of CHANGES) {
  test(`a change of ${name}: what it does, keys before the revision`, async () => {
    const { apply } = rig();
    await apply(acme());
    const { applied, written } = await apply(acme(change));
    assert.equal(applied.map(outcomes), [expected]);
    assert.equal(written, writes);
  });
}

test('a change keeps the ids of the tenant and of its keys', async () => {
  const { apply, tenant, keys } = rig();
  await apply(acme());
  const before = { tenant: tenant('acme').id, keys: [...keys.keys()] };
  await apply(acme({ name: 'B', widgetKeys: [widgetKey('B', { publicKey: publicKey(1) })] }));
  assert.equal({ tenant: tenant('acme').id, keys: [...keys.keys()] }, before);
});

test('a key that is left out is made, and stays the same one', async () => {
  const { apply, keys } = rig();
  const spec = acme({ widgetKeys: [widgetKey('Shop'), widgetKey('Till')] });
  const first = (await apply(spec)).applied[0]?.keys ?? [];
  assert.is(new Set(first.map((key) => key.publicKey)).size, 2);
  const again = (await apply(spec)).applied[0]?.keys;
  assert.equal(
    again,
    first.map((key) => ({ ...key, outcome: 'unchanged' })),
  );
  const changed = acme({ widgetKeys: [widgetKey('Shop', { enabled: false }), widgetKey('Till')] });
  const third = (await apply(changed)).applied[0]?.keys;
  assert.equal(
    third?.map((key) => key.publicKey),
    first.map((key) => key.publicKey),
  );
  assert.is(keys.size, 2);
});

test('a key that is left out is never one that the file names beside it', async () => {
  const { apply, keys } = rig();
  await apply(acme());
  const { applied } = await apply(
    acme({ widgetKeys: [widgetKey('Shop', { publicKey: publicKey(1) }), widgetKey('Shop')] }),
  );
  assert.equal(applied.map(outcomes), [['updated', 'unchanged', 'created']]);
  assert.is(keys.size, 2);
});

test('tenants and keys that the file does not name are left alone', async () => {
  const { apply, tenants, keys } = rig();
  await apply(acme(), acme({ slug: 'other', widgetKeys: [widgetKey('Other', { publicKey: publicKey(2) })] }));
  const before = structuredClone([...tenants, ...keys]);
  const { written } = await apply(acme({ widgetKeys: [] }));
  assert.equal(written, []);
  assert.equal([...tenants, ...keys], before);
});

test('several tenants, each with its outcome, in the order of the file', async () => {
  const { apply } = rig();
  const key = (n: number) => ({ widgetKeys: [widgetKey('Shop', { publicKey: publicKey(n) })] });
  await apply(acme({ slug: 'b', ...key(2) }), acme({ slug: 'c', ...key(3) }));
  const { applied } = await apply(
    acme({ slug: 'a', ...key(1) }),
    acme({ slug: 'b', ...key(2) }),
    acme({ slug: 'c', name: 'C', ...key(3) }),
  );
  assert.equal(
    applied.map(({ slug, outcome }) => [slug, outcome]),
    [
      ['a', 'created'],
      ['b', 'unchanged'],
      ['c', 'updated'],
    ],
  );
});

test('a key of another tenant is refused, by name', async () => {
  const { apply, keys, tenant } = rig();
  await apply(acme());
  const thief = acme({ slug: 'thief', widgetKeys: [widgetKey('Stolen', { publicKey: publicKey(1) })] });
  const error = await failure(apply(thief));
  assert.instance(error, ApplyError);
  assert.match(String(error), `tenant thief: the key ${publicKey(1)} belongs to another tenant`);
  assert.equal(
    [...keys.values()].map((key) => [key.tenantId, key.label]),
    [[tenant('acme').id, 'Shop']],
  );
});

test('errors of the store come through', async () => {
  const { apply, others } = rig();
  const error = new ServiceError('unavailable', 'Later.');
  others.insert = () => {
    throw error;
  };
  assert.is(await failure(apply(acme())), error);
});

/** Somebody else changes the tenant, as often as that. */
function changeInBetween({ tenants, tenant, others }: ReturnType<typeof rig>, times: number): void {
  let left = times;
  others.replace = () => {
    if (left-- <= 0) return;
    const row = tenant('acme');
    tenants.set(row.id, { ...row, revision: row.revision + 1 });
  };
}

test('a tenant that somebody else changed in between is tried again', async () => {
  const made = rig();
  await made.apply(acme());
  changeInBetween(made, 4);
  const { applied, written } = await made.apply(acme({ name: 'Acme Ltd.' }));
  assert.equal(applied.map(outcomes), [['updated', 'unchanged']]);
  assert.equal(written, ['tenant acme r6']);
  assert.is(made.tenant('acme').name, 'Acme Ltd.');
});

test('a tenant that always changes in between is given up, by name', async () => {
  const made = rig();
  await made.apply(acme());
  changeInBetween(made, Number.POSITIVE_INFINITY);
  const error = await failure(made.apply(acme({ name: 'Acme Ltd.' })));
  assert.instance(error, ApplyError);
  assert.match(String(error), /tenant acme was changed by somebody else/);
});

test('a key that was written before such a conflict still bumps the revision after it', async () => {
  const made = rig();
  await made.apply(acme());
  changeInBetween(made, 1);
  const changed = acme({ widgetKeys: [widgetKey('Till', { publicKey: publicKey(1) })] });
  const { applied, written } = await made.apply(changed);
  assert.equal(written, ['key Till', 'tenant acme r3']);
  assert.equal(applied.map(outcomes), [['updated', 'updated']]);
});

test('a key that was made before such a conflict is answered as made', async () => {
  const made = rig();
  await made.apply(acme({ widgetKeys: [] }));
  changeInBetween(made, 1);
  const { applied } = await made.apply(acme({ widgetKeys: [widgetKey('Till')] }));
  assert.equal(applied.map(outcomes), [['updated', 'created']]);
  assert.is(made.keys.size, 1);
});

test('when a later key is refused, no earlier one is changed without a new revision', async () => {
  const { apply, tenant, keys } = rig();
  const other = acme({ slug: 'other', widgetKeys: [widgetKey('Other', { publicKey: publicKey(2) })] });
  await apply(acme(), other);
  const changed = acme({
    widgetKeys: [
      widgetKey('Shop', { publicKey: publicKey(1), enabled: false }),
      widgetKey('Stolen', { publicKey: publicKey(2) }),
    ],
  });
  assert.instance(await failure(apply(changed)), ApplyError);
  const shop = [...keys.values()].find((key) => key.publicKey === publicKey(1));
  assert.is(tenant('acme').revision, shop?.enabled === false ? 2 : 1);
});

test('a revision that was lost after its keys were written is made up for by the next run', async () => {
  const { apply, tenant, keys, others } = rig();
  await apply(acme());
  others.replace = () => {
    delete others.replace;
    throw new ServiceError('unavailable', 'The database does not answer at the moment.');
  };
  const changed = acme({ widgetKeys: [widgetKey('Shop', { publicKey: publicKey(1), enabled: false })] });
  assert.instance(await failure(apply(changed)), ServiceError);
  assert.is([...keys.values()][0]?.enabled, false);
  assert.is(tenant('acme').revision, 1);
  const { applied } = await apply(changed);
  assert.is(tenant('acme').revision, 2);
  assert.equal(applied.map(outcomes), [['updated', 'unchanged']]);
  assert.equal((await apply(changed)).applied.map(outcomes), [['unchanged', 'unchanged']]);
});

test('a key that somebody else makes at the same moment, from the same file, becomes one key', async () => {
  for (const publicKeyOf of [publicKey(1), undefined]) {
    const mine = rig();
    const spec = acme({
      widgetKeys: [widgetKey('Shop', publicKeyOf === undefined ? {} : { publicKey: publicKeyOf })],
    });
    const theirs = rig();
    await theirs.apply(spec);
    const [theirKey] = [...theirs.keys.values()];
    if (!theirKey) throw new Error('no key');
    mine.others.put = () => {
      delete mine.others.put;
      mine.keys.set(theirKey.id, { ...theirKey, tenantId: mine.tenant('acme').id });
    };
    const { applied } = await mine.apply(spec);
    assert.equal(
      applied.map(({ outcome }) => outcome),
      ['unchanged'],
    );
    assert.is(mine.keys.size, 1);
    assert.equal(
      applied[0]?.keys.map((key) => key.publicKey),
      [theirKey.publicKey],
    );
  }
});

test('a tenant that somebody else creates at the same moment becomes one tenant', async () => {
  const { apply, tenants, others, tenant } = rig();
  others.insert = () => {
    delete others.insert;
    tenants.set(uuid(9999), {
      ...acme(),
      id: uuid(9999),
      quickQuestions: [],
      flows: [],
      keysDigest: '',
      revision: 1,
    });
  };
  const { applied } = await apply(acme());
  assert.equal(applied.map(outcomes), [['updated', 'created']]);
  assert.is(tenants.size, 1);
  assert.is(tenant('acme').revision, 2);
});

/** Acme with one key that verifies identities, with a secret of that generation. */
function verifying(generation = 1, change: Partial<WidgetKeySpec> = {}): TenantSpec {
  const key = { identity: 'required', identitySecretGeneration: generation } as const;
  return acme({ widgetKeys: [widgetKey('Shop', { publicKey: publicKey(1), ...key, ...change })] });
}

const SECRET = /^[A-Za-z0-9_-]{43}$/;
type Rig = ReturnType<typeof rig>;

/** What was shown, and whether it is the key that is stored. */
async function shownBy({ applied }: Awaited<ReturnType<Rig['apply']>>, { secrets, identitySecrets }: Rig) {
  const [key] = applied[0]?.keys ?? [];
  const stored = secrets.get(key?.id ?? '');
  const opened = stored && (await identitySecrets.open(stored)).export().toString('utf8');
  return { secret: key?.identitySecret, isStored: key?.identitySecret === opened };
}

test('a key that verifies identities gets a secret, shown once: secret, key, revision', async () => {
  const made = rig();
  await made.apply(acme());
  const first = await made.apply(verifying());
  assert.equal(first.written, ['secret 1', 'key Shop', 'tenant acme r2']);
  const { secret, isStored } = await shownBy(first, made);
  assert.match(secret ?? '', SECRET);
  assert.ok(isStored);
  const again = await made.apply(verifying());
  assert.equal(again.written, []);
  assert.equal(again.applied.map(outcomes), [['unchanged', 'unchanged']]);
  assert.not('identitySecret' in (again.applied[0]?.keys[0] ?? {}));
});

test('what is stored of a secret is not what is shown', async () => {
  const made = rig();
  const { secret = '' } = await shownBy(await made.apply(verifying()), made);
  for (const row of [...made.secrets.values(), ...made.keys.values(), ...made.tenants.values()]) {
    const text = JSON.stringify(row, (_, value) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
    );
    assert.not(text.includes(secret));
  }
});

test('a raised generation is a new secret', async () => {
  const made = rig();
  const first = await shownBy(await made.apply(verifying()), made);
  const second = await made.apply(verifying(5));
  assert.equal(second.written, ['secret 5', 'key Shop', 'tenant acme r2']);
  const { secret, isStored } = await shownBy(second, made);
  assert.ok(isStored);
  assert.is.not(secret, first.secret);
  assert.is(made.secrets.size, 1);
});

test('a generation that goes back is refused by name, and nothing is written', async () => {
  const made = rig();
  await made.apply(verifying(3));
  const before = structuredClone([...made.keys, ...made.tenants]);
  const error = await failure(made.apply(verifying(2, { label: 'Till' })));
  assert.instance(error, ApplyError);
  assert.match(
    String(error),
    /the key "Till" has an identity secret of generation 3, and .*: 2 would go back/,
  );
  assert.equal([...made.keys, ...made.tenants], before);
});

test('a change of the mode keeps the secret, and so does off', async () => {
  const made = rig();
  await made.apply(verifying());
  const [secret] = made.secrets.values();
  for (const identity of ['optional', 'off', 'required'] as const) {
    const { written, applied } = await made.apply(verifying(1, { identity }));
    assert.equal(written, ['key Shop', `tenant acme r${made.tenant('acme').revision}`], identity);
    assert.is(applied[0]?.keys[0]?.identitySecret, undefined);
    assert.equal([...made.secrets.values()], [secret]);
  }
});

test('a secret that is missing is made anew, with a new revision', async () => {
  const made = rig();
  await made.apply(verifying());
  made.secrets.clear();
  const { written, applied } = await made.apply(verifying());
  assert.equal(written, ['secret 1', 'tenant acme r2']);
  assert.equal(applied.map(outcomes), [['updated', 'unchanged']]);
  assert.match(applied[0]?.keys[0]?.identitySecret ?? '', SECRET);
});

test('a revision that was lost after a secret was written is made up for by the next run', async () => {
  const made = rig();
  await made.apply(verifying());
  made.secrets.clear();
  made.others.replace = () => {
    delete made.others.replace;
    throw new ServiceError('unavailable', 'The database does not answer at the moment.');
  };
  assert.instance(await failure(made.apply(verifying())), ServiceError);
  assert.equal((await made.apply(verifying())).written, ['tenant acme r2']);
  assert.equal((await made.apply(verifying())).written, []);
});

test('a file that leaves out a key with a secret changes nothing', async () => {
  const made = rig();
  await made.apply(verifying());
  assert.equal((await made.apply(acme({ widgetKeys: [] }))).written, []);
});

test('a secret that was made before a conflict is shown all the same', async () => {
  const made = rig();
  await made.apply(acme());
  changeInBetween(made, 1);
  const result = await made.apply(verifying());
  assert.ok((await shownBy(result, made)).isStored);
});

test('a write that the driver sent twice is shown: what is stored is ours', async () => {
  const made = rig();
  made.answers.seal = false;
  assert.ok((await shownBy(await made.apply(verifying()), made)).isStored);
  assert.ok((await shownBy(await made.apply(verifying(2)), made)).isStored);
});

for (const [name, generation] of [
  ['made', 1],
  ['replaced', 2],
] as const) {
  test(`a secret that somebody else ${name} at the same moment is not shown here`, async () => {
    const mine = rig();
    await mine.apply(verifying(1, { identity: generation === 1 ? 'off' : 'required' }));
    const [keyId = ''] = mine.keys.keys();
    const { stored } = await mine.identitySecrets.make(keyId, generation);
    mine.others.seal = () => {
      delete mine.others.seal;
      mine.secrets.set(keyId, stored);
    };
    const { applied } = await mine.apply(verifying(generation));
    assert.equal(applied.map(outcomes), [['updated', 'updated']]);
    assert.not('identitySecret' in (applied[0]?.keys[0] ?? {}));
    assert.is(mine.secrets.get(keyId), stored);
  });
}

test('without a key to seal with, no part of a file that verifies identities is applied', async () => {
  const made = rig();
  made.encryptionKeys.length = 0;
  const error = await failure(made.apply(acme({ slug: 'first', widgetKeys: [] }), verifying()));
  assert.instance(error, ApplyError);
  assert.match(
    String(error),
    'tenant acme: the key "Shop" has identity: required, which needs IDENTITY_ENCRYPTION_KEYS',
  );
  assert.is(made.tenants.size, 0);
  assert.equal((await made.apply(acme())).applied.map(outcomes), [['created', 'created']]);
});
