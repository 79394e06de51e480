import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import type { Flow, FlowIntent, QuickQuestion, Tenant, WidgetKey } from '../../src/catalog/model.js';
import { widgetView } from '../../src/catalog/widget-view.js';

const test = suite('widget view');

const PLAIN: FlowIntent = {
  name: 'order_status',
  displayLabel: 'Order status',
  examples: [],
  requiredEntities: [],
  styleVariant: 'solid',
  isPinned: false,
  priority: 0,
};

function flow(name: string, intent: Partial<FlowIntent> = {}, published = true): Flow {
  return { id: `id-${name}`, slug: name, published, intent: { ...PLAIN, name, ...intent } };
}

function tenant(flows: readonly Flow[], quickQuestions: readonly QuickQuestion[] = []): Tenant {
  return { id: 'tenant-1', slug: 'acme', name: 'Acme', flows, quickQuestions, revision: 7 };
}

const KEY: WidgetKey = {
  id: 'key-1',
  tenantId: 'tenant-1',
  publicKey: 'pk_live_00000000000000000000000000000001',
  name: 'shop',
  label: 'Shop',
  allowedOrigins: ['https://acme.com'],
  allowMissingOrigin: false,
  originMode: 'enforce',
  allowsAllIntents: true,
  allowedIntents: [],
  enabled: true,
  identity: 'off',
  identitySecretGeneration: 1,
  revision: 1,
};

const key = (change: Partial<WidgetKey> = {}): WidgetKey => ({ ...KEY, ...change });

function intentNames(flows: readonly Flow[], change?: Partial<WidgetKey>): string[] {
  return widgetView(tenant(flows), key(change)).offer.intents.map(({ name }) => name);
}

const ORDER: readonly (readonly [name: string, flows: readonly Flow[], order: readonly string[]])[] = [
  [
    'pinned ones first, whatever their priority',
    [flow('a', { priority: 100 }), flow('b', { isPinned: true, priority: -5 })],
    ['b', 'a'],
  ],
  [
    'priority from high to low',
    [flow('a', { priority: -1 }), flow('b', { priority: 10 }), flow('c', { priority: 9 }), flow('d')],
    ['b', 'c', 'd', 'a'],
  ],
  [
    'pinned ones by priority too',
    [
      flow('a', { isPinned: true, priority: 1 }),
      flow('b', { isPinned: true, priority: 2 }),
      flow('c', { priority: 3 }),
    ],
    ['b', 'a', 'c'],
  ],
  [
    'the ends of int32',
    [flow('low', { priority: -2_147_483_648 }), flow('zero'), flow('high', { priority: 2_147_483_647 })],
    ['high', 'zero', 'low'],
  ],
  [
    'name by code units, not by a locale',
    [flow('b_a'), flow('ba'), flow('b'), flow('b10'), flow('b9')],
    ['b', 'b10', 'b9', 'b_a', 'ba'],
  ],
];
for (const [name, flows, order] of ORDER) {
  test(`order: ${name}`, () => {
    assert.equal(intentNames(flows), order);
    assert.equal(intentNames([...flows].reverse()), order);
  });
}

const FLOWS = [flow('a'), flow('b'), flow('draft', {}, false)];
const ALLOWED: readonly (readonly [name: string, change: Partial<WidgetKey>, names: readonly string[]])[] = [
  ['all', { allowsAllIntents: true }, ['a', 'b']],
  ['all, whatever the list says', { allowsAllIntents: true, allowedIntents: ['a'] }, ['a', 'b']],
  ['some', { allowsAllIntents: false, allowedIntents: ['b'] }, ['b']],
  ['none', { allowsAllIntents: false, allowedIntents: [] }, []],
  ['one that does not exist', { allowsAllIntents: false, allowedIntents: ['x', 'a'] }, ['a']],
  ['a draft', { allowsAllIntents: false, allowedIntents: ['draft'] }, []],
];
for (const [name, change, names] of ALLOWED) {
  test(`a key that allows ${name}`, () => assert.equal(intentNames(FLOWS, change), names));
}

test('an intent has all of its members, the unset ones as undefined', () => {
  const { offer } = widgetView(tenant([flow('bare')]), key());
  assert.equal(offer.intents, [
    {
      name: 'bare',
      displayLabel: 'Order status',
      subtitle: undefined,
      description: undefined,
      examples: [],
      requiredEntities: [],
      icon: undefined,
      accentColor: undefined,
      styleVariant: 'solid',
      isPinned: false,
      priority: 0,
    },
  ]);
});

