import { z } from 'zod';
import { slug } from '../catalog/definition-schema.js';
import { CALLER_NAME, SCOPES } from '../rpc/call.js';
import { nearest } from '../yaml/nearest.js';

/**
 * The attributes that a certificate subject may have, by their short names in Node.js: those of RFC 4514 (section 3),
 * and others that are common in certificates.
 */
const ATTRIBUTES = [
  ...['CN', 'L', 'ST', 'O', 'OU', 'C', 'street', 'DC', 'UID'],
  ...['GN', 'SN', 'businessCategory', 'dnQualifier', 'emailAddress', 'initials', 'name'],
  ...['organizationIdentifier', 'postalCode', 'pseudonym', 'serialNumber', 'title'],
] as const;

const attributeValue = z.string().min(1);
const attribute = z.union([attributeValue, z.array(attributeValue).min(1)], {
  error: ({ input }) => (input === null ? undefined : 'must be a text, or a list of texts'),
});

const certificateSubject = z
  .strictObject(Object.fromEntries(ATTRIBUTES.map((name) => [name, attribute.optional()])))
  .refine((subject) => Object.keys(subject).length > 0, {
    error: 'must not be empty',
    when: ({ issues }) => issues.length === 0,
  });

const tenant = slug.refine((value) => value !== 'all', {
  error: 'stands alone, for every tenant: write tenants: all',
});
const tenants = z.union([z.literal('all'), z.array(tenant).min(1)], {
  error: ({ input }) => {
    if (input === undefined) return 'is required';
    return input === null ? undefined : 'must be a list of slugs, or the word all';
  },
});

const scope = z.enum(SCOPES, {
  error: ({ input }) => {
    if (typeof input !== 'string') return input === null ? undefined : 'must be a text';
    return `is not one of ${SCOPES.join(', ')}${nearest(input, SCOPES)}`;
  },
});

const caller = z.strictObject({
  name: z.string().regex(CALLER_NAME, { error: 'must be 1 to 64 characters of A-Z a-z 0-9 . _ -' }),
  tokenHashes: z
    .array(
      z.string().regex(/^sha256:[0-9a-f]{64}$/, {
        error: 'must be sha256: and 64 lower-case hexadecimal digits, as chatsessions engine-token prints it',
      }),
    )
    .min(1)
    .optional(),
  certificateSubject: certificateSubject.optional(),
  tenants,
  scopes: z.array(scope).min(1),
});

/** The schema of a callers file. Rules that involve more than one place are in callers-file-conflicts.ts. */
export const callersFileSchema = z.strictObject({ callers: z.array(caller).min(1) });

/** The field names of each mapping, by its path without indexes; a misspelt field gets the nearest one as a hint. */
export const KNOWN_FIELDS: Readonly<Record<string, readonly string[]>> = {
  '': Object.keys(callersFileSchema.shape),
  callers: Object.keys(caller.shape),
  'callers.certificateSubject': ATTRIBUTES,
};
