import { canonicalLocale } from 'chatsessions/conversations/locale.js';
import { rulesBroken } from 'chatsessions/rpc/errors.js';
import { z } from 'zod';
import type { OpenRequest } from './session.js';

/** The form of a widget key. */
export const PUBLIC_KEY = /^pk_live_[a-f0-9]{32}$/;
/** The largest request, in bytes. */
export const MAX_REQUEST_BYTES = 64 * 1_024;

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const nested = (levels: number): z.ZodType =>
  levels === 0 ? scalar : z.union([scalar, z.array(nested(levels - 1))]);

/** The rules of an open. Fastify has them as JSON Schema. */
const request = z.object({
  publicKey: z.string().regex(PUBLIC_KEY),
  customerId: z
    .string()
    .refine((id) => id.length <= 100 || [...id].length <= 100, 'at most 100 characters')
    .nullish(),
  locale: z
    .string()
    .max(16)
    .refine((tag) => tag === '' || canonicalLocale(tag) !== undefined, 'not a BCP-47 language tag')
    .nullish(),
  variables: z
    .record(z.string().regex(/^[a-z][a-z0-9_]{0,63}$/), nested(4))
    .refine((variables) => Object.keys(variables).length <= 50, 'at most 50 keys')
    .refine((variables) => Buffer.byteLength(JSON.stringify(variables)) <= 4096, 'at most 4096 bytes')
    .nullish(),
});

/** @throws ServiceError validation_failed with every broken rule */
export function checkRequest(body: unknown): OpenRequest {
  const { data, error } = request.safeParse(body);
  if (data) return data;
  throw rulesBroken(
    error.issues.map(({ path, code, message }) => ({ field: path.join('.'), rule: code, message })),
  );
}
