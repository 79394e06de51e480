import { z } from 'zod';
import { SLUG } from '../rpc/tenant.js';
import { IDENTITY_MODES, ORIGIN_MODES } from './model.js';
import { parseOriginPattern } from './origins.js';
import { PUBLIC_KEY } from './public-key.js';
import { PAGE_TYPES } from './tenant-spec.js';

const NAME = /^[a-z][a-z0-9_]{0,63}$/;

/** The schema of the slug of a tenant or a flow. */
export const slug = z.string().regex(SLUG, {
  error: 'must be 1 to 63 lower-case letters, digits and hyphens, not a hyphen first',
});
const name = z.string().regex(NAME, {
  error: 'must be 1 to 64 lower-case letters, digits and underscores, a letter first',
});
const keyword = z.string().regex(/^[a-z][a-z_]{0,31}$/, {
  error: 'must be 1 to 32 lower-case letters and underscores, a letter first',
});

/** The schema of a text that visitors read, of at most `max` characters (code points). */
function text(max: number) {
  return z
    .string()
    .refine((value) => value.trim() !== '', { error: 'must not be blank' })
    .refine((value) => [...value].length <= max, { error: `must have at most ${max} characters` })
    .refine((value) => !/\p{Surrogate}/u.test(value), {
      error: 'is not valid Unicode: it has a lone surrogate',
    });
}

const origin = z.string().transform((value, context) => {
  try {
    return parseOriginPattern(value).text;
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
    return z.NEVER;
  }
});

// In YAML 1.2 a timestamp is a string.
const instant = z.iso
  .datetime({ error: 'must be a UTC time of RFC 3339, such as 2027-01-01T00:00:00Z' })
  .transform((value) => new Date(value));

const icon = z.strictObject({ kind: keyword, value: text(2048) });

const intent = z.strictObject({
  name,
  displayLabel: text(100),
  subtitle: text(500).optional(),
  description: text(500).optional(),
  examples: z.array(text(200)).max(20).default([]),
  requiredEntities: z.array(name).max(20).default([]),
  icon: icon.optional(),
  accentColor: z
    .string()
    .regex(/^#(?:[0-9a-f]{3}|[0-9a-f]{6})$/i, { error: 'must be a colour such as #2563eb or #25e' })
    .optional(),
  styleVariant: keyword.default('solid'),
  isPinned: z.boolean().default(false),
  priority: z.int32({ error: 'must be a whole number from -2147483648 to 2147483647' }).default(0),
});

const flow = z.strictObject({
  slug,
  id: z.uuid({ error: 'must be a UUID' }).toLowerCase().optional(),
  published: z.boolean().default(false),
  intent,
});

const quickQuestion = z.strictObject({
  question: text(200),
  pageType: z.enum(PAGE_TYPES).default('general'),
  flow: slug.optional(),
});

const GENERATION = 'must be a whole number from 1 to 2147483647';
const widgetKey = z.strictObject({
  publicKey: z
    .string()
    .regex(PUBLIC_KEY, { error: 'must be pk_live_ and 32 lower-case hexadecimal digits' })
    .optional(),
  label: text(100),
  allowedOrigins: z
    .array(origin)
    .max(100)
    .transform((origins) => [...new Set(origins)])
    .default([]),
  allowMissingOrigin: z.boolean().default(false),
  originMode: z.enum(ORIGIN_MODES).default('enforce'),
  allowsAllIntents: z.boolean().default(false),
  allowedIntents: z.array(name).max(200).default([]),
  enabled: z.boolean().default(true),
  endsAt: instant.optional(),
  identity: z.enum(IDENTITY_MODES).default('off'),
  identitySecretGeneration: z.int32({ error: GENERATION }).min(1, { error: GENERATION }).default(1),
});

const tenant = z.strictObject({
  slug,
  name: text(100),
  flows: z.array(flow).max(200).default([]),
  quickQuestions: z.array(quickQuestion).max(6).default([]),
  widgetKeys: z.array(widgetKey).max(100).default([]),
});

/** The schema of a tenant file. Rules that involve more than one place are in tenant-file-conflicts.ts. */
export const tenantFileSchema = z.strictObject({ tenants: z.array(tenant).min(1) });

/** The field names of each mapping, by its path without indexes; a misspelt field gets the nearest one as a hint. */
export const KNOWN_FIELDS: Readonly<Record<string, readonly string[]>> = {
  '': Object.keys(tenantFileSchema.shape),
  tenants: Object.keys(tenant.shape),
  'tenants.flows': Object.keys(flow.shape),
  'tenants.flows.intent': Object.keys(intent.shape),
  'tenants.flows.intent.icon': Object.keys(icon.shape),
  'tenants.quickQuestions': Object.keys(quickQuestion.shape),
  'tenants.widgetKeys': Object.keys(widgetKey.shape),
};
