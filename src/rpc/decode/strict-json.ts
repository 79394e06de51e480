import type { JsonValue } from '@bufbuild/protobuf';

/** A JSON text that was read. */
export interface StrictJson {
  readonly json: JsonValue;
  /** Whether all texts and names are well-formed Unicode, and all numbers finite (RFC 7493, 2.1 and 2.2). */
  readonly isInteroperable: boolean;
}

/**
 * Parses JSON (RFC 8259), but no text that is nested too deep or has a member twice in one object, at any depth: of
 * duplicates JSON.parse keeps the last, and another reader of the same text may keep the first.
 *
 * @param maxDepth how deep objects and lists may be nested: `{}` is 1
 * @throws Error without a stack trace: nobody reads it, and it costs twice as much as the parsing
 */
export function parseStrictJson(text: string, maxDepth: number): StrictJson {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    // Before JSON.parse: building what is too deep takes ten times as long as finding out.
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

/** Adds up what JSON.parse made of a text. By recursion: the text is known not to be deep. */
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
 * How many members the objects of a JSON text have: one for each colon outside its strings. Of a text that is no JSON
 * it may return anything.
 *
 * @throws Error when it is nested too deep
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

/** Where the string that begins at a quote ends; -1 when it does not. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end;
}

/** Whether an odd number of backslashes stands before a place. Looks at each of them for one quote only: the next. */
function isEscaped(text: string, at: number): boolean {
  let first = at;
  while (text.charCodeAt(first - 1) === BACKSLASH) first--;
  return (at - first) % 2 === 1;
}
