import { z } from 'zod';
import { SLUG } from '../rpc/tenant.js';
import { IDENTITY_MODES, ORIGIN_MODES } from './model.js';
import { OriginPatternError, parseOriginPattern } from './origins.js';
import { PUBLIC_KEY } from './public-key.js';
import { PAGE_TYPES } from './tenant-spec.js';

/**
 * The schema of tenant definitions: the rules of each field, the same for tenant files and for messages. Rules that
 * involve more than one field are in definition-conflicts.ts. The ids of the rules are stable; docs/catalog.md lists
 * them.
 */

export const MAX_FLOWS = 200;
export const MAX_WIDGET_KEYS = 50;
export const MAX_QUICK_QUESTIONS = 6;
export const MAX_EXAMPLES = 20;
export const MAX_ENTITIES = 20;
export const MAX_ORIGINS = 100;
export const MAX_ALLOWED_INTENTS = 200;
const MAX_URL = 2048;

/** A broken rule: its id, and a sentence. */
const rule = (id: string, error: string) => ({ error, params: { rule: id } });

/** The schema of the slug of a tenant or a flow, and of the name of a widget key. */
export const slug = z
  .string()
  .refine(
    (value) => SLUG.test(value),
    rule('slug.pattern', 'must be 1 to 63 lower-case letters, digits and hyphens, not a hyphen first'),
  );
const intentName = z
  .string()
  .refine(
    (value) => /^[a-z][a-z0-9_]{0,63}$/.test(value),
    rule('intent_name.pattern', 'must be 1 to 64 lower-case letters, digits and underscores, a letter first'),
  );
const styleVariant = z
  .string()
  .refine(
    (value) => /^[a-z][a-z_]{0,31}$/.test(value),
    rule('style_variant.pattern', 'must be 1 to 32 lower-case letters and underscores, a letter first'),
  );

/** The schema of a text that visitors read, of at most `max` characters (code points). */
function text(max: number) {
  return z
    .string()
    .refine((value) => value.trim() !== '', rule('text.blank', 'must not be blank'))
    .refine(
      (value) => !isLongerThan(max, value),
      rule('text.max_length', `must have at most ${max} characters`),
    )
    .refine(
      (value) => value.isWellFormed(),
      rule('text.unicode', 'is not valid Unicode: it has a lone surrogate'),
    );
}

/** Whether a text has more than `max` code points, each of one or two UTF-16 units. */
function isLongerThan(max: number, value: string): boolean {
  return value.length > max && (value.length > 2 * max || [...value].length > max);
}

const origin = z.string().transform((value, context) => {
  try {
    return parseOriginPattern(value).text;
  } catch (error) {
    if (!(error instanceof OriginPatternError)) throw error;
    context.addIssue({ code: 'custom', message: error.message, params: { rule: error.rule } });
    return z.NEVER;
  }
});

const DATETIME = z.iso.datetime();
// In YAML 1.2 a timestamp is a string.
const instant = z
  .string()
  .refine(
    (value) => DATETIME.safeParse(value).success,
    rule('ends_at.format', 'must be a UTC time of RFC 3339, such as 2027-01-01T00:00:00Z'),
  )
  .transform((value) => new Date(value));

const ICON_KINDS = ['emoji', 'url', 'name'] as const;
const icon = z.discriminatedUnion(
  'kind',
  [
    z.strictObject({ kind: z.literal('emoji'), value: text(64) }),
    z.strictObject({
      kind: z.literal('url'),
      value: z
        .string()
        .refine(isHttpsUrl, rule('icon.url', `must be an https:// URL of at most ${MAX_URL} characters`)),
    }),
    z.strictObject({ kind: z.literal('name'), value: text(64) }),
  ],
  {
    error: ({ code }) => (code === 'invalid_union' ? `must be one of ${ICON_KINDS.join(', ')}` : undefined),
  },
);

function isHttpsUrl(value: string): boolean {
  // The pattern comes first: URL parsers drop control characters and accept http:/x as well.
  return value.length <= MAX_URL && /^https:\/\/[!-~]+$/.test(value) && URL.canParse(value);
}

