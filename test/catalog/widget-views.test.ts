import { createSecretKey } from 'node:crypto';
import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import type { CatalogStore, IdentitySecret, Tenant, WidgetKey } from '../../src/catalog/model.js';
import { createWidgetViews, type WidgetViewsDeps } from '../../src/catalog/widget-views.js';
import { ServiceError } from '../../src/rpc/errors.js';

const test = suite('widget views');

function tenant(id: string, revision = 1): Tenant {
  return { id, slug: id, name: id, flows: [], quickQuestions: [], revision };
}

function key(publicKey: string, tenantId: string, label = publicKey): WidgetKey {
  return {
    id: `id-${publicKey}`,
    tenantId,
    publicKey,
    name: 'key',
    label,
    allowedOrigins: [],
    allowMissingOrigin: false,
    originMode: 'enforce',
    allowsAllIntents: true,
    allowedIntents: [],
    enabled: true,
    identity: 'off',
    identitySecretGeneration: 1,
    revision: 1,
  };
}

/** A catalogue in memory that counts what it is asked, and a clock that stands still. */
function rig(limits: Pick<WidgetViewsDeps, 'capacity' | 'unknownMs'> = {}) {
  const tenants = new Map([tenant('t1'), tenant('t2')].map((row) => [row.id, row]));
  const keys = new Map([key('a', 't1'), key('b', 't1'), key('c', 't2')].map((row) => [row.publicKey, row]));
  const secrets = new Map<string, IdentitySecret>();
  const asked: string[] = [];
  const hooks: { afterFindKey?: () => void; afterFindTenant?: () => void; failWith?: Error } = {};
  const clock = { now: 1_000_000 };

  const notUsed = (): never => {
    throw new Error('not for this');
  };
  const store: CatalogStore = {
    async findKey(publicKey) {
      asked.push(`key ${publicKey}`);
      const found = keys.get(publicKey);
      await Promise.resolve();
      if (hooks.failWith) throw hooks.failWith;
      hooks.afterFindKey?.();
      return found;
    },
    async findTenant(id) {
      asked.push(`tenant ${id}`);
      const found = tenants.get(id);
      hooks.afterFindTenant?.();
      return found;
    },
    listTenants: notUsed,
    deleteTenant: notUsed,
    async revisions(ids) {
      asked.push(`revisions ${[...ids].sort().join(' ')}`);
      if (hooks.failWith) throw hooks.failWith;
      return new Map(ids.flatMap((id) => (tenants.has(id) ? [[id, tenants.get(id)?.revision ?? 0]] : [])));
    },
    async findKeyById(id) {
      asked.push(`key id ${id}`);
      const found = [...keys.values()].find((key) => key.id === id);
      if (hooks.failWith) throw hooks.failWith;
      hooks.afterFindKey?.();
      return found;
    },
    findTenantBySlug: notUsed,
    keysOf: notUsed,
    insertTenant: notUsed,
    replaceTenant: notUsed,
    insertKey: notUsed,
    replaceKey: notUsed,
    insertAlias: notUsed,
    deleteAliases: notUsed,
    deleteKey: notUsed,
    async findIdentitySecret(keyId) {
      asked.push(`secret ${keyId}`);
      return secrets.get(keyId);
    },
    insertIdentitySecret: notUsed,
    replaceIdentitySecret: notUsed,
    deleteIdentitySecret: notUsed,
  };
  const identitySecrets = {
    async open({ keyId, generation }: IdentitySecret) {
      asked.push(`open ${keyId}`);
      if (hooks.failWith) throw hooks.failWith;
      return createSecretKey(Buffer.from(`${keyId} ${generation}`));
    },
  };
  const views = createWidgetViews({ store, identitySecrets, elapsed: () => clock.now, ...limits });

  /** Evicts what is stale, as a poll does that checks all tenants in use. */
  const refresh = async () => views.evictStale(views.tenants(), await store.revisions(views.tenants()));
  /** What the store is asked while that happens. */
  async function questions(work: () => Promise<unknown>): Promise<string[]> {
    asked.length = 0;
    await work();
    return [...asked];
  }
  const label = async (publicKey: string) => (await views.get(publicKey))?.offer.widget?.label;
  /** Makes a key one that verifies identities. */
  const verify = (publicKey: string, generation = 1) => {
    secrets.set(`id-${publicKey}`, {
      keyId: `id-${publicKey}`,
      generation,
      kid: 'k1',
      sealed: new Uint8Array(),
    });
    keys.set(publicKey, { ...key(publicKey, 't1'), identity: 'required' });
  };
  /** What customer tokens for a key are checked with. */
  const identityKey = async (publicKey: string) => {
    const identity = (await views.get(publicKey))?.identity;
    return identity?.mode === 'off' ? 'off' : (await identity?.key())?.export().toString();
  };
  return { views, tenants, keys, secrets, hooks, clock, questions, label, verify, identityKey, refresh };
}

