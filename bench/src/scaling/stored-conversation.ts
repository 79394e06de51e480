import type { Conversation } from 'chatsessions/conversations/conversation.js';
import { v7 as uuidV7 } from 'uuid';
import type { Shop } from './catalogue.js';

/** The past conversations of a busy service, by number. */
export interface History {
  /** Their shops; the first ones are the busiest. */
  readonly shops: readonly Shop[];
  /** Their number. They are in the order of time. */
  readonly total: number;
  /** When the last one was opened, in ms since the epoch. */
  readonly end: number;
}

const SPAN_MS = 80 * 86_400_000;
const SESSION_S = 3_600;
const RETENTION_MS = 90 * 86_400_000;
const CUSTOMERS = 200_000;
const LOCALES = ['en-GB', 'en-US', 'de-DE', 'fr-FR', 'nl-NL', 'pl-PL'];
const PAGES = ['home', 'category/novels', 'product/middlemarch', 'cart', 'checkout'];

/**
 * Makes the conversation with a number. The same number always makes the same one, so that the written ones need not be
 * kept. Most belong to guests, one in three has ended, one in five was refreshed, one in ten has a verified customer.
 */
export function storedConversation(number: number, { shops, total, end }: History): Conversation {
  const random = randomOf(number);
  const chance = (share: number) => random() < share;
  const { tenant, key } = pick(shops, random() ** 2);
  const createdAt = Math.floor(end - SPAN_MS * (1 - (number + 1) / total));
  const iat = Math.floor(createdAt / 1_000);
  const session = { jti: bytes(16, random).toString('base64url'), iat, exp: iat + SESSION_S };
  const isKnown = chance(0.4);
  const refreshedAt = chance(0.2) ? createdAt + Math.floor(random() * SESSION_S * 1_000) : undefined;
  const endedAt = chance(1 / 3) ? (refreshedAt ?? createdAt) + 60_000 : undefined;
  const updatedAt = endedAt ?? refreshedAt ?? createdAt;
  return {
    id: uuidV7({ msecs: createdAt, random: bytes(16, random) }),
    tenantId: tenant.id,
    keyId: key.id,
    customerId: isKnown ? `u-${Math.floor(random() ** 2 * CUSTOMERS)}` : undefined,
    customerVerified: isKnown && chance(0.25),
    locale: chance(0.9) ? pick(LOCALES, random()) : undefined,
    variables: variables(random),
    attributes: {},
    origin: `https://${tenant.slug}.example`,
    surface: 'chat',
    session,
    idempotency: undefined,
    expiresAt: refreshedAt === undefined ? session.exp : Math.floor(refreshedAt / 1_000) + SESSION_S,
    endedAt,
    createdAt,
    updatedAt,
    purgeAt: updatedAt + RETENTION_MS,
    revision: 1 + (refreshedAt === undefined ? 0 : 1) + (endedAt === undefined ? 0 : 1),
    changes: refreshedAt === undefined ? [] : [{ kind: 'refreshed', revision: 2, at: refreshedAt }],
  };
}

function variables(random: () => number) {
  return {
    page: pick(PAGES, random()),
    cart_total: Math.floor(random() * 20_000) / 100,
    returning: random() < 0.5,
    ...(random() < 0.3 && { items: ['9780141439549', '9780441172719'], currency: 'EUR' }),
  };
}

function pick<T>(from: readonly T[], share: number): T {
  const picked = from[Math.floor(share * from.length)];
  if (picked === undefined) throw new Error('nothing to pick from');
  return picked;
}

function bytes(count: number, random: () => number): Buffer {
  return Buffer.from(Array.from({ length: count }, () => Math.floor(random() * 256)));
}

/** Makes pseudo-random numbers from 0 to 1 that depend on the seed alone (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