const PRIORITY = 'must be a whole number from -2147483648 to 2147483647';
const intent = z.strictObject({
  name: intentName,
  displayLabel: text(100),
  subtitle: text(500).optional(),
  description: text(500).optional(),
  examples: z.array(text(200)).max(MAX_EXAMPLES).default([]),
  requiredEntities: z.array(intentName).max(MAX_ENTITIES).default([]),
  icon: icon.optional(),
  accentColor: z
    .string()
    .refine(
      (value) => /^#(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})$/i.test(value),
      rule('accent_color.hex', 'must be a CSS hex colour such as #2563eb, of 3, 4, 6 or 8 digits'),
    )
    .optional(),
  styleVariant: styleVariant.default('solid'),
  isPinned: z.boolean().default(false),
  priority: z.number({ error: PRIORITY }).refine(isInt32, rule('priority.range', PRIORITY)).default(0),
});

function isInt32(value: number): boolean {
  return Number.isInteger(value) && Math.abs(value + 0.5) < 2 ** 31;
}

const UUID = z.uuid();
export const flow = z.strictObject({
  slug,
  id: z
    .string({ error: 'must be a UUID' })
    .refine((value) => UUID.safeParse(value).success, rule('flow_id.uuid', 'must be a UUID'))
    .toLowerCase()
    .optional(),
  published: z.boolean().default(false),
  intent,
});

export const quickQuestion = z.strictObject({
  question: text(200),
  pageType: z.enum(PAGE_TYPES).default('general'),
  flow: slug.optional(),
});

export const quickQuestions = z.array(quickQuestion).max(MAX_QUICK_QUESTIONS);

const GENERATION = 'must be a whole number from 1 to 2147483647';
export const widgetKey = z.strictObject({
  name: slug.optional(),
  publicKey: z
    .string()
    .refine(
      (value) => PUBLIC_KEY.test(value),
      rule('public_key.pattern', 'must be pk_live_ and 32 lower-case hexadecimal digits'),
    )
    .optional(),
  label: text(100).optional(),
  allowedOrigins: z
    .array(origin)
    .max(MAX_ORIGINS)
    .transform((origins) => [...new Set(origins)])
    .default([]),
  allowMissingOrigin: z.boolean().default(false),
  originMode: z.enum(ORIGIN_MODES).default('enforce'),
  allowsAllIntents: z.boolean().default(false),
  allowedIntents: z
    .array(intentName)
    .max(MAX_ALLOWED_INTENTS)
    .transform((names) => [...new Set(names)])
    .default([]),
  enabled: z.boolean().default(true),
  endsAt: instant.optional(),
  identity: z.enum(IDENTITY_MODES).default('off'),
  identitySecretGeneration: z
    .number({ error: GENERATION })
    .refine((value) => isInt32(value) && value >= 1, rule('identity_secret_generation.range', GENERATION))
    .default(1),
});

export const tenant = z.strictObject({
  slug,
  name: text(100),
  flows: z.array(flow).max(MAX_FLOWS).default([]),
  quickQuestions: quickQuestions.default([]),
  widgetKeys: z.array(widgetKey).max(MAX_WIDGET_KEYS).default([]),
});

/** The schema of a tenant file. */
export const tenantFile = z.strictObject({ tenants: z.array(tenant).min(1) });

/** The field names of each mapping, by its path without indexes; a misspelt field gets the nearest one as a hint. */
export const KNOWN_FIELDS: Readonly<Record<string, readonly string[]>> = {
  '': Object.keys(tenantFile.shape),
  tenants: Object.keys(tenant.shape),
  'tenants.flows': Object.keys(flow.shape),
  'tenants.flows.intent': Object.keys(intent.shape),
  'tenants.flows.intent.icon': ['kind', 'value'],
  'tenants.quickQuestions': Object.keys(quickQuestion.shape),
  'tenants.widgetKeys': Object.keys(widgetKey.shape),
};

/** The stable id of the rule that an issue of these schemas breaks. */
export function ruleOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'custom') return String(issue.params?.['rule'] ?? 'invalid');
  if (issue.code === 'invalid_type') return issue.input === undefined ? 'required' : 'type';
  if (issue.code === 'unrecognized_keys') return 'unknown_field';
  const field = issue.path.findLast((step) => typeof step === 'string') ?? '';
  const name = field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  if (issue.code === 'too_big') return `${name}.max_items`;
  if (issue.code === 'too_small') return `${name}.min_items`;
  // An icon's kind is the discriminator of a union.
  return issue.code === 'invalid_union' ? 'icon.kind' : `${name}.known`;
}
