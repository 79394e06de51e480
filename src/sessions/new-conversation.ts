import type { WidgetView } from '../catalog/widget-view.js';
import type { Conversation } from '../conversations/conversation.js';
import { canonicalLocale } from '../conversations/locale.js';
import type { OpenSessionRequest } from '../gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { AuthenticatedCall } from '../rpc/call.js';
import type { Customer } from './customer-token.js';
import { deriveConversationId, hashRequest } from './idempotency.js';
import { openingJti } from './jti.js';

/** The dependencies and settings of {@link newConversation}. */
export interface OpenDeps {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** The opening time to store, in ms since the epoch: see {@link Dates.latest}. */
  readonly date: () => number;
  /** A new UUIDv7. */
  readonly newId: () => string;
  /** A new token id: unguessable, 128 bits. */
  readonly newJti: () => string;
  /** How long a session lasts, unless the request says otherwise. */
  readonly sessionTtlSeconds: number;
  /** How long after the opening every token has expired. */
  readonly sessionMaxAgeSeconds: number;
  /** How long a conversation is kept after its last change. */
  readonly retentionSeconds: number;
}

/** An OpenSession call that has passed admission. */
export interface Opening {
  readonly request: OpenSessionRequest;
  readonly call: AuthenticatedCall;
  readonly view: Pick<WidgetView, 'tenantId' | 'keyId'>;
  readonly origin: string | undefined;
  readonly customer: Customer;
  readonly idempotencyKey: string | undefined;
}

/** How long a retried OpenSession gets the same answer, in seconds. */
const IDEMPOTENCY_WINDOW_SECONDS = { chat: 10 * 60, engine: 24 * 60 * 60 } as const;

/** Makes the conversation that OpenSession stores. */
export function newConversation(deps: OpenDeps, opening: Opening): Conversation {
  const { request, call, view, origin, customer, idempotencyKey } = opening;
  const { tenantId, keyId } = view;
  const createdAt = deps.date();
  const iat = Math.floor(deps.now() / 1000);
  const ttlSeconds = request.ttl?.seconds;
  const exp = iat + Math.min(ttlSeconds ?? deps.sessionTtlSeconds, deps.sessionMaxAgeSeconds);
  const attributes = request.attributes ?? {};
  const visitorFields = {
    customerId: customer.id,
    locale: canonicalLocale(request.locale),
    variables: request.variables ?? {},
  };
  const windowEnd = iat + IDEMPOTENCY_WINDOW_SECONDS[call.surface];
  return {
    id: idempotencyKey === undefined ? deps.newId() : deriveConversationId(call, keyId, idempotencyKey),
    tenantId,
    keyId,
    ...visitorFields,
    attributes,
    ...(ttlSeconds !== undefined && { ttlSeconds }),
    customerVerified: customer.verified,
    origin,
    surface: call.surface,
    session: { jti: openingJti(deps.newJti()), iat, exp },
    idempotency:
      idempotencyKey === undefined
        ? undefined
        : { requestHash: hashRequest(hashedFields()), until: Math.min(windowEnd, exp) * 1000 },
    expiresAt: exp,
    endedAt: undefined,
    createdAt,
    updatedAt: createdAt,
    purgeAt: createdAt + deps.retentionSeconds * 1000,
    revision: 1,
    changes: [],
  };

  /**
   * What a retry must repeat. It leaves out the customer token, because a retry may bring a newly signed one for the same
   * customer. Absent fields leave no trace, so that the hashes of earlier versions stay the same.
   */
  function hashedFields(): object {
    return {
      ...visitorFields,
      ...(customer.verified && { customerVerified: true }),
      ...(Object.keys(attributes).length > 0 && { attributes }),
      ...(ttlSeconds !== undefined && { ttlSeconds }),
      ...(request.continueLatest && { continueLatest: true }),
    };
  }
}
