import { PUBLIC_KEY } from '../catalog/public-key.js';
import type { WidgetViews } from '../catalog/widget-views.js';
import type { Conversation, ConversationStore } from '../conversations/conversation.js';
import { canonicalLocale } from '../conversations/locale.js';
import { timestamp } from '../conversations/message.js';
import { customerIdViolations, customerTokenViolations, localeViolations } from '../conversations/rules.js';
import { variablesViolations } from '../conversations/variables.js';
import type { OpenSessionRequest as OpenSessionMessage } from '../gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import { ChatSessions } from '../gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import {
  ChatSessionsService,
  type OpenSessionRequest,
  type OpenSessionResponse,
} from '../gen/ts-proto/chatsessions/v1/chat_sessions.js';
import { requireTenant } from '../rpc/authorize.js';
import type { AuthenticatedCall } from '../rpc/call.js';
import { ServiceError, type Violation } from '../rpc/errors.js';
import { defineRpc } from '../rpc/rpc.js';
import { requireOpen, requireOrigin } from './admission.js';
import { type Customer, customerOf } from './customer-token.js';
import { idempotencyKeyOf, idempotentId, isReplay, requestHash } from './idempotency.js';
import { openingJti } from './jti.js';
import type { SessionTokens } from './token.js';

/** What opening a session needs. */
export interface OpenSessionParts {
  readonly views: WidgetViews;
  readonly conversations: Pick<ConversationStore, 'insert'>;
  readonly tokens: SessionTokens;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** When a conversation is opened, as it is stored: see {@link Dates.latest}. */
  readonly date: () => number;
  /** A new UUIDv7. */
  readonly newId: () => string;
  /** A new token id: unguessable, 128 bits. */
  readonly newJti: () => string;
  /** How long a session lasts, in whole seconds. */
  readonly sessionTtl: number;
  /** How long a conversation is kept after its last change, in seconds. */
  readonly retention: number;
}

/** How long a retried open gets the same answer, in seconds. */
const IDEMPOTENCY_WINDOW = { chat: 10 * 60, engine: 24 * 60 * 60 } as const;

/** The broken rules of an open, in the order of the fields. */
export function openSessionViolations(request: OpenSessionMessage): Violation[] {
  return [
    ...publicKeyViolations(request.publicKey),
    ...customerIdViolations(request.customerId),
    ...localeViolations(request.locale),
    ...(request.variables ? variablesViolations(request.variables) : []),
    ...customerTokenViolations(request.customerToken),
  ];
}

function publicKeyViolations(publicKey: string): Violation[] {
  if (PUBLIC_KEY.test(publicKey)) return [];
  const message = 'publicKey must be pk_live_ followed by 32 lower-case hex digits.';
  return [{ field: 'publicKey', rule: 'public_key.pattern', message }];
}

/** OpenSession: one durable write and one signature. */
export function openSession(parts: OpenSessionParts) {
  const { views, conversations, tokens, now } = parts;

  return defineRpc({
    method: ChatSessions.method.openSession,
    codec: ChatSessionsService.openSession,
    scope: 'open',
    rules: openSessionViolations,
    handle: open,
  });

  async function open(request: OpenSessionRequest, call: AuthenticatedCall): Promise<OpenSessionResponse> {
    const idempotencyKey = idempotencyKeyOf(call);
    const view = await views.get(request.publicKey);
    // Another tenant's key is not looked at, whether it is good or not.
    if (view) requireTenant(call, view.tenantSlug);
    requireOpen(view, now());
    const origin = requireOrigin(view, call);

    const { identity, keyId } = view;
    const customer = await customerOf(request, { identity, keyId, now: now() });

    const opened = conversationOf(request, call, view, origin, customer, idempotencyKey);
    const stored = await conversations.insert(opened, call.deadline);
    // The driver may send an insert twice when its answer was lost: then what is stored is ours.
    if (stored && stored.session.jti !== opened.session.jti && !isReplay(stored, opened, now())) {
      throw new ServiceError(
        'idempotency_conflict',
        'This Idempotency-Key was used before: for another request, or for a session that is over.',
      );
    }
    const { id, session } = stored ?? opened;
    return {
      sessionToken: tokens.sign({
        conversationId: id,
        tenantId: view.tenantId,
        keyId: view.keyId,
        ...session,
      }),
      conversationId: id,
      expiresAt: timestamp(session.exp * 1000),
      ...view.offer,
    };
  }

  function conversationOf(
    request: OpenSessionRequest,
    call: AuthenticatedCall,
    { tenantId, keyId }: { readonly tenantId: string; readonly keyId: string },
    origin: string | undefined,
    customer: Customer,
    idempotencyKey: string | undefined,
  ): Conversation {
    const createdAt = parts.date();
    const iat = Math.floor(now() / 1000);
    const exp = iat + parts.sessionTtl;
    const said = {
      customerId: customer.id,
      locale: canonicalLocale(request.locale),
      variables: request.variables ?? {},
    };
    // Not the token: a retry may bring one that was signed anew, for the same customer.
    const asked = customer.verified ? { ...said, customerVerified: true } : said;
    const windowEnd = iat + IDEMPOTENCY_WINDOW[call.surface];
    return {
      id: idempotencyKey === undefined ? parts.newId() : idempotentId(call, keyId, idempotencyKey),
      tenantId,
      keyId,
      ...said,
      customerVerified: customer.verified,
      origin,
      surface: call.surface,
      session: { jti: openingJti(parts.newJti()), iat, exp },
      idempotency:
        idempotencyKey === undefined
          ? undefined
          : { requestHash: requestHash(asked), until: Math.min(windowEnd, exp) * 1000 },
      expiresAt: exp,
      endedAt: undefined,
      createdAt,
      updatedAt: createdAt,
      purgeAt: createdAt + parts.retention * 1000,
      revision: 1,
      changes: [],
    };
  }
}
