import { createHash } from 'node:crypto';
import { stringify } from 'uuid';
import type { Conversation } from '../conversations/conversation.js';
import type { AuthenticatedCall } from '../rpc/call.js';
import { ServiceError } from '../rpc/errors.js';

const KEY = /^[A-Za-z0-9_-]{22,255}$/;

/**
 * The caller's `Idempotency-Key`. It is a secret of the caller, as good as the session while it lasts: it is
 * neither logged nor stored.
 *
 * @throws ServiceError invalid_input
 */
export function idempotencyKeyOf(call: AuthenticatedCall): string | undefined {
  const key = call.header('idempotency-key');
  if (key === undefined || KEY.test(key)) return key;
  throw new ServiceError(
    'invalid_input',
    'Idempotency-Key must be 22 to 255 characters of A-Z, a-z, 0-9, _ and -, such as a random UUID.',
  );
}

/**
 * The conversation id that belongs to an idempotency key: a UUIDv8 (RFC 9562, 5.8) of SHA-256 over the
 * length-prefixed parts, so that `_id` itself is the guard against a second row, on sharded clusters too.
 */
export function idempotentId(call: AuthenticatedCall, keyId: string, idempotencyKey: string): string {
  const hash = createHash('sha256');
  for (const part of [call.surface, call.caller?.name ?? '', keyId, idempotencyKey]) {
    hash.update(`${Buffer.byteLength(part)}:`).update(part);
  }
  const bytes = hash.digest().subarray(0, 16);
  bytes.writeUInt8(0x80 | (bytes.readUInt8(6) & 0x0f), 6);
  bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8);
  return stringify(bytes);
}

/** SHA-256 of a request in one canonical form, whatever the order in which its members came. */
export function requestHash(request: unknown): string {
  return createHash('sha256').update(JSON.stringify(request, sortedMembers)).digest('base64url');
}

function sortedMembers(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * The stored conversation, when it answers an open with the same id: the same request, inside its window, and its
 * session neither expired nor ended.
 *
 * @throws ServiceError idempotency_conflict
 */
export function requireReplay(stored: Conversation, opened: Conversation, now: number): Conversation {
  // The driver may send an insert twice when its answer was lost: then what is stored is ours.
  if (stored.session.jti === opened.session.jti || isReplay(stored, opened, now)) return stored;
  throw new ServiceError(
    'idempotency_conflict',
    'This Idempotency-Key was used before: for another request, or for a session that is over.',
  );
}

function isReplay(stored: Conversation, opened: Conversation, now: number): boolean {
  return (
    stored.idempotency !== undefined &&
    stored.idempotency.requestHash === opened.idempotency?.requestHash &&
    now < stored.idempotency.until &&
    now < stored.session.exp * 1000 &&
    stored.endedAt === undefined
  );
}