test('an intent says what its flow says', () => {
  const full: FlowIntent = {
    name: 'full',
    displayLabel: 'Full',
    subtitle: 'Sub',
    description: 'Description',
    examples: ['one', 'two'],
    requiredEntities: ['order_number'],
    icon: { kind: 'emoji', value: '📦' },
    accentColor: '#2563eb',
    styleVariant: 'outline',
    isPinned: true,
    priority: 10,
  };
  const { offer } = widgetView(tenant([flow('full', full)]), key());
  assert.equal(offer.intents, [full]);
});

test('nothing of the flow but its intent is shown', () => {
  const { offer } = widgetView(tenant([flow('a')]), key());
  assert.not.match(JSON.stringify(offer), /id-a|slug|published/);
});

const QUESTIONS: readonly (readonly [
  name: string,
  flowId: string | undefined,
  change: Partial<WidgetKey>,
  intentName: string | undefined,
])[] = [
  ['a published flow', 'id-a', {}, 'a'],
  ['a draft', 'id-draft', {}, undefined],
  [
    'a flow that the key does not allow',
    'id-a',
    { allowsAllIntents: false, allowedIntents: ['b'] },
    undefined,
  ],
  ['a flow that the key allows', 'id-a', { allowsAllIntents: false, allowedIntents: ['a'] }, 'a'],
  ['a flow that is gone', 'id-gone', {}, undefined],
  ['no flow', undefined, {}, undefined],
];
for (const [name, flowId, change, intentName] of QUESTIONS) {
  test(`a quick question of ${name}`, () => {
    const question = { question: 'Where is my order?', pageType: 'cart', flowId };
    const { offer } = widgetView(tenant(FLOWS, [question]), key(change));
    assert.equal(offer.quickQuestions, [{ ...question, intentName }]);
  });
}

test('quick questions stay in the order of their author, whatever their page', () => {
  const pages = ['product', 'general', 'cart', 'category', 'general'];
  const questions = pages.map((pageType, index) => ({ question: `${9 - index}`, pageType }));
  const { offer } = widgetView(tenant([], questions), key());
  assert.equal(
    offer.quickQuestions.map(({ question, pageType }) => ({ question, pageType })),
    questions,
  );
});

test('the view names its tenant, its key, its revision and the label of its widget', () => {
  const { tenantId, keyId, revision, offer } = widgetView(tenant([]), key());
  assert.equal({ tenantId, keyId, revision }, { tenantId: 'tenant-1', keyId: 'key-1', revision: 7 });
  assert.equal(offer, { widget: { label: 'Shop' }, intents: [], quickQuestions: [] });
});

test('neither the tenant nor the key is changed', () => {
  const of = tenant([flow('b'), flow('a')], [{ question: 'q', pageType: 'cart', flowId: 'id-a' }]);
  const before = structuredClone(of);
  widgetView(of, key());
  assert.equal(of, before);
});

const ORIGINS: readonly (readonly [
  name: string,
  change: Partial<WidgetKey>,
  origin: string | undefined,
  allowed: boolean,
])[] = [
  ['one of the list', {}, 'https://acme.com', true],
  ['another', {}, 'https://evil.example', false],
  ['a subdomain that no wildcard covers', {}, 'https://shop.acme.com', false],
  ['a subdomain under a wildcard', { allowedOrigins: ['https://*.acme.com'] }, 'https://shop.acme.com', true],
  ['none', {}, undefined, false],
  ['none, where it may be missing', { allowMissingOrigin: true }, undefined, true],
  ['an empty one, where it may be missing', { allowMissingOrigin: true }, '', false],
  ['null, where it may be missing', { allowMissingOrigin: true }, 'null', false],
  ['another, where it may be missing', { allowMissingOrigin: true }, 'https://evil.example', false],
  ['any, with an empty list', { allowedOrigins: [] }, 'https://acme.com', false],
];
for (const [name, change, origin, allowed] of ORIGINS) {
  test(`origin: ${name}`, () => {
    assert.is(widgetView(tenant([]), key(change)).origins.decide(origin).passes, allowed);
  });
}

const END = 1_800_000_000_000;
const TIMES: readonly (readonly [name: string, change: Partial<WidgetKey>, now: number, open: boolean])[] = [
  ['without an end', {}, Number.MAX_SAFE_INTEGER, true],
  ['disabled', { enabled: false }, 0, false],
  ['a millisecond before its end', { endsAt: END }, END - 1, true],
  ['at its end', { endsAt: END }, END, false],
  ['after its end', { endsAt: END }, END + 1, false],
  ['disabled, before its end', { enabled: false, endsAt: END }, END - 1, false],
  ['an end at the epoch', { endsAt: 0 }, 1, false],
];
for (const [name, change, now, open] of TIMES) {
  test(`a key ${name} is ${open ? 'open' : 'closed'}`, () => {
    assert.is(widgetView(tenant([]), key(change)).state(now) === 'enabled', open);
  });
}
