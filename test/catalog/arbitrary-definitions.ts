import fc from 'fast-check';
import type { TenantSpec } from '../../src/catalog/tenant-spec.js';

const slug = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,20}$/);
const name = fc.stringMatching(/^[a-z][a-z0-9_]{0,20}$/);
const text = (max: number) => {
  return fc.string({ unit: 'binary', minLength: 1, maxLength: max }).filter((value) => value.trim() !== '');
};
const plain = { noNullPrototype: true };
const optional: { requiredKeys: []; noNullPrototype: boolean } = { requiredKeys: [], noNullPrototype: true };
const intentSpec = fc
  .tuple(
    fc.record({
      name,
      displayLabel: text(100),
      examples: fc.array(text(200), { maxLength: 3 }),
      requiredEntities: fc.array(name, { maxLength: 3 }),
      styleVariant: fc.constantFrom('solid', 'outline', 'ghost'),
      isPinned: fc.boolean(),
      priority: fc.integer(),
    }),
    fc.record(
      {
        subtitle: text(500),
        description: text(500),
        icon: fc.oneof(
          fc.record({ kind: fc.constant('emoji'), value: text(10) }, plain),
          fc.constant({ kind: 'url', value: 'https://acme.com/i.png' }),
        ),
        accentColor: fc.constantFrom('#abc', '#2563EB'),
      },
      optional,
    ),
  )
  .map(([required, rest]) => ({ ...required, ...rest }));
const flowSpec = fc.record({ slug, id: fc.uuid(), published: fc.boolean(), intent: intentSpec }, plain);
const widgetKeySpec = fc
  .tuple(
    fc.record({
      name: slug,
      isNamed: fc.constant(true),
      label: text(100),
      allowedOrigins: fc.uniqueArray(
        fc.constantFrom('https://acme.com', 'https://*.acme.com', 'http://[::1]:*'),
      ),
      allowMissingOrigin: fc.constant(true),
      originMode: fc.constantFrom('enforce' as const, 'report' as const),
      enabled: fc.boolean(),
      identity: fc.constantFrom('off' as const, 'optional' as const, 'required' as const),
      identitySecretGeneration: fc.integer({ min: 1, max: 2_147_483_647 }),
    }),
    fc.record(
      {
        publicKey: fc.stringMatching(/^pk_live_[a-f0-9]{32}$/),
        endsAt: fc.date({ min: new Date(0), max: new Date('9999-01-01'), noInvalidDate: true }),
      },
      optional,
    ),
  )
  .chain(([required, rest]) =>
    fc
      .oneof(
        fc.constant({ allowsAllIntents: true, allowedIntents: [] }),
        fc.record(
          { allowsAllIntents: fc.constant(false), allowedIntents: fc.uniqueArray(name, { maxLength: 3 }) },
          plain,
        ),
      )
      .map((policy) => ({ ...required, ...rest, ...policy })),
  );
/** Any valid definition, with few names, so that two of them meet. */
export const tenantSpec: fc.Arbitrary<TenantSpec> = fc
  .record({
    slug,
    name: text(100),
    flows: fc
      .uniqueArray(flowSpec, { maxLength: 4, selector: (flow) => flow.slug })
      .map((flows) =>
        flows.filter((flow, n) => flows.findIndex((one) => one.intent.name === flow.intent.name) === n),
      ),
    widgetKeys: fc.uniqueArray(widgetKeySpec, { maxLength: 3, selector: (key) => key.name }),
  })
  .chain((tenant) => {
    const flow = fc.constantFrom(...tenant.flows.map((flow) => ({ flow: flow.slug })), {});
    const pageType = fc.constantFrom(
      'general' as const,
      'category' as const,
      'product' as const,
      'cart' as const,
    );
    const question = fc
      .tuple(text(200), pageType, flow)
      .map(([question, pageType, flow]) => ({ question, pageType, ...flow }));
    return fc.array(question, { maxLength: 6 }).map((quickQuestions) => ({ ...tenant, quickQuestions }));
  });
