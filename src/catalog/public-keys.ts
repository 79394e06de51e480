import type { ReachedKey } from './key-state.js';
import type { RetiredPublicKey, WidgetKey } from './model.js';

/** How many public keys of before may still work. */
export const MAX_RETIRED = 10;

/**
 * Until when a public key of a widget key works, in ms since the epoch: for ever if it is the current one.
 *
 * @returns 0 when it does not work any more
 */
export function worksUntil(
  { publicKey, rotation }: Pick<WidgetKey, 'publicKey' | 'rotation'>,
  asked: string,
): number {
  if (asked === publicKey) return Number.POSITIVE_INFINITY;
  return rotation?.retired.find((retired) => retired.publicKey === asked)?.until ?? 0;
}

/** A widget key as those see it who use this public key of it: it ends, at the latest, when the public key does. */
export function asReachedBy(publicKey: string, key: WidgetKey): ReachedKey {
  if (publicKey === key.publicKey) return key;
  const retiredUntil = worksUntil(key, publicKey);
  return { ...key, retiredUntil, endsAt: Math.min(retiredUntil, key.endsAt ?? retiredUntil) };
}

/** The public keys of before that still work at a time, in ms since the epoch. */
export function workingRetired(
  { rotation }: Pick<WidgetKey, 'rotation'>,
  now: number,
): readonly RetiredPublicKey[] {
  return rotation?.retired.filter(({ until }) => until > now) ?? [];
}

/**
 * A widget key with a new public key. The one of before works for `overlapMs` more; those whose time is over are left
 * out. The caller checks {@link MAX_RETIRED}.
 */
export function rotatePublicKey(key: WidgetKey, newKey: string, overlapMs: number, now: number): WidgetKey {
  const retired = workingRetired(key, now);
  const replaced = overlapMs > 0 ? [{ publicKey: key.publicKey, until: now + overlapMs }] : [];
  return {
    ...key,
    publicKey: newKey,
    rotation: {
      firstPublicKey: key.rotation?.firstPublicKey ?? key.publicKey,
      retired: [...retired, ...replaced],
    },
  };
}

/** The public keys that worked before a rotation and do not any more: their aliases can be deleted. */
export function endedPublicKeys(before: WidgetKey, after: WidgetKey): readonly string[] {
  const known = [before.publicKey, ...(before.rotation?.retired ?? []).map(({ publicKey }) => publicKey)];
  return known.filter((publicKey) => worksUntil(after, publicKey) === 0);
}
