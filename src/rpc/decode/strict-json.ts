import type { JsonValue } from '@bufbuild/protobuf';

/** The result of {@link parseStrictJson}. */
export interface StrictJson {
  readonly json: JsonValue;
  /** Whether all strings and names are well-formed Unicode and all numbers finite (RFC 7493, 2.1 and 2.2). */
  readonly isInteroperable: boolean;
}

/**
 * Parses JSON (RFC 8259) and refuses text that is nested too deep or has duplicate members at any depth. JSON.parse
 * keeps the last duplicate and other parsers keep the first, so two readers could see different requests.
 *
 * @param maxDepth the maximum nesting of objects and lists: `{}` is 1
 * @throws Error without a stack trace, which nobody would read and which costs twice as much as the parsing
 */
export function parseStrictJson(text: string, maxDepth: number): StrictJson {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    // The depth is checked before JSON.parse, which takes ten times as long to build a value that is too deep.
    const members = countMembers(text, maxDepth);
    const json: JsonValue = JSON.parse(text);
    const found = { members: 0, isInteroperable: true };
    inspect(json, found);
    if (found.members !== members) throw new Error('a member is given twice');
    return { json, isInteroperable: found.isInteroperable };
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/**
 * Counts the members of a parsed value and checks that it is interoperable. Its recursion is bounded by countMembers.
 */
function inspect(value: JsonValue, found: { members: number; isInteroperable: boolean }): void {
  if (typeof value === 'string') {
    found.isInteroperable &&= value.isWellFormed();
  } else if (typeof value === 'number') {
    found.isInteroperable &&= Number.isFinite(value);
  } else if (Array.isArray(value)) {
    for (const element of value) inspect(element, found);
  } else if (typeof value === 'object' && value !== null) {
    const names = Object.keys(value);
    found.members += names.length;
    for (const name of names) {
      found.isInteroperable &&= name.isWellFormed();
      inspect(Reflect.get(value, name), found);
    }
  }
}

const QUOTE = '"'.charCodeAt(0);
const COLON = ':'.charCodeAt(0);
const BACKSLASH = '\\'.charCodeAt(0);
const BRACE = '{'.charCodeAt(0);
const CLOSING_BRACE = '}'.charCodeAt(0);
const BRACKET = '['.charCodeAt(0);
const CLOSING_BRACKET = ']'.charCodeAt(0);

/**
 * Counts the members of all objects in a JSON text: one for each colon outside of strings. For text that is not JSON
 * the result has no meaning.
 *
 * @throws Error when the text is nested too deep
 */
function countMembers(text: string, maxDepth: number): number {
  let members = 0;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at);
        if (at === -1) return members;
        break;
      case COLON:
        members++;
        break;
      case BRACE:
      case BRACKET:
        depth++;
        if (depth > maxDepth) throw new Error('nested too deep');
        break;
      case CLOSING_BRACE:
      case CLOSING_BRACKET:
        depth--;
        break;
    }
  }
  return members;
}

/** Finds the closing quote of the string that begins at `start`; -1 when there is none. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end;
}

/**
 * Whether an odd number of backslashes precedes a position. Linear overall: a run of them belongs to one quote only.
 */
function isEscaped(text: string, at: number): boolean {
  let first = at;
  while (text.charCodeAt(first - 1) === BACKSLASH) first--;
  return (at - first) % 2 === 1;
}
