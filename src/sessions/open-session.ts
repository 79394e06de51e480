import { PUBLIC_KEY } from '../catalog/public-key.js';
import type { WidgetViews } from '../catalog/widget-views.js';
import type { OpenSessionRequest as OpenSessionMessage } from '../gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import { ChatSessions } from '../gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import {
  ChatSessionsService,
  type OpenSessionRequest,
  type OpenSessionResponse,
} from '../gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { AuthenticatedCall } from '../rpc/call.js';
import { ServiceError, type Violation } from '../rpc/errors.js';
import { defineRpc } from '../rpc/rpc.js';
import type { Conversation, ConversationStore } from './conversation.js';
import { idempotencyKeyOf, idempotentId, isReplay, requestHash } from './idempotency.js';
import { canonicalLocale } from './locale.js';
import type { TokenSigner } from './token.js';
import { variablesViolations } from './variables.js';

/** What opening a session needs. */
export interface OpenSessionParts {
  readonly views: WidgetViews;
  readonly conversations: ConversationStore;
  readonly signer: TokenSigner;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
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

const MAX_CUSTOMER_ID = 100;
const MAX_LOCALE = 16;

/** The broken rules of an open, in the order of the fields. */
export function openSessionViolations(request: OpenSessionMessage): Violation[] {
  const violations: Violation[] = [];
  if (!PUBLIC_KEY.test(request.publicKey)) {
    violations.push({
      field: 'publicKey',
      rule: 'public_key.pattern',
      message: 'publicKey must be pk_live_ followed by 32 lower-case hex digits.',
    });
  }
  // Code points, not UTF-16 units; a string of at most that many units needs no counting.
  if (request.customerId.length > MAX_CUSTOMER_ID && [...request.customerId].length > MAX_CUSTOMER_ID) {
    violations.push({
      field: 'customerId',
      rule: 'customer_id.max_length',
      message: `customerId may have at most ${MAX_CUSTOMER_ID} characters.`,
    });
  }
  if (request.locale.length > MAX_LOCALE) {
    violations.push({
      field: 'locale',
      rule: 'locale.max_length',
      message: `locale may have at most ${MAX_LOCALE} characters.`,
    });
  } else if (request.locale !== '' && canonicalLocale(request.locale) === undefined) {
    violations.push({
      field: 'locale',
      rule: 'locale.bcp47',
      message: 'locale must be a BCP-47 language tag, such as en-GB.',
    });
  }
  if (request.variables) violations.push(...variablesViolations(request.variables));
  return violations;
}

/** OpenSession: one durable write and one signature. */
export function openSession(parts: OpenSessionParts) {
  const { views, conversations, signer, now } = parts;

  return defineRpc({
    method: ChatSessions.method.openSession,
    codec: ChatSessionsService.openSession,
    rules: openSessionViolations,
    handle: open,
  });

  async function open(request: OpenSessionRequest, call: AuthenticatedCall): Promise<OpenSessionResponse> {
    const idempotencyKey = idempotencyKeyOf(call);
    const view = await views.get(request.publicKey);
    if (!view?.isOpen(now())) {
      throw new ServiceError('widget_disabled', 'This widget is not available.');
    }
    const origin = call.surface === 'chat' ? call.header('origin') : undefined;
    if (call.surface === 'chat' && !view.allowsOrigin(origin)) {
      throw new ServiceError('origin_not_allowed', 'This widget may not be used from this origin.');
    }

    const opened = conversationOf(request, call, view, origin, idempotencyKey);
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
      sessionToken: signer.sign({
        conversationId: id,
        tenantId: view.tenantId,
        keyId: view.keyId,
        ...session,
      }),
      conversationId: id,
      expiresAt: { seconds: session.exp, nanos: 0 },
      ...view.offer,
    };
  }

  function conversationOf(
    request: OpenSessionRequest,
    call: AuthenticatedCall,
    { tenantId, keyId }: { readonly tenantId: string; readonly keyId: string },
    origin: string | undefined,
    idempotencyKey: string | undefined,
  ): Conversation {
    const createdAt = now();
    const iat = Math.floor(createdAt / 1000);
    const exp = iat + parts.sessionTtl;
    const said = {
      customerId: request.customerId || undefined,
      locale: canonicalLocale(request.locale),
      variables: request.variables ?? {},
    };
    const windowEnd = iat + IDEMPOTENCY_WINDOW[call.surface];
    return {
      id: idempotencyKey === undefined ? parts.newId() : idempotentId(call, keyId, idempotencyKey),
      tenantId,
      keyId,
      ...said,
      origin,
      surface: call.surface,
      session: { jti: parts.newJti(), iat, exp },
      idempotency:
        idempotencyKey === undefined
          ? undefined
          : { requestHash: requestHash(said), until: Math.min(windowEnd, exp) * 1000 },
      endedAt: undefined,
      createdAt,
      updatedAt: createdAt,
      purgeAt: createdAt + parts.retention * 1000,
    };
  }
}
