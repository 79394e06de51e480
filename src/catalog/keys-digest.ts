import { createHash } from 'node:crypto';
import type { IdentitySecret, WidgetKey } from './model.js';

/** The SHA-256 of a tenant's keys and sealed secrets, independent of their order. */
export function digestOfKeys(
  keys: readonly WidgetKey[],
  secrets: readonly (IdentitySecret | undefined)[],
): string {
  const sealed = secrets.flatMap((secret) =>
    secret ? [{ ...secret, sealed: Buffer.from(secret.sealed).toString('base64url') }] : [],
  );
  const rows = [...keys, ...sealed]
    .map((row) => JSON.stringify(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1))))
    .sort();
  return createHash('sha256').update(rows.join('\n')).digest('base64url');
}
