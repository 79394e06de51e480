import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import type { Tenant } from '../../src/catalog/model.js';
import { createTenantIds, type TenantIdsDeps } from '../../src/catalog/tenant-ids.js';
import type { AuthenticatedCall, Caller } from '../../src/rpc/call.js';
import { CallController } from '../../src/rpc/call-signal.js';
import { ServiceError } from '../../src/rpc/errors.js';
import { requireTenantId } from '../../src/rpc/tenant.js';
import { newTenant } from '../contract/rows.js';

const test = suite('tenant ids');

/** A catalogue of `acme` and `globex` that keeps what it is asked, and a clock that stands still. */
function rig(limits: Pick<TenantIdsDeps, 'capacity' | 'keptMs'> = {}) {
  const rows = new Map<string, Tenant>();
  for (const slug of ['acme', 'globex']) rows.set(slug, newTenant({ slug, id: `id-${slug}` }));
  const asked: string[] = [];
  const clock = { now: 1_000_000 };
  const failure: { with?: ServiceError } = {};
  const tenants = createTenantIds({
    ...limits,
    elapsed: () => clock.now,
    store: {
      async findTenantBySlug(slug) {
        asked.push(slug);
        if (failure.with) throw failure.with;
        return rows.get(slug);
      },
    },
  });
  /** What the store is asked while that happens. */
  async function questions(...slugs: string[]): Promise<string[]> {
    asked.length = 0;
    for (const slug of slugs) await tenants.get(slug);
    return [...asked];
  }
  return { tenants, rows, clock, failure, questions, asked };
}

test('the id of a tenant; undefined when there is none', async () => {
  const { tenants } = rig();
  assert.is(await tenants.get('acme'), 'id-acme');
  assert.is(await tenants.get('globex'), 'id-globex');
  assert.is(await tenants.get('initech'), undefined);
});

const KEPT: readonly (readonly [name: string, slug: string, passed: number, questions: readonly string[]])[] =
  [
    ['a tenant, at once', 'acme', 0, []],
    ['a tenant, until its time is over', 'acme', 2_000, []],
    ['a tenant, when its time is over', 'acme', 2_001, ['acme']],
    ['a slug that nobody has, at once', 'initech', 0, []],
    ['a slug that nobody has, until its time is over', 'initech', 2_000, []],
    ['a slug that nobody has, when its time is over', 'initech', 2_001, ['initech']],
  ];
for (const [name, slug, passed, questions] of KEPT) {
  test(`asked again: ${name}`, async () => {
    const one = rig({ keptMs: 2_000 });
    await one.tenants.get(slug);
    one.clock.now += passed;
    assert.equal(await one.questions(slug), questions);
  });
}

test('being asked does not make an answer last longer', async () => {
  const { clock, questions } = rig({ keptMs: 2_000 });
  await questions('acme');
  clock.now += 1_500;
  assert.equal(await questions('acme'), []);
  clock.now += 501;
  assert.equal(await questions('acme'), ['acme']);
});

test('a tenant that comes into being, or goes, is seen when its time is over', async () => {
  const { tenants, rows, clock } = rig({ keptMs: 2_000 });
  await tenants.get('initech');
  await tenants.get('acme');
  rows.set('initech', newTenant({ slug: 'initech', id: 'id-initech' }));
  rows.delete('acme');
  assert.equal([await tenants.get('initech'), await tenants.get('acme')], [undefined, 'id-acme']);
  clock.now += 2_001;
  assert.equal([await tenants.get('initech'), await tenants.get('acme')], ['id-initech', undefined]);
});

test('those who ask at the same time share one question', async () => {
  const { tenants, asked } = rig();
  const answers = await Promise.all(Array.from({ length: 20 }, () => tenants.get('acme')));
  assert.equal(new Set(answers), new Set(['id-acme']));
  assert.equal(asked, ['acme']);
});

test('a failure goes to all who wait for it, and is not kept', async () => {
  const { tenants, failure, questions } = rig();
  failure.with = new ServiceError('unavailable', 'Later.');
  const results = await Promise.allSettled([tenants.get('acme'), tenants.get('acme')]);
  assert.equal(
    results.map((result) => result.status === 'rejected' && result.reason),
    [failure.with, failure.with],
  );
  delete failure.with;
  assert.equal(await questions('acme', 'acme'), ['acme']);
  assert.is(await tenants.get('acme'), 'id-acme');
});

test('after a change all are asked for again', async () => {
  const { tenants, rows, questions } = rig();
  await questions('acme', 'initech');
  rows.set('initech', newTenant({ slug: 'initech', id: 'id-initech' }));
  tenants.clear();
  assert.equal(await questions('acme', 'initech'), ['acme', 'initech']);
  assert.is(await tenants.get('initech'), 'id-initech');
});

test('no more slugs are kept than the capacity', async () => {
  const { questions } = rig({ capacity: 3 });
  assert.equal(await questions('a', 'b', 'c'), ['a', 'b', 'c']);
  assert.equal(await questions('a', 'b', 'c'), []);
  // Made-up slugs cannot fill the memory: beyond the capacity the least recently used one goes.
  assert.equal(await questions('d', 'd', 'a', 'd'), ['d', 'a']);
});

const caller = (tenants: Caller['tenants']): Caller => ({ name: 'svc', scopes: new Set(['read']), tenants });
const callOf = (by: Caller | undefined): AuthenticatedCall => ({
  surface: 'engine',
  transport: 'grpc',
  requestId: 'r-1',
  timeoutMs: 1_000,
  header: () => undefined,
  caller: by,
  deadline: 0,
  signal: new CallController().signal,
});

const CALLS: readonly (readonly [name: string, by: Caller | undefined, slug: string, answer: string])[] = [
  ['nobody in particular', undefined, 'acme', 'id-acme'],
  ['a caller of all tenants', caller('all'), 'acme', 'id-acme'],
  ['a caller of this tenant', caller(new Set(['acme'])), 'acme', 'id-acme'],
  ['a caller of all tenants, of none that there is', caller('all'), 'initech', 'not_found'],
  ['a caller of another tenant', caller(new Set(['globex'])), 'acme', 'permission_denied'],
  ['a caller of another tenant, of none that there is', caller(new Set(['acme'])), 'x', 'permission_denied'],
  ['a caller of no tenant', caller(new Set()), 'acme', 'permission_denied'],
];
for (const [name, by, slug, answer] of CALLS) {
  test(`${name} asks for ${slug}: ${answer}`, async () => {
    const { tenants, asked } = rig();
    const given = await requireTenantId(tenants, callOf(by), slug).catch((error: unknown) =>
      error instanceof ServiceError ? error.code : String(error),
    );
    assert.is(given, answer);
    // Who has no right to a tenant cannot tell from the time it takes whether there is one.
    assert.is(asked.length, answer === 'permission_denied' ? 0 : 1);
  });
}
