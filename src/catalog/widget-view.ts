import type { KeyObject } from 'node:crypto';
import type { OpenSessionResponse } from '../gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { Intent, QuickQuestion } from '../gen/ts-proto/chatsessions/v1/widget.js';
import { intentDecision } from './explain-offer.js';
import { type KeyState, keyState, type ReachedKey } from './key-state.js';
import type { Flow, IdentityMode, Tenant } from './model.js';
import { type OriginPolicy, originPolicy } from './origin-policy.js';

/** How the customers of a widget are verified. */
export type Identity =
  | { readonly mode: 'off' }
  | {
      readonly mode: Exclude<IdentityMode, 'off'>;
      /** Gets the HMAC key of their tokens. Rejects when the identity secret is missing or cannot be decrypted. */
      readonly key: () => Promise<KeyObject>;
    };

/** The permissions and the offer of one widget key, computed from one revision of its tenant's catalogue. */
export interface WidgetView {
  readonly tenantId: string;
  readonly tenantSlug: string;
  readonly keyId: string;
  readonly revision: number;
  /** Whether sessions may be opened at a time, in ms since the epoch. */
  readonly state: (now: number) => KeyState;
  /** Until when the public key works that led to this view, if a rotation has replaced it. */
  readonly retiredUntil?: number | undefined;
  /** The websites that may use the key. */
  readonly origins: OriginPolicy;
  /** Whether its widgets may start an intent. */
  readonly allowsIntent: (name: string) => boolean;
  readonly identity: Identity;
  /** The part of the answer that is the same for every open. */
  readonly offer: Pick<OpenSessionResponse, 'widget' | 'intents' | 'quickQuestions'>;
}

/** Computes the view of a widget key. `identityKey` decrypts the key's identity secret. */
export function widgetView(tenant: Tenant, key: ReachedKey, identityKey = noIdentitySecret): WidgetView {
  const { endsAt, retiredUntil } = key;
  const enabled = key.enabled && tenant.deletingSince === undefined;
  const decide = intentDecision(key);
  const usable = tenant.flows.filter((flow) => decide(flow) === 'shown');
  const intentNames = new Map(usable.map((flow) => [flow.id, flow.intent.name]));
  const usableNames = new Set(intentNames.values());

  return {
    tenantId: tenant.id,
    tenantSlug: tenant.slug,
    keyId: key.id,
    revision: tenant.revision,
    state: (now) => keyState({ enabled, endsAt, retiredUntil }, now),
    retiredUntil,
    origins: originPolicy(key),
    allowsIntent: (name) => usableNames.has(name),
    identity: key.identity === 'off' ? { mode: 'off' } : { mode: key.identity, key: identityKey },
    // Frozen, because the edges cache the encoded bytes of these objects.
    offer: {
      widget: Object.freeze({ label: key.label }),
      intents: freezeList(usable.sort(byRank).map(toIntent)),
      quickQuestions: freezeList(
        tenant.quickQuestions.map(
          ({ question, pageType, flowId }): QuickQuestion => ({
            question,
            pageType,
            flowId,
            intentName: flowId === undefined ? undefined : intentNames.get(flowId),
          }),
        ),
      ),
    },
  };
}

function noIdentitySecret(): Promise<KeyObject> {
  return Promise.reject(new Error('the widget key has no identity secret'));
}

/** Freezes a list, but returns it under its mutable type: the generated messages require that type. */
function freezeList<T>(list: T[]): T[] {
  Object.freeze(list);
  return list;
}

/** Compares flows: pinned first, then by descending priority, then by name in code units, independent of any locale. */
function byRank({ intent: a }: Flow, { intent: b }: Flow): number {
  if (a.isPinned !== b.isPinned) return a.isPinned ? -1 : 1;
  if (a.priority !== b.priority) return b.priority - a.priority;
  return a.name < b.name ? -1 : 1;
}

function toIntent({ intent }: Flow): Intent {
  return {
    ...intent,
    subtitle: intent.subtitle,
    description: intent.description,
    examples: [...intent.examples],
    requiredEntities: [...intent.requiredEntities],
    icon: intent.icon,
    accentColor: intent.accentColor,
  };
}
