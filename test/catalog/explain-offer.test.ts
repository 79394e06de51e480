import { suite } from '@chatsessions/test-harness';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { explainIntents, explainQuestions } from '../../src/catalog/explain-offer.js';
import type { Tenant } from '../../src/catalog/model.js';
import { widgetView } from '../../src/catalog/widget-view.js';
import { newKey } from '../contract/rows.js';

const test = suite('explain the offer');

const flow = (slug: string, name: string, published: boolean) => ({
  ...{ id: slug, slug, published },
  intent: {
    ...{ name, displayLabel: name, examples: [], requiredEntities: [] },
    ...{ styleVariant: 'solid', isPinned: false, priority: 0 },
  },
});
const tenantOf = (flows: Tenant['flows'], flowIds: readonly (string | undefined)[] = []): Tenant => ({
  ...{ id: 't', slug: 'acme', name: 'Acme', keysDigest: '', revision: 1, flows },
  quickQuestions: flowIds.map((flowId, n) => ({ question: `Q${n}`, pageType: 'general', flowId })),
});

test('a draft that has the intent of a published flow hides nothing', () => {
  const tenant = tenantOf([flow('draft', 'a', false), flow('live', 'a', true)]);
  const [only, ...others] = explainIntents(tenant, { allowsAllIntents: true, allowedIntents: [] });
  assert.is(only?.flow, 'live');
  assert.is(only?.reason, 'shown');
  assert.equal(others, []);
});

test('what the key does not allow is said first, and that the flow is a draft too', () => {
  const tenant = tenantOf([flow('draft', 'a', false)], ['draft', 'gone']);
  const key = { allowsAllIntents: false, allowedIntents: [] };
  assert.is(explainIntents(tenant, key)[0]?.reason, 'not_allowed_by_key');
  assert.is(
    explainIntents(tenant, key)[0]?.message,
    'The key does not allow a: add it to allowedIntents. The flow draft is also a draft.',
  );
  assert.equal(
    explainQuestions(tenant, key).map(({ reason }) => reason),
    ['not_allowed_by_key', 'no_flow'],
  );
});

test('what is explained as shown is what the view offers', () => {
  const names = fc.constantFrom('a', 'b', 'c', 'd');
  const flows = fc.array(fc.tuple(names, fc.boolean()), { maxLength: 6 }).map((pairs) => {
    const live = new Set<string>();
    return pairs.map(([name, wanted], n) => {
      const published = wanted && !live.has(name);
      if (published) live.add(name);
      return flow(`f${n}`, name, published);
    });
  });
  const questions = fc.array(fc.constantFrom(undefined, 'f0', 'f1', 'f9'), { maxLength: 6 });
  fc.assert(
    fc.property(
      flows,
      questions,
      fc.boolean(),
      fc.uniqueArray(names),
      (some, flowIds, allowsAllIntents, allowed) => {
        const tenant = tenantOf(some, flowIds);
        const key = newKey({ allowsAllIntents, allowedIntents: allowsAllIntents ? [] : allowed });
        const { offer } = widgetView(tenant, key);
        const explained = explainIntents(tenant, key);
        assert.equal(
          explained
            .filter(({ shown }) => shown)
            .map(({ name }) => name)
            .sort(),
          offer.intents.map(({ name }) => name).sort(),
        );
        assert.is(new Set(explained.map(({ name }) => name)).size, explained.length, 'each intent once');
        assert.equal(
          explainQuestions(tenant, key).map(({ intentName }) => intentName),
          offer.quickQuestions.map(({ intentName }) => intentName ?? ''),
        );
      },
    ),
  );
});
