import type { WidgetKey } from './model.js';

/** Whether sessions may be opened with a widget key. Only `enabled` passes. */
export type KeyState = 'enabled' | 'disabled' | 'past_its_end';

/** The state of a widget key at a time, in ms since the epoch. */
export function keyState({ enabled, endsAt }: Pick<WidgetKey, 'enabled' | 'endsAt'>, now: number): KeyState {
  if (!enabled) return 'disabled';
  return endsAt === undefined || now < endsAt ? 'enabled' : 'past_its_end';
}

/** A sentence about the state of a widget key; `unknown` for a public key that no widget key has. */
export function explainKeyState(state: KeyState | 'unknown'): string {
  return SENTENCES[state];
}

const SENTENCES = {
  enabled: 'The widget key is enabled.',
  disabled: 'The widget key is disabled: enable it.',
  past_its_end: 'The widget key is past its end: change or remove endsAt.',
  unknown: 'No widget key has this public key: it was mistyped, revoked, or belongs to another installation.',
} as const satisfies Record<KeyState | 'unknown', string>;
