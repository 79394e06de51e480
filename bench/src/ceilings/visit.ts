import type { Conversation } from 'chatsessions/conversations/conversation.js';
import { v7 as uuidV7 } from 'uuid';
import type { VISIT } from '../requests/demo.js';

const tenantId = uuidV7();
const keyId = uuidV7();
const jti = Buffer.alloc(16, 1).toString('base64url');
const RETENTION_MS = 90 * 86_400_000;

/** Makes the conversation that the service stores for the measured open. */
export function newVisit({ customerId, locale, variables }: Omit<typeof VISIT, 'publicKey'>): Conversation {
  const now = Date.now();
  const iat = Math.floor(now / 1_000);
  return {
    ...{ id: uuidV7(), tenantId, keyId, customerId, customerVerified: false, locale },
    ...{ variables, attributes: {} },
    ...{ origin: 'http://localhost:3000', surface: 'chat', session: { jti, iat, exp: iat + 3_600 } },
    ...{ idempotency: undefined, expiresAt: iat + 3_600, endedAt: undefined, createdAt: now, updatedAt: now },
    ...{ purgeAt: now + RETENTION_MS, revision: 1, changes: [] },
  };
}
