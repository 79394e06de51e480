import { suite } from '@chatsessions/test-harness';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { explainOrigin, harmless } from '../../src/catalog/explain-origin.js';
import { originPolicy } from '../../src/catalog/origin-policy.js';

const test = suite('explain an origin');

const policyOf = (allowedOrigins: readonly string[], rest = {}) =>
  originPolicy({ allowedOrigins, allowMissingOrigin: false, originMode: 'enforce', ...rest });

/** The rules of a key, an origin → the reason, the rule named, and the rule proposed. */
const TABLE: readonly (readonly [
  rules: readonly string[],
  origin: string | undefined,
  reason: string,
  rule: string,
  proposed: string,
])[] = [
  [['https://acme.com'], 'https://acme.com', 'exact_rule', 'https://acme.com', ''],
  [['https://*.acme.com'], 'https://a.b.acme.com', 'subdomain_rule', 'https://*.acme.com', ''],
  [['https://s-*.acme.com'], 'https://s-1.acme.com', 'preview_rule', 'https://s-*.acme.com', ''],
  [['http://localhost:*'], 'http://localhost:5173', 'any_port_rule', 'http://localhost:*', ''],
  [['capacitor://localhost'], 'capacitor://localhost', 'exact_rule', 'capacitor://localhost', ''],
  [['https://acme.com'], undefined, 'missing', '', ''],
  [['https://acme.com'], 'null', 'null_origin', '', ''],

  [['https://acme.com'], 'http://acme.com', 'scheme_differs', 'https://acme.com', 'http://acme.com'],
  [['http://acme.com'], 'https://acme.com', 'scheme_differs', 'http://acme.com', 'https://acme.com'],
  [
    ['https://acme.com'],
    'https://acme.com:8443',
    'port_differs',
    'https://acme.com',
    'https://acme.com:8443',
  ],
  [
    ['https://acme.com:8443'],
    'https://acme.com',
    'port_differs',
    'https://acme.com:8443',
    'https://acme.com',
  ],
  [['https://*.acme.com'], 'https://acme.com', 'bare_domain', 'https://*.acme.com', 'https://acme.com'],
  [['https://*.acme.com'], 'http://x.acme.com', 'scheme_differs', 'https://*.acme.com', 'http://x.acme.com'],
  [['https://acme.com'], 'https://www.acme.com', 'www_differs', 'https://acme.com', 'https://www.acme.com'],
  [['https://www.acme.com'], 'https://acme.com', 'www_differs', 'https://www.acme.com', 'https://acme.com'],
  [
    ['https://acme.com'],
    'https://shop.acme.com',
    'subdomain_differs',
    'https://acme.com',
    'https://shop.acme.com',
  ],
  [
    ['https://shop-*.acme.com'],
    'https://acme-1.acme.com',
    'preview_differs',
    'https://shop-*.acme.com',
    'https://acme-1.acme.com',
  ],
  [
    ['http://localhost:*'],
    'http://127.0.0.1:5173',
    'loopback_differs',
    'http://localhost:*',
    'http://127.0.0.1:*',
  ],
  [
    ['http://localhost:3000'],
    'http://localhost:5173',
    'port_differs',
    'http://localhost:3000',
    'http://localhost:*',
  ],
  [
    ['http://localhost:*'],
    'https://localhost:5173',
    'scheme_differs',
    'http://localhost:*',
    'https://localhost:*',
  ],
  [
    ['http://localhost:*'],
    'capacitor://localhost',
    'scheme_differs',
    'http://localhost:*',
    'capacitor://localhost',
  ],
  [['http://[::1]:3000'], 'http://[::1]:3001', 'port_differs', 'http://[::1]:3000', 'http://[::1]:*'],
  [
    ['https://acme-shop.com'],
    'https://acme-shop.co',
    'spelling_differs',
    'https://acme-shop.com',
    'https://acme-shop.co',
  ],
  [['https://acme.com'], 'https://evil.example', 'no_rule', '', 'https://evil.example'],
  [['https://a.io'], 'https://b.io', 'no_rule', '', 'https://b.io'],
  [['https://one.github.io'], 'https://two.github.io', 'no_rule', '', 'https://two.github.io'],
  [[], 'https://acme.com', 'no_rule', '', 'https://acme.com'],
  // The nearest of several: another port is nearer than a sibling, and a sibling nearer than nothing.
  [
    ['https://b.acme.com', 'https://acme.com:1'],
    'https://acme.com',
    'port_differs',
    'https://acme.com:1',
    'https://acme.com',
  ],

  [['https://acme.com'], 'https://ACME.com', 'not_an_origin', 'https://acme.com', ''],
  [['https://acme.com'], 'https://acme.com/', 'not_an_origin', 'https://acme.com', ''],
  [['https://acme.com'], 'https://acme.com:443', 'not_an_origin', 'https://acme.com', ''],
  [['https://acme.com'], 'https://b.example/x', 'not_an_origin', '', 'https://b.example'],
  [['https://acme.com'], 'https://acme.com, https://acme.com', 'not_an_origin', '', ''],
  [['https://*.acme.com'], 'https://*.acme.com', 'not_an_origin', '', ''],
  [['https://acme.com'], '', 'not_an_origin', '', ''],
];
for (const [rules, origin, reason, rule, proposed] of TABLE) {
  test(`${rules.join(' ')} and ${origin}: ${reason}`, () => {
    const explained = explainOrigin(policyOf(rules), origin);
    assert.equal(
      { reason: explained.reason, rule: explained.rule, proposedRule: explained.proposedRule },
      { reason, rule, proposedRule: proposed },
    );
    assert.is(explained.passes, policyOf(rules).decide(origin).passes);
    if (proposed === '' || origin === undefined) return;
    const added = policyOf([...rules, proposed]);
    if (reason !== 'not_an_origin') assert.ok(added.decide(origin).passes, 'what is proposed allows it');
  });
}

