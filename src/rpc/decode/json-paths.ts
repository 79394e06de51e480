/**
 * Where something stands in a JSON text: the member of the outermost object, and the member within that, if it is an
 * object too. Empty where the text is no object.
 */
export type JsonPath = readonly [] | readonly [member: string] | readonly [member: string, name: string];

/**
 * Finds the paths of positions in a JSON text, each path once.
 *
 * @param text well-formed JSON
 * @param positions where values begin, in ascending order
 */
export function pathsOf(text: string, positions: readonly number[]): JsonPath[] {
  const paths: JsonPath[] = [];
  let next = 0;
  walk(text, (at, path) => {
    if (at !== positions[next]) return false;
    next++;
    const last = paths.at(-1);
    if (last === undefined || last[0] !== path[0] || last[1] !== path[1]) paths.push(path);
    return next === positions.length;
  });
  return paths;
}

/** Finds the first member that is given twice in its object. @param text well-formed JSON */
export function pathOfDuplicate(text: string): JsonPath {
  let found: JsonPath = [];
  const names: Set<string>[] = [];
  walk(text, (at, path, depth, name) => {
    if (name === undefined) {
      if (text[at] === '{') names[depth] = new Set();
      return false;
    }
    const isDuplicate = names[depth]?.has(name) === true;
    if (isDuplicate) found = path;
    names[depth]?.add(name);
    return isDuplicate;
  });
  return found;
}

/**
 * Called at each member with its name, and without one at each position outside of strings. `depth` counts the open
 * objects and lists, one that begins there included. Returns whether the walk is over.
 */
type Visit = (at: number, path: JsonPath, depth: number, name?: string) => boolean;

/** Walks through a well-formed JSON text, in one pass without recursion. */
function walk(text: string, visit: Visit): void {
  /** Whether each open container is an object. */
  const isObject: boolean[] = [];
  let isNameNext = false;
  let path: JsonPath = [];
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    const depth = isObject.length;
    if (char === '"') {
      const end = endOfString(text, at);
      if (isNameNext) {
        const name = nameIn(text, at, end);
        path = withName(path, isObject, name);
        isNameNext = false;
        if (visit(at, path, depth, name)) return;
      }
      at = end;
      continue;
    }
    if (char === '{' || char === '[') {
      isObject.push(char === '{');
      isNameNext = char === '{';
    } else if (char === '}' || char === ']') {
      isObject.pop();
      isNameNext = false;
    } else if (char === ',') isNameNext = isObject[depth - 1] === true;
    if (visit(at, path, isObject.length)) return;
  }
}

/** Reads the name between two quotes. Names without escapes, which are nearly all, need no parser. */
function nameIn(text: string, start: number, end: number): string {
  const name = text.slice(start + 1, end);
  return name.includes('\\') ? JSON.parse(`"${name}"`) : name;
}

/** The path of a member with this name in the innermost open object. */
function withName(path: JsonPath, isObject: readonly boolean[], name: string): JsonPath {
  const [member] = path;
  if (isObject.length === 1) return [name];
  return isObject.length === 2 && isObject[0] && member !== undefined ? [member, name] : path;
}

const BACKSLASH = '\\'.charCodeAt(0);

/** Finds the closing quote of the string that begins at `start`; -1 when there is none. */
export function endOfString(text: string, start: number): number {
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
