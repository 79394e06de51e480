import type { WidgetKey } from './model.js';

/** A widget key as those see it who use one public key of it: see public-keys.ts. */
export interface ReachedKey extends WidgetKey {
  /** Until when a public key of before a rotation works; absent for the current one. */
  readonly retiredUntil?: number | undefined;
}

/** Whether sessions may be opened with a widget key. Only `enabled` passes. */
export type KeyState = 'enabled' | 'disabled' | 'retired' | 'past_its_end';

/** The state of a widget key at a time, in ms since the epoch. */
export function keyState(
  { enabled, endsAt, retiredUntil }: Pick<ReachedKey, 'enabled' | 'endsAt' | 'retiredUntil'>,
  now: number,
): KeyState {
  if (!enabled) return 'disabled';
  if (retiredUntil !== undefined && now >= retiredUntil) return 'retired';
  return endsAt === undefined || now < endsAt ? 'enabled' : 'past_its_end';
}

/** Why a widget key passes or not: its state, or that it is unknown, or has been rotated. */
export type KeyReason = KeyState | 'retired_in_overlap' | 'unknown';

/** A sentence about the state of a widget key. */
export function explainKey(reason: KeyReason, retiredUntil?: number): string {
  if (reason !== 'retired_in_overlap' || retiredUntil === undefined) return SENTENCES[reason];
  const until = new Date(retiredUntil).toISOString();
  return `${SENTENCES[reason]} It works until ${until}.`;
}

const SENTENCES = {
  enabled: 'The widget key is enabled.',
  disabled: 'The widget key is disabled: enable it.',
  retired: 'This public key was replaced by a rotation and its overlap is over: give the page the new one.',
  retired_in_overlap: 'This public key was replaced by a rotation: give the page the new one.',
  past_its_end: 'The widget key is past its end: change or remove endsAt.',
  unknown: 'No widget key has this public key: it was mistyped, revoked, or belongs to another installation.',
} as const satisfies Record<KeyReason, string>;
