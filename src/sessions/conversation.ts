import type { Surface } from '../rpc/call.js';

/** A conversation as it is stored: one document, written once for an open. Times are ms since the epoch. */
export interface Conversation {
  /** UUIDv7, or UUIDv8 when made from an idempotency key. */
  readonly id: string;
  readonly tenantId: string;
  /** The widget key's id. */
  readonly keyId: string;
  readonly customerId: string | undefined;
  /** Canonical BCP-47. */
  readonly locale: string | undefined;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly origin: string | undefined;
  readonly surface: Surface;
  /** The session that may talk in it: what its token says. */
  readonly session: { readonly jti: string; readonly iat: number; readonly exp: number };
  readonly idempotency: Idempotency | undefined;
  readonly endedAt: number | undefined;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** When the row may be removed. */
  readonly purgeAt: number;
}

/** What makes an open repeatable. */
export interface Idempotency {
  /** SHA-256 of the request, base64url. */
  readonly requestHash: string;
  /** The end of the time in which the same request gets the same answer. */
  readonly until: number;
}

/** Where conversations live. */
export interface ConversationStore {
  /**
   * Writes a new conversation, durably (acknowledged by a majority) before it resolves.
   *
   * @returns undefined when it was written, else the conversation that has its id already, as a majority
   * has it.
   * @throws ServiceError unavailable | deadline_exceeded | internal
   */
  insert(conversation: Conversation, deadline: number): Promise<Conversation | undefined>;
}
