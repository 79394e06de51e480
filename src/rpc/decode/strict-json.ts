import type { JsonValue } from '@bufbuild/protobuf';
import { isExactNumber } from './exact-number.js';
import { endOfString, type JsonPath, pathOfDuplicate, pathsOf } from './json-paths.js';

/** The result of {@link parseStrictJson}. */
export interface StrictJson {
  readonly json: JsonValue;
  /** Whether all strings and names are well-formed Unicode and all numbers finite (RFC 7493, 2.1 and 2.2). */
  readonly isInteroperable: boolean;
  /** Where numbers stand that a double does not hold exactly, so that `json` has other values there. */
  readonly inexactNumbers: readonly JsonPath[];
}

/** The error of a text in which an object has two members of the same name. */
export class DuplicateMember extends Error {
  constructor(readonly path: JsonPath) {
    super('a member is given twice');
  }
}

/**
 * Parses JSON (RFC 8259) and refuses text that is nested too deep or has duplicate members at any depth. JSON.parse
 * keeps the last duplicate and other parsers keep the first, so two readers could see different requests.
 *
 * @param maxDepth the maximum nesting of objects and lists: `{}` is 1
 * @throws DuplicateMember, or another Error for text that is no such JSON. They have no stack trace, which nobody would
 * read and which costs twice as much as the parsing
 */
export function parseStrictJson(text: string, maxDepth: number): StrictJson {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    // The depth is checked before JSON.parse, which takes ten times as long to build a value that is too deep.
    const { members, longNumbers } = scan(text, maxDepth);
    const json: JsonValue = JSON.parse(text);
    const found = { members: 0, isInteroperable: true };
    inspect(json, found);
    if (found.members !== members) throw new DuplicateMember(pathOfDuplicate(text));
    const inexact = longNumbers.filter((at) => !isExactNumber(text.slice(at, endOfNumber(text, at))));
    const inexactNumbers = inexact.length === 0 ? NONE : pathsOf(text, inexact);
    return { json, isInteroperable: found.isInteroperable, inexactNumbers };
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/**
 * Counts the members of a parsed value and checks that it is interoperable. Its recursion is bounded by scan.
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

const NONE: readonly never[] = [];

const QUOTE = '"'.charCodeAt(0);
const COLON = ':'.charCodeAt(0);
const BRACE = '{'.charCodeAt(0);
const CLOSING_BRACE = '}'.charCodeAt(0);
const BRACKET = '['.charCodeAt(0);
const CLOSING_BRACKET = ']'.charCodeAt(0);
const PLUS = '+'.charCodeAt(0);
const MINUS = '-'.charCodeAt(0);
const NINE = '9'.charCodeAt(0);
/** An `e` or an `E`: they differ in this bit. */
const E = 'e'.charCodeAt(0);
const LOWER_CASE = 0x20;

/** A double holds every decimal number of up to 15 digits. A shorter text without an exponent needs no further check. */
const MAX_SHORT_NUMBER = 15;

/**
 * Scans a JSON text in one pass. For text that is not JSON the result has no meaning.
 *
 * @returns the number of members of all objects (one for each colon outside of strings), and where numbers begin that a
 *   double may not hold exactly
 * @throws Error when the text is nested too deep
 */
function scan(text: string, maxDepth: number): { members: number; longNumbers: readonly number[] } {
  let members = 0;
  let depth = 0;
  let longNumbers: number[] | undefined;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    switch (code) {
      case QUOTE:
        at = endOfString(text, at);
        if (at === -1) return { members, longNumbers: NONE };
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
      default:
        if (code >= MINUS && code <= NINE) {
          const end = endOfNumber(text, at);
          if (end - at > MAX_SHORT_NUMBER || hasExponent(text, at, end)) {
            longNumbers ??= [];
            longNumbers.push(at);
          }
          at = end - 1;
        }
    }
  }
  return { members, longNumbers: longNumbers ?? NONE };
}

/** Finds the end of the number that begins at `start`. */
function endOfNumber(text: string, start: number): number {
  let end = start + 1;
  for (; ; end++) {
    const code = text.charCodeAt(end);
    // From '-' to '9' stand all digits and the point.
    if (!((code >= MINUS && code <= NINE) || code === PLUS || (code | LOWER_CASE) === E)) return end;
  }
}

function hasExponent(text: string, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if ((text.charCodeAt(at) | LOWER_CASE) === E) return true;
  return false;
}
