import { suite } from '@chatsessions/test-harness';
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { MAX_FLOWS, withFlow, withoutFlow, withPublished } from '../../src/catalog/flows.js';
import type { Flow, Tenant } from '../../src/catalog/model.js';
import { ServiceError } from '../../src/rpc/errors.js';
import { newTenant } from '../contract/rows.js';

const test = suite('flows of a tenant');

function flow(slug: string, more: { published?: boolean; intent?: string; id?: string } = {}): Flow {
  const { published = true, intent = slug, id = `id-${slug}` } = more;
  const [plain] = newTenant().flows;
  if (!plain) throw new Error('no flow');
  return { id, slug, published, intent: { ...plain.intent, name: intent } };
}

const rulesOf = (change: () => unknown): readonly string[] => {
  try {
    change();
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    return error.details.violations?.map(({ field, rule }) => `${field}: ${rule}`) ?? [error.code];
  }
  return [];
};

test('a flow keeps its place when it is replaced, and its drafts do not count as published', () => {
  const tenant = newTenant({ flows: ['a', 'b', 'c'].map((slug) => flow(slug)), quickQuestions: [] });
  const replaced = withFlow(tenant, flow('b', { intent: 'a', published: false }));
  assert.equal(
    replaced.flows.map(({ slug, intent }) => `${slug} ${intent.name}`),
    ['a a', 'b a', 'c c'],
  );
  assert.equal(
    rulesOf(() => withPublished(replaced, 'b', true)),
    ['flow: intent_name.published_once'],
  );
});

test('all broken rules at once', () => {
  const tenant = newTenant({ flows: [flow('a'), flow('b')], quickQuestions: [] });
  assert.equal(
    rulesOf(() => withFlow(tenant, flow('b', { intent: 'a', id: 'id-a' }))),
    ['flow.intent.name: intent_name.published_once', 'flow.id: flow_id.fixed', 'flow.id: flow_id.unique'],
  );
});

test('the most flows: one more is refused, a replaced one is not', () => {
  const flows = Array.from({ length: MAX_FLOWS }, (_, n) => flow(`f${n}`));
  const tenant = newTenant({ flows, quickQuestions: [] });
  assert.equal(
    rulesOf(() => withFlow(tenant, flow('more'))),
    ['flow: flows.max_items'],
  );
  assert.is(withFlow(tenant, flow('f7', { published: false })).flows.length, MAX_FLOWS);
});

const slug = fc.constantFrom('a', 'b', 'c', 'd');
const change = fc.oneof(
  fc.record({
    kind: fc.constant('upsert' as const),
    slug,
    intent: fc.constantFrom('i', 'j'),
    published: fc.boolean(),
    id: fc.constantFrom(undefined, 'x', 'y'),
  }),
  fc.record({ kind: fc.constantFrom('publish' as const, 'unpublish' as const, 'delete' as const), slug }),
);

test('whatever the changes: one published flow an intent, unique slugs and ids, and no question of a flow that is gone', () =>
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
      let tenant: Tenant = newTenant();
      for (const one of changes) {
        try {
          if (one.kind === 'upsert')
            tenant = withFlow(tenant, flow(one.slug, { ...one, id: one.id ?? one.slug }));
          else if (one.kind === 'delete') tenant = withoutFlow(tenant, one.slug);
          else tenant = withPublished(tenant, one.slug, one.kind === 'publish');
        } catch (error) {
          assert.instance(error, ServiceError);
        }
        const intents = tenant.flows.filter(({ published }) => published).map(({ intent }) => intent.name);
        for (const values of [
          intents,
          tenant.flows.map(({ slug }) => slug),
          tenant.flows.map(({ id }) => id),
        ]) {
          assert.is(new Set(values).size, values.length);
        }
        for (const { flowId } of tenant.quickQuestions) {
          assert.ok(flowId === undefined || tenant.flows.some(({ id }) => id === flowId));
        }
      }
    }),
  ));