const LOAD_A = ['key a', 'tenant t1', 'key a'];

test('a key is read once and then kept, for however long', async () => {
  const { views, questions, clock } = rig();
  assert.equal(await questions(() => views.get('a')), LOAD_A);
  clock.now += 86_400_000;
  assert.equal(await questions(() => views.get('a')), []);
  assert.is((await views.get('a'))?.keyId, 'id-a');
});

test('an unknown key is remembered for unknownMs, and then asked for again', async () => {
  const { views, questions, clock } = rig({ unknownMs: 2_000 });
  assert.equal(await questions(() => views.get('x')), ['key x']);
  assert.is(await views.get('x'), undefined);
  clock.now += 2_000;
  assert.equal(await questions(() => views.get('x')), []);
  clock.now += 1;
  assert.equal(await questions(() => views.get('x')), ['key x']);
});

test('a key that comes into being is found once it is no longer remembered as unknown', async () => {
  const { views, keys, clock, label } = rig({ unknownMs: 2_000 });
  await views.get('new');
  keys.set('new', key('new', 't2', 'New'));
  assert.is(await label('new'), undefined);
  clock.now += 2_001;
  assert.is(await label('new'), 'New');
});

test('unknown keys are remembered up to the capacity, the latest ones', async () => {
  const { views, questions } = rig({ capacity: 2 });
  for (const made of ['x', 'y', 'z']) await views.get(made);
  assert.equal(await questions(() => views.get('y')), []);
  assert.equal(await questions(() => views.get('z')), []);
  assert.equal(await questions(() => views.get('x')), ['key x']);
});

test('unknown keys never push out known ones', async () => {
  const { views, questions } = rig({ capacity: 2 });
  await views.get('a');
  for (const made of ['w', 'x', 'y', 'z']) await views.get(made);
  assert.equal(await questions(() => views.get('a')), []);
});

test('known keys are kept up to the capacity, the latest ones', async () => {
  const { views, questions } = rig({ capacity: 2 });
  for (const known of ['a', 'b', 'c']) await views.get(known);
  assert.equal(await questions(() => views.get('b')), []);
  assert.equal(await questions(() => views.get('c')), []);
  assert.equal(await questions(() => views.get('a')), LOAD_A);
});

test('concurrent misses of one key ask once', async () => {
  const { views, questions } = rig();
  const same = () => Promise.all(Array.from({ length: 1_000 }, () => views.get('a')));
  assert.equal(await questions(same), LOAD_A);
  const made = () => Promise.all(Array.from({ length: 1_000 }, () => views.get('x')));
  assert.equal(await questions(made), ['key x']);
});

