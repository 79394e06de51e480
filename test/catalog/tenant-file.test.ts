import { readFile } from 'node:fs/promises';
import { suite } from '@chatsessions/test-harness';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { stringify } from 'yaml';
import { flowId } from '../../src/catalog/flow-id.js';
import { parseTenantFile } from '../../src/catalog/tenant-file.js';
import type { TenantFile } from '../../src/catalog/tenant-spec.js';
import { YamlFileError } from '../../src/yaml/yaml-file.js';
import { tenantSpec } from './arbitrary-definitions.js';

const test = suite('tenant file');
const ROOT = new URL('../../../', import.meta.url);

const parse = (text: string): TenantFile => parseTenantFile(text, { fileName: 'f.yaml' });

function problemsOf(text: string): readonly string[] {
  try {
    parse(text);
    return [];
  } catch (error) {
    if (!(error instanceof YamlFileError)) throw error;
    assert.is(error.message.split('\n').length, error.problems.length);
    return error.message.split('\n');
  }
}

const KEY = `pk_live_${'0'.repeat(32)}`;
/** A tenant with one flow of the id `x`; what is given is added at the end. */
const tenant = (more: string): string => `tenants:
  - slug: acme
    name: Acme
    flows:
      - slug: x
        intent: {name: x, displayLabel: X}
${more}`;
/** A flow more, on line 7, whose intent has these fields besides its name. */
const intent = (fields: string): string => tenant(`      - {slug: y, intent: {name: y, ${fields}}}`);
/** One widget key, its label on line 8 and these fields from line 9. */
const widgetKey = (...fields: string[]): string => {
  const policy = /^allow(s|ed)(All)?Intents/m.test(fields.join('\n')) ? [] : ['allowedIntents: []'];
  const lines = [...fields, ...policy].map((field) => `        ${field}`);
  return tenant(['    widgetKeys:', '      - label: L', ...lines].join('\n'));
};

