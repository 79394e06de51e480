import type { WidgetView } from 'chatsessions/catalog/widget-view.js';
import { errorTable, toServiceError } from 'chatsessions/rpc/errors.js';
import type { SessionClaims } from 'chatsessions/sessions/token.js';

/** The path of an open. */
export const PUBLIC_PATH = '/api/public/v1/chat/sessions';

/** The part of an answer that all opens of a key share, as on the public path: unset members are null. */
export type PublicOffer = ReturnType<typeof toPublicOffer>;

/** Converts the offer of a key to its form on the public path. */
export function toPublicOffer({ widget, intents, quickQuestions }: WidgetView['offer']) {
  return {
    widget,
    intents: intents.map((intent) => ({
      name: intent.name,
      displayLabel: intent.displayLabel,
      subtitle: intent.subtitle ?? null,
      description: intent.description ?? null,
      examples: intent.examples,
      required_entities: intent.requiredEntities,
      icon: intent.icon ?? null,
      accentColor: intent.accentColor ?? null,
      styleVariant: intent.styleVariant,
      isPinned: intent.isPinned,
      priority: intent.priority,
    })),
    quickQuestions: quickQuestions.map(({ question, pageType, flowId = null, intentName = null }) => ({
      question,
      pageType,
      flowId,
      intentName,
    })),
  };
}

/** Makes an answer of the public path, not encoded yet. */
export function publicAnswer(
  sessionToken: string,
  { conversationId, exp }: SessionClaims,
  offer: PublicOffer,
) {
  const expiresAt = `${new Date(exp * 1000).toISOString().slice(0, 19)}Z`;
  return { sessionToken, conversationId, expiresAt, ...offer };
}

/** The headers of every answer to a browser, refusals too. */
export function browserHeaders(origin: string | undefined): Readonly<Record<string, string>> {
  const headers = { 'Cache-Control': 'no-store', Vary: 'Origin' };
  return origin === undefined ? headers : { ...headers, 'Access-Control-Allow-Origin': origin };
}

/**
 * Makes a refusal of the public path, by the service's error table. For an unreadable body the framework chooses the
 * status.
 */
export function publicRefusal(thrown: unknown): { readonly status: number; readonly body: object } {
  const status = thrown instanceof Error && 'statusCode' in thrown ? Number(thrown.statusCode) : 500;
  if (status >= 400 && status < 500) {
    return { status, body: { error: 'invalid_input', message: 'The request cannot be read.', details: {} } };
  }
  const { code, message, details } = toServiceError(thrown);
  if (code === 'internal') console.error(thrown);
  return { status: errorTable[code].http, body: { error: code, message, details } };
}
