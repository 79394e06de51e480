/** What there is to know of a JSON text before it is read. */
export interface JsonInspection {
  /** Whether a member of an object is given twice (RFC 8259, section 4), at any depth. */
  readonly hasDuplicates: boolean;
  /** Whether all texts and names are well-formed Unicode, and all numbers finite (RFC 7493, 2.1 and 2.2). */
  readonly isInteroperable: boolean;
  /** How deep objects and lists are nested: 1 for `{}`. */
  readonly depth: number;
}

/**
 * Looks through a JSON text once.
 *
 * @param json what `JSON.parse` made of the text. It keeps the last of duplicate members: so there are some when the
 * value has fewer members than the text has colons outside its strings
 */
export function inspectJson(text: string, json: unknown): JsonInspection {
  let members = 0;
  let isInteroperable = true;
  let depth = 0;
  // Not by recursion: a text of 64 KiB can be nested deeper than the stack is.
  const open: object[] = [];
  const depths: number[] = [];
  let above = 0;
  const look = (value: unknown) => {
    if (typeof value === 'object' && value !== null) {
      open.push(value);
      depths.push(above + 1);
    } else if (typeof value === 'string') isInteroperable &&= value.isWellFormed();
    else if (typeof value === 'number') isInteroperable &&= Number.isFinite(value);
  };
  look(json);
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    above = depths.pop() ?? 0;
    if (above > depth) depth = above;
    if (Array.isArray(value)) {
      for (const element of value) look(element);
      continue;
    }
    const names = Object.keys(value);
    members += names.length;
    for (const name of names) {
      isInteroperable &&= name.isWellFormed();
      look(Reflect.get(value, name));
    }
  }
  return { hasDuplicates: countColons(text) !== members, isInteroperable, depth };
}

const COLON = ':'.charCodeAt(0);
const QUOTE = '"'.charCodeAt(0);
const BACKSLASH = '\\'.charCodeAt(0);

/** The colons of a JSON text that are not in strings: one for each member. */
function countColons(text: string): number {
  let colons = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === COLON) colons++;
    else if (character === QUOTE) at = endOfString(text, at);
  }
  return colons;
}

/** Where the string that begins at a quote ends. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end;
}

/** Whether an odd number of backslashes stands before a place. */
function isEscaped(text: string, at: number): boolean {
  let first = at;
  while (text.charCodeAt(first - 1) === BACKSLASH) first--;
  return (at - first) % 2 === 1;
}
