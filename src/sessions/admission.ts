import { bearerToken } from '../callers/authenticate.js';
import { explainOrigin, harmless } from '../catalog/explain-origin.js';
import { explainKey, type KeyReason } from '../catalog/key-state.js';
import type { WidgetView } from '../catalog/widget-view.js';
import type { WidgetViews } from '../catalog/widget-views.js';
import type { Conversation } from '../conversations/conversation.js';
import { requireTenantAccess } from '../rpc/authorize.js';
import type { AuthenticatedCall } from '../rpc/call.js';
import { ServiceError } from '../rpc/errors.js';
import { belongsToOpening } from './jti.js';
import { invalidToken, type SessionClaims, type SessionTokens } from './token.js';

/**
 * Admission: the checks that a visitor's call has to pass. It needs an enabled widget key, an allowed origin and a valid
 * session token. Every session RPC uses these functions, so that no RPC is laxer than another.
 */

/** The dependencies of {@link admitToken}. */
export interface AdmissionDeps {
  readonly tokens: SessionTokens;
  readonly views: WidgetViews;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** The claims of a valid session token, and the view of its widget key. */
export interface AdmittedToken {
  readonly claims: SessionClaims;
  readonly view: WidgetView;
}

/**
 * Verifies a session token and finds its widget key. Whether its conversation has ended is checked by
 * {@link requireOngoing}, and whether the key is enabled by {@link requireUsable}.
 *
 * @param graceSeconds how long ago the token may have expired
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
  if (!view) throw widgetDisabled(() => ({ widgetKeyId: claims.keyId, ...keyReason('unknown') }));
  if (view.tenantId !== claims.tenantId) throw invalidToken();
  requireTenantAccess(call, view.tenantSlug);
  return { claims, view };
}

/**
 * The session token of a call. On the engine surface it comes in the metadata `chat-session-token`, because
 * `authorization` holds the engine caller's token. It is never read from a query string, since proxies log those.
 */
export function sessionTokenOf(call: AuthenticatedCall): string | undefined {
  return call.surface === 'chat'
    ? bearerToken(call.header('authorization'))
    : call.header('chat-session-token');
}

/**
 * Requires that a widget key is enabled and not past its end.
 *
 * @param publicKey for the log of an unknown key, which has only its first digits
 * @throws ServiceError widget_disabled, also for an unknown key: a caller cannot find out which keys exist
 */
export function requireUsable(
  view: WidgetView | undefined,
  now: number,
  publicKey = '',
): asserts view is WidgetView {
  const state = view?.state(now) ?? 'unknown';
  if (state === 'enabled') return;
  throw widgetDisabled(() => ({
    ...(view ? subjectOf(view) : { publicKey: `${publicKey.slice(0, SHOWN_OF_KEY)}…` }),
    ...keyReason(state),
  }));
}

/** How much of a public key is logged: `pk_live_` and four digits. */
const SHOWN_OF_KEY = 12;

/**
 * Requires that the widget key allows the `Origin` of a browser's call, and returns it; undefined on the engine surface,
 * where calls have no origin.
 *
 * @throws ServiceError origin_not_allowed
 */
export function requireOrigin(view: WidgetView, call: AuthenticatedCall): string | undefined {
  if (call.surface !== 'chat') return undefined;
  const origin = call.header('origin');
  if (view.origins.decide(origin).passes) return origin;
  throw new ServiceError(
    'origin_not_allowed',
    'This widget may not be used from this origin.',
    {},
    undefined,
    () => {
      const { reason, message, rule, proposedRule } = explainOrigin(view.origins, origin);
      const shown = origin === undefined ? {} : { origin: harmless(origin) };
      return { ...subjectOf(view), ...shown, reason, rule, proposedRule, why: message };
    },
  );
}

/**
 * Requires that the token's conversation exists and has not ended.
 *
 * @throws ServiceError invalid_session_token when it has ended or was erased
 */
export function requireOngoing(conversation: Conversation | undefined, claims: SessionClaims): Conversation {
  const found = requireConversationOf(conversation, claims);
  if (found.endedAt !== undefined) throw invalidToken();
  return found;
}

/**
 * Requires that the token's conversation exists, ended or not.
 *
 * @throws ServiceError invalid_session_token when it was erased
 */
export function requireConversationOf(
  conversation: Conversation | undefined,
  claims: SessionClaims,
): Conversation {
  if (conversation?.tenantId !== claims.tenantId || conversation.keyId !== claims.keyId) throw invalidToken();
  // A reused idempotency key can recreate an erased id; older tokens belong to the erased conversation.
  if (!belongsToOpening(claims, conversation.session)) throw invalidToken();
  return conversation;
}

function widgetDisabled(log: () => object): ServiceError {
  return new ServiceError('widget_disabled', 'This widget is not available.', {}, undefined, log);
}

/** What a log line says of a refusal's widget key. */
function subjectOf({ tenantSlug, keyId }: WidgetView) {
  return { tenant: tenantSlug, widgetKeyId: keyId };
}

function keyReason(state: KeyReason) {
  return { reason: state, why: explainKey(state) };
}