/** A file → every line of the error. */
const BAD: readonly (readonly [name: string, text: string, problems: readonly (string | RegExp)[]])[] = [
  ['an empty file', '', ['f.yaml:1:1 the file is empty: it must have a list of tenants']],
  ['nothing but a comment', '# later\n', ['f.yaml:1:1 the file is empty: it must have a list of tenants']],
  ['a list at the top', '- slug: acme', ['f.yaml:1:1 must be a mapping']],
  ['a word', '\n\nhello', ['f.yaml:3:1 must be a mapping']],
  ['JSON that is cut off', '{"tenants": [', [/^f\.yaml:1:14 /, /^f\.yaml:1:14 /]],
  ['a tab', 'tenants:\n\t- slug: acme', ['f.yaml:2:1 Tabs are not allowed as indentation']],
  ['bytes of something else', '\u0089PNG\r\n\u001a\n', [/^f\.yaml:1:1 must be a mapping/]],
  [
    'two documents',
    `${tenant('')}\n---\ntenants: []`,
    ['f.yaml:8:1 the file has a second YAML document: it may only have one'],
  ],
  ['a file of 10 MB', 'x'.repeat(10_000_000), ['f.yaml:1:1 the file is larger than 4 MiB']],
  ['a field twice', 'tenants: []\ntenants: []', ['f.yaml:2:1 Map keys must be unique']],
  ['a tag', 'tenants: !exec rm', ['f.yaml:1:10 Unresolved tag: !exec']],
  ['an alias of nothing', 'tenants:\n  - *acme', ['f.yaml:2:5 no anchor &acme stands before this alias']],
  [
    'an alias bomb',
    `a: &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefg'].map((n, i) => `${n}: &${n} [${Array(9).fill(`*${'abcdef'[i]}`)}]`).join('\n')}\ntenants: []`,
    [/^f\.yaml:1:1 Excessive alias count/],
  ],
  ['nesting without end', '['.repeat(5_000), Array(10).fill(/^f\.yaml:1:/)],
  ['no tenants', '{}', ['f.yaml:1:1 tenants: is required']],
  ['tenants without a value', 'tenants:', ['f.yaml:1:9 tenants: has no value: give it one, or leave it out']],
  ['an empty list of tenants', 'tenants: []', ['f.yaml:1:10 tenants: must not be empty']],
  ['a tenant that is a word', 'tenants:\n  - acme', ['f.yaml:2:5 tenants[0]: must be a mapping']],
  [
    'a misspelt field',
    'tenant: []',
    ['f.yaml:1:1 tenants: is required', 'f.yaml:1:1 tenant: unknown field; did you mean tenants?'],
  ],
  ['an unlikely field', tenant('    colour: red'), ['f.yaml:7:5 tenants[0].colour: unknown field']],
  ['__proto__', tenant('    __proto__: {}'), ['f.yaml:7:5 tenants[0].__proto__: unknown field']],
  ['a merge key', tenant('    <<: {name: B}'), ['f.yaml:7:5 tenants[0].<<: unknown field']],
  [
    'a bad tenant slug',
    'tenants:\n  - name: A\n    slug: Acme',
    [/^f\.yaml:3:11 tenants\[0\]\.slug: must be 1 to 63/],
  ],
  ['a tenant without name', 'tenants:\n  - slug: acme', ['f.yaml:2:5 tenants[0].name: is required']],
  [
    'a tenant twice',
    'tenants:\n  - {slug: a, name: A}\n  - {slug: a, name: B}',
    ['f.yaml:3:12 tenants[1].slug: "a" is the slug of an earlier one too'],
  ],

  [
    'a flow twice',
    tenant('      - {slug: x, intent: {name: y, displayLabel: Y}}'),
    ['f.yaml:7:16 tenants[0].flows[1].slug: "x" is the slug of an earlier one too'],
  ],
  [
    'a published intent twice, and a draft of it',
    tenant(
      [
        '      - {slug: y, published: true, intent: {name: z, displayLabel: Y}}',
        '      - {slug: z, intent: {name: z, displayLabel: Z}}',
        '      - {slug: zz, published: true, intent: {name: z, displayLabel: Z}}',
      ].join('\n'),
    ),
    ['f.yaml:9:52 tenants[0].flows[3].intent.name: "z" is the intent name of an earlier published flow too'],
  ],
  [
    'a flow without intent',
    tenant('      - {slug: y}'),
    ['f.yaml:7:9 tenants[0].flows[1].intent: is required'],
  ],
  [
    'a flow id that is no UUID',
    tenant('      - {slug: y, id: 7, intent: {name: y, displayLabel: Y}}'),
    ['f.yaml:7:23 tenants[0].flows[1].id: must be a UUID'],
  ],
  [
    'a flow id twice, in two tenants and cases',
    ['A', 'a']
      .map(
        (c, i) =>
          `${i ? '' : 'tenants:\n'}  - {slug: t${i}, name: T, flows: [{slug: x, id: ${c}aaaaaaa-0000-7000-8000-000000000000, intent: {name: x, displayLabel: X}}]}`,
      )
      .join('\n'),
    [/^f\.yaml:3:\d+ tenants\[1\]\.flows\[0\]\.id: .* is the id of an earlier one too/],
  ],
  [
    '201 flows',
    tenant(
      Array.from(
        { length: 200 },
        (_, i) => `      - {slug: f${i}, intent: {name: f${i}, displayLabel: F}}`,
      ).join('\n'),
    ),
    ['f.yaml:5:7 tenants[0].flows: has more than 200 entries'],
  ],
  [
    'an intent without label',
    intent('priority: 1'),
    ['f.yaml:7:27 tenants[0].flows[1].intent.displayLabel: is required'],
  ],
  [
    'a blank label',
    intent('displayLabel: "  "'),
    ['f.yaml:7:51 tenants[0].flows[1].intent.displayLabel: must not be blank'],
  ],
  [
    'a long label',
    intent(`displayLabel: ${'é'.repeat(101)}`),
    ['f.yaml:7:51 tenants[0].flows[1].intent.displayLabel: must have at most 100 characters'],
  ],
  ['half a character', intent('displayLabel: "\\ud83d"'), [/lone surrogate/]],
  [
    'a label that is a number',
    intent('displayLabel: 7'),
    ['f.yaml:7:51 tenants[0].flows[1].intent.displayLabel: must be a text'],
  ],
  [
    'a long subtitle',
    intent(`displayLabel: Y, subtitle: ${'x'.repeat(501)}`),
    [/subtitle: must have at most 500 characters/],
  ],
  ['an empty description', intent('displayLabel: Y, description: ""'), [/description: must not be blank/]],
  [
    '21 examples',
    intent(`displayLabel: Y, examples: [${Array(21).fill('e')}]`),
    [/examples: has more than 20 entries/],
  ],
  [
    'an example that is too long',
    intent(`displayLabel: Y, examples: [e, ${'x'.repeat(201)}]`),
    [/examples\[1\]: must have at most 200 characters/],
  ],
  [
    'a bad entity',
    intent('displayLabel: Y, requiredEntities: [Order-Number]'),
    [/requiredEntities\[0\]: must be 1 to 64/],
  ],
  [
    'an icon without value',
    intent('displayLabel: Y, icon: {kind: emoji}'),
    [/intent\.icon\.value: is required/],
  ],
  [
    'an unknown field of an icon',
    intent('displayLabel: Y, icon: {kind: emoji, values: x, value: y}'),
    [/icon\.values: unknown field; did you mean value\?/],
  ],
  [
    'a colour by name',
    intent('displayLabel: Y, accentColor: red'),
    [/accentColor: must be a CSS hex colour such as #2563eb/],
  ],
  [
    'a colour of 5 digits',
    intent('displayLabel: Y, accentColor: "#12abc"'),
    [/accentColor: must be a CSS hex colour/],
  ],
  ['a bad style', intent('displayLabel: Y, styleVariant: Solid!'), [/styleVariant: must be 1 to 32/]],
  ['yes for true', intent('displayLabel: Y, isPinned: yes'), [/isPinned: must be true or false/]],
  ['half a priority', intent('displayLabel: Y, priority: 1.5'), [/priority: must be a whole number/]],
  [
    'a priority over int32',
    intent('displayLabel: Y, priority: 2147483648'),
    [/priority: must be a whole number/],
  ],
  [
    'a field in snake case',
    intent('displayLabel: Y, is_pinned: true'),
    [/is_pinned: unknown field; did you mean isPinned\?/],
  ],
  [
    'a bad intent name',
    tenant('      - {slug: y, intent: {name: 1a, displayLabel: Y}}'),
    [
      'f.yaml:7:34 tenants[0].flows[1].intent.name: must be 1 to 64 lower-case letters, digits and underscores, a letter first',
    ],
  ],

  [
    'a question on an unknown page',
    tenant('    quickQuestions:\n      - {question: Q, pageType: home}'),
    ['f.yaml:8:33 tenants[0].quickQuestions[0].pageType: must be one of general, category, product, cart'],
  ],
  [
    'a question of an unknown flow',
    tenant('    quickQuestions:\n      - {question: Q, flow: order}'),
    ['f.yaml:8:29 tenants[0].quickQuestions[0].flow: no flow of this tenant has the slug "order"'],
  ],
  [
    'seven questions',
    tenant(`    quickQuestions: [${Array(7).fill('{question: Q}')}]`),
    ['f.yaml:7:21 tenants[0].quickQuestions: has more than 6 entries'],
  ],
  [
    'a question of 201 characters',
    tenant(`    quickQuestions: [{question: ${'x'.repeat(201)}}]`),
    [/question: must have at most 200 characters/],
  ],

  [
    'a secret key',
    widgetKey('publicKey: sk_live_1', 'allowMissingOrigin: true'),
    ['f.yaml:9:20 tenants[0].widgetKeys[0].publicKey: must be pk_live_ and 32 lower-case hexadecimal digits'],
  ],
  [
    'a key twice',
    widgetKey(`publicKey: ${KEY}`, 'enabled: false').concat(
      `\n      - {label: M, publicKey: ${KEY}, enabled: false, allowedIntents: []}`,
    ),
    [`f.yaml:12:31 tenants[0].widgetKeys[1].publicKey: "${KEY}" is the key of an earlier one too`],
  ],
  [
    'a key that nobody can use',
    widgetKey('allowsAllIntents: true'),
    [/^f\.yaml:8:9 tenants\[0\]\.widgetKeys\[0\]\.allowedOrigins: no request could use this key/],
  ],
  [
    'a key with an empty list',
    widgetKey('allowedOrigins: []'),
    [/^f\.yaml:9:25 .*no request could use this key/],
  ],
  [
    'a bad origin',
    widgetKey('allowedOrigins:', '  - https://acme.com', '  - https://*.github.io'),
    [
      'f.yaml:11:13 tenants[0].widgetKeys[0].allowedOrigins[1]: "https://*.github.io" is a wildcard over the public suffix github.io, where anybody can have a name: name your own domain',
    ],
  ],
  [
    'an origin that is a number',
    widgetKey('allowedOrigins: [7]'),
    ['f.yaml:9:26 tenants[0].widgetKeys[0].allowedOrigins[0]: must be a text'],
  ],
  [
    'origins that are no list',
    widgetKey('allowedOrigins: https://acme.com'),
    ['f.yaml:9:25 tenants[0].widgetKeys[0].allowedOrigins: must be a list'],
  ],
  [
    'an end without zone',
    widgetKey('enabled: false', 'endsAt: 2027-01-01T00:00:00'),
    [/^f\.yaml:10:17 tenants\[0\]\.widgetKeys\[0\]\.endsAt: must be a UTC time/],
  ],
  [
    'an end in another zone',
    widgetKey('enabled: false', 'endsAt: 2027-01-01T00:00:00+02:00'),
    [/endsAt: must be a UTC time/],
  ],
  [
    'an end on no day',
    widgetKey('enabled: false', 'endsAt: 2027-02-30T00:00:00Z'),
    [/endsAt: must be a UTC time/],
  ],
  [
    'a tagged end',
    widgetKey('enabled: false', 'endsAt: !!timestamp 2027-99-99'),
    ['f.yaml:10:17 Unresolved tag: tag:yaml.org,2002:timestamp'],
  ],
  [
    'an unknown identity',
    widgetKey('enabled: false', 'identity: on'),
    ['f.yaml:10:19 tenants[0].widgetKeys[0].identity: must be one of off, optional, required'],
  ],
  [
    'a secret in the file',
    widgetKey('enabled: false', 'identitySecret: abc'),
    [/^f\.yaml:10:9 tenants\[0\]\.widgetKeys\[0\]\.identitySecret: unknown field/],
  ],
  ...['0', '1.5', '"2"', '2147483648'].map(
    (generation) =>
      [
        `the secret generation ${generation}`,
        widgetKey('enabled: false', `identitySecretGeneration: ${generation}`),
        [/^f\.yaml:10:35 .*identitySecretGeneration: must be a whole number from 1 to 2147483647$/],
      ] as const,
  ),
  [
    'a bad intent name in a key',
    widgetKey('enabled: false', 'allowedIntents: [Order Status]'),
    [
      'f.yaml:10:26 tenants[0].widgetKeys[0].allowedIntents[0]: must be 1 to 64 lower-case letters, digits and underscores, a letter first',
    ],
  ],
  ...[
    ['javascript:alert(1)', 'url'],
    ['http://acme.com/i.png', 'url'],
    ['https://acme.com/a b', 'url'],
    [`https://acme.com/${'x'.repeat(2048)}`, 'url'],
  ].map(
    ([value, kind]) =>
      [
        `the icon ${value?.slice(0, 30)}`,
        intent(`displayLabel: Y, icon: {kind: ${kind}, value: "${value}"}`),
        [/intent\.icon\.value: must be an https:\/\/ URL of at most 2048 characters$/],
      ] as const,
  ),
  [
    'an icon of another kind',
    intent('displayLabel: Y, icon: {kind: script, value: x}'),
    [/intent\.icon\.kind: must be one of emoji, url, name$/],
  ],
  [
    'both ways to allow intents',
    widgetKey('enabled: false', 'allowsAllIntents: true', 'allowedIntents: [x]'),
    [/^f\.yaml:11:25 .*allowedIntents: allowsAllIntents allows every intent: leave one of the two out$/],
  ],
  [
    'no way to allow intents',
    tenant('    widgetKeys: [{label: L, enabled: false, allowsAllIntents: false}]'),
    [
      /^f\.yaml:7:18 .*allowedIntents: is required, unless allowsAllIntents is true; an empty list allows none$/,
    ],
  ],
  [
    'a key with neither name nor label',
    tenant('    widgetKeys: [{enabled: false, allowedIntents: []}]'),
    ['f.yaml:7:18 tenants[0].widgetKeys[0].name: is required'],
  ],
  [
    'a name twice',
    tenant(
      `    widgetKeys: [${Array(2).fill('{name: web, enabled: false, allowedIntents: []}').join(', ')}]`,
    ),
    ['f.yaml:7:74 tenants[0].widgetKeys[1].name: "web" is the name of an earlier one too'],
  ],
  [
    '51 keys',
    tenant(
      `    widgetKeys: [${Array.from({ length: 51 }, (_, n) => `{name: k${n}, enabled: false, allowedIntents: []}`)}]`,
    ),
    [/^f\.yaml:7:17 tenants\[0\]\.widgetKeys: has more than 50 entries$/],
  ],
  [
    'faults of every kind, all at once and in order',
    `tenants:
  - slug: a
    flows:
      - slug: x
        publishd: true
        intent: {name: x, displayLabel: X}
      - slug: x
        intent: {name: y}
    quickQuestions:
      - {question: Q, flow: z9}
    widgetKeys:
      - {label: L, allowedIntents: []}`,
    [
      'f.yaml:2:5 tenants[0].name: is required',
      'f.yaml:5:9 tenants[0].flows[0].publishd: unknown field; did you mean published?',
      'f.yaml:7:15 tenants[0].flows[1].slug: "x" is the slug of an earlier one too',
      'f.yaml:8:17 tenants[0].flows[1].intent.displayLabel: is required',
      'f.yaml:10:29 tenants[0].quickQuestions[0].flow: no flow of this tenant has the slug "z9"',
      /^f\.yaml:12:9 .*no request could use this key/,
    ],
  ],
];
for (const [name, text, expected] of BAD) {
  test(`refuses ${name}`, () => {
    const problems = problemsOf(text);
    assert.is(problems.length, expected.length, problems.join('\n'));
    for (const [i, line] of expected.entries()) {
      if (typeof line === 'string') assert.is(problems[i], line);
      else assert.match(problems[i] ?? '', line);
    }
  });
}

test('fills in every default', () => {
  const text = tenant(`    quickQuestions: [{question: Q}]
    widgetKeys: [{label: L, allowedIntents: [], allowedOrigins: ["HTTPS://Acme.com:443", "https://acme.com"]}]`);
  assert.equal(parse(text), {
    tenants: [
      {
        slug: 'acme',
        name: 'Acme',
        flows: [
          {
            slug: 'x',
            published: false,
            intent: {
              name: 'x',
              displayLabel: 'X',
              examples: [],
              requiredEntities: [],
              styleVariant: 'solid',
              isPinned: false,
              priority: 0,
            },
          },
        ],
        quickQuestions: [{ question: 'Q', pageType: 'general' }],
        widgetKeys: [
          {
            name: 'l',
            isNamed: false,
            label: 'L',
            allowedOrigins: ['https://acme.com'],
            allowMissingOrigin: false,
            originMode: 'enforce',
            allowsAllIntents: false,
            allowedIntents: [],
            enabled: true,
            identity: 'off',
            identitySecretGeneration: 1,
          },
        ],
      },
    ],
  });
});

test('a tenant may be nothing but its name', () => {
  const [only] = parse('tenants: [{slug: a, name: A}]').tenants;
  assert.equal(only, { slug: 'a', name: 'A', flows: [], quickQuestions: [], widgetKeys: [] });
});

test('takes an end plain and in quotes', () => {
  for (const endsAt of ['2027-01-01T00:00:00Z', '"2027-01-01T00:00:00.000Z"']) {
    const [only] = parse(widgetKey('allowMissingOrigin: true', `endsAt: ${endsAt}`)).tenants;
    assert.equal(only?.widgetKeys[0]?.endsAt, new Date('2027-01-01T00:00:00Z'), endsAt);
  }
});

test('counts characters, not UTF-16 code units', () => {
  assert.equal(problemsOf(intent(`displayLabel: ${'📦'.repeat(100)}`)), []);
});

test('takes aliases of anchors', () => {
  const [first, second] = parse(
    'tenants: [{slug: a, name: A, flows: &f []}, {slug: b, name: B, flows: *f}]',
  ).tenants;
  assert.equal(first?.flows, second?.flows);
});

test('points at an alias when what it stands for does not fit', () => {
  const text = 'tenants:\n  - {slug: &s acme, name: A}\n  - {slug: *s, name: B}';
  assert.equal(problemsOf(text), ['f.yaml:3:12 tenants[1].slug: "acme" is the slug of an earlier one too']);
});

test('a disabled key needs no origin', () => {
  assert.equal(problemsOf(widgetKey('enabled: false')), []);
});

test('the id of a flow depends on both slugs and never changes', () => {
  assert.is(flowId('lakeside-books', 'order-status'), 'd511efea-46a2-5716-8ff1-39e5081b72b1');
  assert.is(new Set([flowId('a', 'b'), flowId('b', 'a'), flowId('a', 'a-b'), flowId('a-a', 'b')]).size, 4);
});

test('the demo tenant parses and shows what the service can do', async () => {
  const [demo] = parse(await readFile(new URL('src/app/demo-tenant.yaml', ROOT), 'utf8')).tenants;
  assert.is(demo?.slug, 'lakeside-books');
  assert.is(demo?.flows.filter(({ published }) => published).length, 6);
  assert.is(demo?.flows.filter(({ published }) => !published).length, 1);
  assert.is(demo?.quickQuestions.length, 6);
  assert.is(demo?.widgetKeys[0]?.publicKey, 'pk_live_de300000000000000000000000000001');
  assert.is(demo?.widgetKeys[0]?.allowMissingOrigin, true);
});

test('the tenants of the parity table parse', async () => {
  const { tenants } = parse(await readFile(new URL('test/cases/open-session.seed.yaml', ROOT), 'utf8'));
  assert.equal(
    tenants.map(({ slug, flows, widgetKeys }) => [slug, flows.length, widgetKeys.length]),
    [
      ['acme', 4, 7],
      ['globex', 1, 1],
    ],
  );
  assert.is(tenants[0]?.flows[0]?.id, '0193aa00-0000-7000-8000-000000000001');
  assert.equal(tenants[0]?.widgetKeys[6]?.endsAt, new Date('2025-01-01T00:00:00Z'));
});

const isUnique = (values: readonly (string | undefined)[]): boolean => {
  const given = values.filter((value) => value !== undefined);
  return new Set(given).size === given.length;
};

test(
  'what is written as YAML is read back',
  () => {
    const tenants = fc
      .uniqueArray(tenantSpec, { minLength: 1, maxLength: 3, selector: (tenant) => tenant.slug })
      .filter((list) => isUnique(list.flatMap(({ flows }) => flows.map(({ id }) => id))))
      .filter((list) => isUnique(list.flatMap(({ widgetKeys }) => widgetKeys.map((key) => key.publicKey))));
    fc.assert(
      fc.property(tenants, (tenants) => {
        const written = tenants.map((tenant) => ({
          ...tenant,
          widgetKeys: tenant.widgetKeys.map(({ isNamed: _, ...key }) => key),
        }));
        assert.equal(parse(stringify({ tenants: written })), { tenants });
      }),
      { numRuns: 50 },
    );
  },
  { timeoutMs: 60_000 },
);

test(
  'whatever the text, the answer is a tenant file or a YamlFileError',
  () => {
    const fragment = fc.constantFrom(
      ...'- :\n {}[]&*!|>"\'#%@`,?ab'.split(''),
      'tenants',
      '\n  ',
      '<<',
      '---',
      '\t',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(fragment, fc.string()), { maxLength: 20 }), (pieces) => {
        problemsOf(pieces.join(''));
      }),
      { numRuns: 500 },
    );
  },
  { timeoutMs: 60_000 },
);
