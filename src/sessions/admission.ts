import { bearerToken } from '../callers/authenticate.js';
import type { WidgetView } from '../catalog/widget-view.js';
import type { WidgetViews } from '../catalog/widget-views.js';
import type { Conversation } from '../conversations/conversation.js';
import { requireTenant } from '../rpc/authorize.js';
import type { AuthenticatedCall } from '../rpc/call.js';
import { ServiceError } from '../rpc/errors.js';
import { isOfOpening } from './jti.js';
import { invalidToken, type SessionClaims, type SessionTokens } from './token.js';

/**
 * Admission: what a visitor must have for a call, which is an enabled widget key, an allowed origin and a good session
 * token. Each rule stands here once, for all RPCs of a session.
 */

/** What checking a token needs. */
export interface AdmissionDeps {
  readonly tokens: SessionTokens;
  readonly views: WidgetViews;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** A session token that is good, and its widget. */
export interface AdmittedToken {
  readonly claims: SessionClaims;
  readonly view: WidgetView;
}

/**
 * Checks a session token and its widget key. What its conversation says is checked by {@link requireOngoing}.
 *
 * @param graceSeconds how long ago it may have expired
 * @throws ServiceError invalid_session_token, widget_disabled (no such key), permission_denied
 */
export async function admitToken(
  { tokens, views, now }: AdmissionDeps,
  token: string | undefined,
  call: AuthenticatedCall,
  graceSeconds = 0,
): Promise<AdmittedToken> {
  if (token === undefined) {
    throw new ServiceError(
      'invalid_session_token',
      call.surface === 'chat'
        ? 'A session token is required: Authorization: Bearer <token>.'
        : 'A session token is required, in the metadata chat-session-token.',
    );
  }
  const claims = tokens.verify(token, now(), graceSeconds);
  const view = await views.getById(claims.keyId);
  if (!view) throw widgetDisabled();
  if (view.tenantId !== claims.tenantId) throw invalidToken();
  requireTenant(call, view.tenantSlug);
  return { claims, view };
}

/**
 * The session token of a visitor's call. On the engine surface `authorization` is the engine caller's, so it comes in
 * metadata of its own. A query is never read: proxies log it.
 */
export function sessionTokenOf(call: AuthenticatedCall): string | undefined {
  return call.surface === 'chat'
    ? bearerToken(call.header('authorization'))
    : call.header('chat-session-token');
}

/** @throws ServiceError widget_disabled: one answer for no such key, disabled, and past its end */
export function requireUsable(view: WidgetView | undefined, now: number): asserts view is WidgetView {
  if (!view?.isOpen(now)) throw widgetDisabled();
}

/**
 * The origin that a browser calls from, checked; undefined on the engine surface, which has none.
 *
 * @throws ServiceError origin_not_allowed
 */
export function requireOrigin(view: WidgetView, call: AuthenticatedCall): string | undefined {
  if (call.surface !== 'chat') return undefined;
  const origin = call.header('origin');
  if (view.allowsOrigin(origin)) return origin;
  throw new ServiceError('origin_not_allowed', 'This widget may not be used from this origin.');
}

/**
 * The conversation of a token, while it lasts.
 *
 * @throws ServiceError invalid_session_token when it has ended, or was erased
 */
export function requireOngoing(conversation: Conversation | undefined, claims: SessionClaims): Conversation {
  const found = requireConversationOf(conversation, claims);
  if (found.endedAt !== undefined) throw invalidToken();
  return found;
}

/** The conversation of a token, ended or not. @throws ServiceError invalid_session_token when it was erased */
export function requireConversationOf(
  conversation: Conversation | undefined,
  claims: SessionClaims,
): Conversation {
  if (conversation?.tenantId !== claims.tenantId || conversation.keyId !== claims.keyId) throw invalidToken();
  // A reused idempotency key can recreate an erased id; older tokens belong to the erased conversation.
  if (!isOfOpening(claims, conversation.session)) throw invalidToken();
  return conversation;
}

function widgetDisabled(): ServiceError {
  return new ServiceError('widget_disabled', 'This widget is not available.');
}