test('a store that fails is not remembered, neither as a view nor as an unknown key', async () => {
  const { views, hooks, label } = rig();
  hooks.failWith = new ServiceError('unavailable', 'Later.');
  const results = await Promise.allSettled([views.get('a'), views.get('a')]);
  assert.equal(
    results.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  delete hooks.failWith;
  assert.is(await label('a'), 'a');
});

test('a refresh keeps what has not changed', async () => {
  const { views, questions, refresh } = rig();
  for (const known of ['a', 'b', 'c']) await views.get(known);
  assert.equal(await questions(refresh), ['revisions t1 t2']);
  const again = () => Promise.all(['a', 'b', 'c'].map((known) => views.get(known)));
  assert.equal(await questions(again), []);
});

test('a refresh drops all keys of the tenants that changed, and only those', async () => {
  const { views, tenants, questions, refresh } = rig();
  for (const known of ['a', 'b', 'c']) await views.get(known);
  tenants.set('t1', tenant('t1', 2));
  await refresh();
  assert.equal(await questions(() => views.get('c')), []);
  assert.equal(await questions(() => views.get('a')), LOAD_A);
  assert.equal(await questions(() => views.get('b')), ['key b', 'tenant t1', 'key b']);
  assert.is((await views.get('a'))?.revision, 2);
});

test('a revision that went back, as after a restored backup, is a change too', async () => {
  const { views, tenants, questions, refresh } = rig();
  tenants.set('t1', tenant('t1', 5));
  await views.get('a');
  tenants.set('t1', tenant('t1', 4));
  await refresh();
  assert.equal(await questions(() => views.get('a')), LOAD_A);
});

test('the keys of a tenant that was removed are unknown after a refresh', async () => {
  const { views, tenants, keys, refresh } = rig();
  await views.get('a');
  tenants.delete('t1');
  keys.delete('a');
  await refresh();
  assert.is(await views.get('a'), undefined);
});

test('a key without its tenant is unknown', async () => {
  const { views, tenants } = rig();
  tenants.delete('t1');
  assert.is(await views.get('a'), undefined);
});

// Writers change a key first and its tenant's revision after it; a reader may come in between at any point.
const RACES: readonly (readonly [name: string, hook: 'afterFindKey' | 'afterFindTenant'])[] = [
  ['between its reads of key and tenant', 'afterFindKey'],
  ['between its reads of tenant and key', 'afterFindTenant'],
];
for (const [name, hook] of RACES) {
  test(`a change ${name} is seen after the next refresh at the latest`, async () => {
    const { views, tenants, keys, hooks, label, refresh } = rig();
    hooks[hook] = () => {
      keys.set('a', key('a', 't1', 'changed'));
      tenants.set('t1', tenant('t1', 2));
    };
    await views.get('a');
    await refresh();
    assert.is(await label('a'), 'changed');
  });
}

test('a view with the new revision has the new key, however the reads fall', async () => {
  const { views, tenants, keys, hooks, label, refresh } = rig();
  let done = false;
  hooks.afterFindKey = () => {
    if (done) return;
    done = true;
    keys.set('a', key('a', 't1', 'changed'));
    tenants.set('t1', tenant('t1', 2));
  };
  const view = await views.get('a');
  assert.is(view?.revision, 2);
  assert.is(view?.offer.widget?.label, 'changed');
  await refresh();
  assert.is(await label('a'), 'changed');
});

test('a key that goes to another tenant while it is read is not mixed up', async () => {
  const { views, keys, hooks } = rig();
  hooks.afterFindTenant = () => {
    keys.set('a', key('a', 't2'));
  };
  assert.is(await views.get('a'), undefined);
});

test('a secret is looked up with its key, after it, and opened when it is first needed, once', async () => {
  const { views, questions, verify, identityKey } = rig();
  verify('a');
  assert.equal(await questions(() => views.get('a')), [...LOAD_A, 'secret id-a']);
  assert.equal(await questions(() => identityKey('a')), ['open id-a']);
  assert.equal(await questions(() => identityKey('a')), []);
  assert.is(await identityKey('a'), 'id-a 1');
  assert.is(await identityKey('b'), 'off');
});

test('a secret that cannot be opened now is tried again', async () => {
  const { verify, identityKey, hooks, views } = rig();
  verify('a');
  await views.get('a');
  hooks.failWith = new Error('not now');
  assert.is(await identityKey('a').catch((error: Error) => error.message), 'not now');
  delete hooks.failWith;
  assert.is(await identityKey('a'), 'id-a 1');
});

test('a key that verifies identities and has no secret is refused its use, and no view of it is lost', async () => {
  const { verify, identityKey, secrets, label } = rig();
  verify('a');
  secrets.clear();
  const refusal = await identityKey('a').catch((error: Error) => error.message);
  assert.match(refusal ?? '', /has no identity secret/);
  assert.is(await label('a'), 'a');
});

for (const [name, hook] of RACES) {
  test(`a new secret that comes ${name} is used after the next refresh at the latest`, async () => {
    const { views, tenants, hooks, verify, identityKey, refresh } = rig();
    verify('a');
    hooks[hook] = () => {
      verify('a', 2);
      tenants.set('t1', tenant('t1', 2));
    };
    await views.get('a');
    await refresh();
    assert.is(await identityKey('a'), 'id-a 2');
  });
}

test('an evicted tenant loses its views, the unknown keys are asked for again, and no other view is lost', async () => {
  const { views, questions } = rig();
  for (const name of ['a', 'b', 'c', 'x']) await views.get(name);
  await views.getById('id-a');
  assert.equal(views.tenants(), ['t1', 't2']);
  views.evict('t1');
  assert.equal(views.tenants(), ['t2']);
  assert.equal([views.hasTenant('t1'), views.hasTenant('t2')], [false, true]);
  assert.equal(await questions(() => views.get('c')), []);
  assert.equal(await questions(() => views.get('x')), ['key x']);
  assert.equal(await questions(() => views.get('a')), LOAD_A);
  assert.equal(await questions(() => views.getById('id-a')), LOAD_ID_A);
});

test('by a retired public key a view ends with it, and by its id it does not', async () => {
  const { views, keys } = rig();
  const rotation = { firstPublicKey: 'a', retired: [{ publicKey: 'a', until: 5_000 }] };
  const rotated = { ...key('a', 't1'), publicKey: 'a2', rotation };
  for (const name of ['a', 'a2']) keys.set(name, rotated);
  const usable = async (now: number) =>
    [await views.get('a'), await views.get('a2'), await views.getById('id-a')].map(
      (view) => view?.state(now) === 'enabled',
    );
  assert.equal(await usable(4_999), [true, true, true]);
  assert.equal(await usable(5_000), [false, true, true]);
});

test('a view that is pushed out takes its tenant with it', async () => {
  const { views } = rig({ capacity: 2 });
  for (const name of ['c', 'a', 'b']) await views.get(name);
  assert.equal(views.tenants(), ['t1']);
});

for (const [name, before] of [
  ['a known key', 'a'],
  ['an unknown key', 'new'],
] as const) {
  test(`${name} that is being read when its tenant changes is read again, and only the new view is kept`, async () => {
    const { views, tenants, keys, questions, label, hooks } = rig();
    hooks[before === 'a' ? 'afterFindTenant' : 'afterFindKey'] = () => {
      hooks.afterFindTenant = () => {};
      hooks.afterFindKey = () => {};
      keys.set(before, key(before, 't1', 'changed'));
      tenants.set('t1', tenant('t1', 2));
      views.evict('t1');
    };
    await views.get(before);
    assert.is(await label(before), 'changed');
    assert.equal(await questions(() => views.get(before)), []);
  });
}

test('who comes after a change does not share the load that began before it', async () => {
  const { views, tenants, keys, questions } = rig();
  const labels: (string | undefined)[] = [];
  const asked = await questions(async () => {
    const early = views.get('a');
    keys.set('a', key('a', 't1', 'changed'));
    tenants.set('t1', tenant('t1', 2));
    views.evict('t1');
    for (const view of await Promise.all([early, views.get('a'), views.get('a')])) {
      labels.push(view?.offer.widget?.label);
    }
  });
  assert.equal(labels.slice(1), ['changed', 'changed']);
  assert.equal(asked.filter((question) => question === 'tenant t1').length, 2);
});

const LOAD_ID_A = ['key id id-a', 'tenant t1', 'key id id-a'];

test('by its id a key has the same view as by its public key', async () => {
  const { views } = rig();
  const [byId, byKey] = [await views.getById('id-a'), await views.get('a')];
  assert.equal(JSON.stringify(byId), JSON.stringify(byKey));
  assert.is(byId?.keyId, 'id-a');
});

test('by its id: read once and then kept, for however long', async () => {
  const { views, questions, clock } = rig();
  assert.equal(await questions(() => views.getById('id-a')), LOAD_ID_A);
  clock.now += 86_400_000;
  assert.equal(await questions(() => views.getById('id-a')), []);
});

test('by its id: an unknown one is remembered for unknownMs, and then asked for again', async () => {
  const { views, questions, clock } = rig({ unknownMs: 2_000 });
  assert.is(await views.getById('id-x'), undefined);
  clock.now += 2_000;
  assert.equal(await questions(() => views.getById('id-x')), []);
  clock.now += 1;
  assert.equal(await questions(() => views.getById('id-x')), ['key id id-x']);
});

test('by its id: concurrent misses ask once, and a failure is not kept', async () => {
  const { views, questions, hooks } = rig();
  hooks.failWith = new ServiceError('unavailable', 'Later.');
  const failed = await Promise.allSettled([views.getById('id-a'), views.getById('id-a')]);
  assert.ok(failed.every(({ status }) => status === 'rejected'));
  delete hooks.failWith;
  const same = () => Promise.all(Array.from({ length: 20 }, () => views.getById('id-a')));
  assert.equal(await questions(same), LOAD_ID_A);
});

test('by its id: what changed is read anew after a refresh, and only that', async () => {
  const { views, tenants, keys, questions, refresh } = rig();
  for (const id of ['id-a', 'id-c']) await views.getById(id);
  await views.get('a');
  keys.set('a', key('a', 't1', 'changed'));
  tenants.set('t1', tenant('t1', 2));
  assert.equal(await questions(refresh), ['revisions t1 t2']);
  assert.equal(await questions(() => views.getById('id-c')), []);
  assert.equal(await questions(() => views.getById('id-a')), LOAD_ID_A);
  assert.is((await views.getById('id-a'))?.offer.widget?.label, 'changed');
  assert.is((await views.get('a'))?.offer.widget?.label, 'changed');
});

test('by its id: a key that was removed is unknown after a refresh', async () => {
  const { views, tenants, keys, refresh } = rig();
  await views.getById('id-a');
  keys.delete('a');
  tenants.set('t1', tenant('t1', 2));
  await refresh();
  assert.is(await views.getById('id-a'), undefined);
});

test('by its id: a change in between its reads is seen after the next refresh at the latest', async () => {
  const { views, tenants, keys, hooks, refresh } = rig();
  hooks.afterFindKey = () => {
    keys.set('a', key('a', 't1', 'changed'));
    tenants.set('t1', tenant('t1', 2));
  };
  await views.getById('id-a');
  await refresh();
  assert.is((await views.getById('id-a'))?.offer.widget?.label, 'changed');
});

test('ids and public keys share the capacity', async () => {
  const { views, questions } = rig({ capacity: 2 });
  await views.get('a');
  await views.getById('id-a');
  await views.getById('id-c');
  assert.equal(await questions(() => views.getById('id-a')), []);
  assert.equal(await questions(() => views.get('a')), LOAD_A);
});
