import type { Terminal } from './terminal.js';

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

/** Colours a text, or returns it as it is. */
export type Paint = (style: keyof typeof CODES, text: string) => string;

/** Makes the painter of a terminal: colours for people, none in files and pipes or with NO_COLOR (https://no-color.org). */
export function painter({ env, isTerminal }: Pick<Terminal, 'env' | 'isTerminal'>): Paint {
  const colours = isTerminal && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  return (style, text) => (colours ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text);
}

/** Escapes control characters and marks of writing direction: what visitors and services sent must not steer a terminal. */
export function visible(text: string): string {
  return text.replaceAll(/[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, (character) => {
    return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
  });
}