const SENTENCES: readonly (readonly [
  rules: readonly string[],
  origin: string | undefined,
  sentence: string,
])[] = [
  [
    ['https://*.acme.com'],
    'https://acme.com',
    'No rule allows https://acme.com. The nearest, https://*.acme.com, allows its subdomains and not the bare domain. ' +
      'Add https://acme.com to allow it.',
  ],
  [
    ['https://acme.com:8443'],
    'http://www.acme.com',
    'No rule allows http://www.acme.com. The nearest, https://acme.com:8443, has the scheme https and has the port 8443 ' +
      'and differs by a leading www. Add http://www.acme.com to allow it.',
  ],
  [
    ['https://acme.com'],
    'https://ACME.com/shop',
    'https://ACME.com… is not an origin as browsers write it, which is https://acme.com, which the rule https://acme.com ' +
      'allows.',
  ],
];
for (const [rules, origin, sentence] of SENTENCES) {
  test(`says: ${sentence}`, () => assert.is(explainOrigin(policyOf(rules), origin).message, sentence));
}

test('report mode lets through what a rule could allow, and nothing else', () => {
  const policy = policyOf(['https://acme.com'], { originMode: 'report' });
  for (const [origin, passes, reason] of [
    ['https://acme.com', true, 'exact_rule'],
    ['https://b.example', true, 'report_mode'],
    ['capacitor://localhost', true, 'report_mode'],
    [undefined, false, 'missing'],
    ['null', false, 'null_origin'],
    ['https://b.example/', false, 'not_an_origin'],
    ['https://B.example', false, 'not_an_origin'],
    [`https://${'b'.repeat(300)}.example`, false, 'not_an_origin'],
  ] as const) {
    assert.is(policy.decide(origin).passes, passes, origin);
    assert.is(explainOrigin(policy, origin).passes, passes, origin);
    assert.is(explainOrigin(policy, origin).reason, reason, origin);
  }
});

test('a shown origin is short, printable, and holds nothing beside scheme, host and port', () => {
  assert.is(harmless('https://acme.com:8443'), 'https://acme.com:8443');
  assert.is(harmless('https://user:secret@acme.com/?token=secret#secret'), 'https://acme.com…');
  assert.is(harmless('a\r\nb\u001b[31mc'), 'a??b?[31mc');
  assert.is(harmless('x'.repeat(8_192)), `${'x'.repeat(200)}…`);
});

test('explaining never throws, stays short, and agrees with the decision', () => {
  const text = fc.oneof(
    fc.string(),
    fc.webUrl(),
    fc.constantFrom('https://', 'null', 'https://acme.com', 'HTTPS://x', 'https://[::1]', 'a:b', '://'),
    fc.string({ maxLength: 3 }).map((piece) => (piece || 'x').repeat(8_192 / (piece.length || 1))),
  );
  fc.assert(
    fc.property(
      fc.array(text, { maxLength: 5 }),
      text,
      fc.constantFrom('enforce', 'report'),
      (rules, origin, originMode) => {
        const policy = policyOf(rules, { originMode });
        const explained = explainOrigin(policy, origin);
        assert.is(explained.passes, policy.decide(origin).passes);
        assert.ok(JSON.stringify(explained).length < 2_500);
      },
    ),
    { numRuns: 500 },
  );
});
