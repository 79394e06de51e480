import { createHash } from 'node:crypto';
import { stringify } from 'uuid';
import type { Conversation } from '../conversations/conversation.js';
import type { AuthenticatedCall } from '../rpc/call.js';
import { ServiceError } from '../rpc/errors.js';

/** A key, bare or as a string of structured fields (RFC 8941, section 3.3.3), whose quotes are no part of it. */
const KEY = /^("?)([A-Za-z0-9_-]{22,255})\1$/;

/**
 * The `Idempotency-Key` of a call. Whoever knows it can get the session's token, so it is neither logged nor stored.
 *
 * @throws ServiceError invalid_input when it is malformed
 */
export function idempotencyKeyOf(call: AuthenticatedCall): string | undefined {
  const sent = call.header('idempotency-key');
  if (sent === undefined) return undefined;
  const [, , key] = KEY.exec(sent) ?? [];
  if (key !== undefined) return key;
  throw new ServiceError(
    'invalid_input',
    'Idempotency-Key must be 22 to 255 characters of A-Z, a-z, 0-9, _ and -, bare or in double quotes, such as a random UUID.',
  );
}

/**
 * Derives the conversation id from an idempotency key: a UUIDv8 (RFC 9562, 5.8) of SHA-256 over the length-prefixed
 * parts. Since `_id` is unique even on a sharded cluster, it prevents a second document for the same key.
 */
export function deriveConversationId(call: AuthenticatedCall, keyId: string, idempotencyKey: string): string {
  const hash = createHash('sha256');
  for (const part of [call.surface, call.caller?.name ?? '', keyId, idempotencyKey]) {
    hash.update(`${Buffer.byteLength(part)}:`).update(part);
  }
  const bytes = hash.digest().subarray(0, 16);
  bytes.writeUInt8(0x80 | (bytes.readUInt8(6) & 0x0f), 6);
  bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8);
  return stringify(bytes);
}

/** SHA-256 of a request's canonical JSON, in which the order of members does not matter. */
export function hashRequest(request: unknown): string {
  return createHash('sha256').update(JSON.stringify(request, sortMembers)).digest('base64url');
}

function sortMembers(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * Requires that an OpenSession whose id is already stored is a retry: the same request, within the idempotency window,
 * for a session that has neither expired nor ended. Returns the stored conversation, which the retry is answered with.
 *
 * @throws ServiceError idempotency_conflict
 */
export function requireRetry(stored: Conversation, opened: Conversation, now: number): Conversation {
  // The driver resends an insert whose answer was lost. Then the stored document is this call's own, known by its jti.
  if (stored.session.jti === opened.session.jti) return stored;
  const cause = conflictOf(stored, opened, now);
  if (cause === undefined) return stored;
  throw new ServiceError('idempotency_conflict', CONFLICTS[cause], {
    cause,
    // Not told to browsers: whoever has the key but not the token learns nothing about the conversation.
    ...(opened.surface === 'engine' && { conversationId: stored.id }),
  });
}

/** Why an idempotency key cannot be used again, by the `cause` of the refusal. */
const CONFLICTS = {
  different_request: 'This Idempotency-Key was used before, for another request.',
  session_over: 'This Idempotency-Key was used before, for a session that has ended or expired.',
  window_over: 'This Idempotency-Key was used before, and the time in which it repeats an answer is over.',
} as const;

function conflictOf(
  stored: Conversation,
  opened: Conversation,
  now: number,
): keyof typeof CONFLICTS | undefined {
  const { idempotency, session, expiresAt, endedAt } = stored;
  if (idempotency === undefined || idempotency.requestHash !== opened.idempotency?.requestHash)
    return 'different_request';
  if (endedAt !== undefined || now >= expiresAt * 1000) return 'session_over';
  // A refreshed session outlives the token that it was opened with, which a retry would be answered with.
  if (now >= idempotency.until || now >= session.exp * 1000) return 'window_over';
  return undefined;
}
