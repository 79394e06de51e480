import { randomBytes } from 'node:crypto';
import { v7 as uuidV7 } from 'uuid';
import type { KeyReport } from '../../src/catalog/key-report.js';
import type { IdentitySecret, Tenant, WidgetKey } from '../../src/catalog/model.js';
import type { Conversation } from '../../src/conversations/conversation.js';

const AT = 1_700_000_000_000;

/** A conversation with only what each has, unless `more` says otherwise. */
export function newConversation(more: Partial<Conversation> = {}): Conversation {
  return {
    id: uuidV7(),
    tenantId: uuidV7(),
    keyId: uuidV7(),
    customerId: undefined,
    customerVerified: false,
    locale: undefined,
    variables: {},
    attributes: {},
    origin: undefined,
    surface: 'chat',
    session: { jti: randomBytes(16).toString('base64url'), iat: AT / 1000, exp: AT / 1000 + 3600 },
    idempotency: undefined,
    expiresAt: more.session?.exp ?? AT / 1000 + 3600,
    endedAt: undefined,
    createdAt: AT + 1,
    updatedAt: AT + 2,
    purgeAt: Date.now() + 3_600_000,
    revision: 1,
    changes: [],
    ...more,
  };
}

/** A tenant with one flow and a question for it. */
export function newTenant(more: Partial<Tenant> = {}): Tenant {
  const flowId = uuidV7();
  return {
    id: uuidV7(),
    slug: `tenant-${randomBytes(6).toString('hex')}`,
    name: 'Tenant',
    flows: [
      {
        id: flowId,
        slug: 'orders',
        published: true,
        intent: {
          name: 'order_status',
          displayLabel: 'Where is my order?',
          examples: ['Where is it?', '$where', 'a.b'],
          requiredEntities: [],
          icon: { kind: 'emoji', value: '📦' },
          styleVariant: 'solid',
          isPinned: true,
          priority: -1,
        },
      },
    ],
    quickQuestions: [
      { question: 'Where is my order?', pageType: 'general', flowId },
      { question: 'What is new?', pageType: 'cart', flowId: undefined },
    ],
    revision: 1,
    ...more,
  };
}

/** A widget key without an end. */
export function newKey(more: Partial<WidgetKey> = {}): WidgetKey {
  return {
    id: uuidV7(),
    tenantId: uuidV7(),
    publicKey: `pk_live_${randomBytes(16).toString('hex')}`,
    name: 'key',
    label: 'Key',
    allowedOrigins: ['https://*.acme.com'],
    allowMissingOrigin: false,
    originMode: 'enforce',
    allowsAllIntents: false,
    allowedIntents: ['order_status'],
    enabled: true,
    endsAt: undefined,
    identity: 'off',
    identitySecretGeneration: 1,
    revision: 1,
    ...more,
  };
}

/** A sealed identity secret of the first generation. */
export function newSecret(more: Partial<IdentitySecret> = {}): IdentitySecret {
  return { keyId: uuidV7(), generation: 1, kid: 'k1', sealed: new Uint8Array(randomBytes(71)), ...more };
}

/** A report of one origin, in a future in which it does not expire during the test. */
export function newReport(keyId: string, count = 1): KeyReport {
  const [firstSeenAt, lastSeenAt] = [4_000_000_000_000, 4_000_000_001_000];
  const origins = [{ origin: 'https://acme.com', count, firstSeenAt, lastSeenAt }];
  return { keyId, origins, otherCount: 3, otherSeenAt: lastSeenAt, revision: 1 };
}
