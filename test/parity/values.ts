/** The `$names` of a row: see case.ts. */
export interface Values {
  /** `$start`: when the row began, in seconds since the epoch. */
  readonly start: number;
  readonly saved: Map<string, unknown>;
}

/** `$name`, with a number of seconds on top where it stands for a time. */
const NAME = /\$([A-Za-z]+)([+-]\d+)?/g;

/** What a step or an expectation says, with its names filled in; a name that nothing was saved under stays. */
export function fill<T>(value: T, values: Values): T {
  return mapStrings(value, (text) => {
    const whole = /^\$([A-Za-z]+)$/.exec(text)?.[1];
    if (whole !== undefined && values.saved.has(whole)) return values.saved.get(whole);
    return text.replace(NAME, (found: string, name: string, seconds = '') => {
      if (name === 'start') return timeText(values.start + Number(seconds));
      return values.saved.has(name) ? `${values.saved.get(name)}${seconds}` : found;
    });
  }) as T;
}

/** Keeps values of an answer under the names of a step's `save`. @throws Error when one is not there */
export function save(paths: Readonly<Record<string, string>>, body: unknown, { saved }: Values): void {
  for (const [name, path] of Object.entries(paths)) {
    const value = memberAt(body, path);
    if (value === undefined) throw new Error(`no ${path} to save in ${JSON.stringify(body)}`);
    saved.set(name, value);
  }
}

/** What stands for any value of a kind. */
const KINDS: Readonly<Record<string, RegExp>> = {
  $text: /./s,
  $token: /^[\w-]+\.[\w-]+\.[\w-]+$/,
  $uuid: /^[0-9a-f]{8}-[0-9a-f]{4}-[78][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  $id: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  $datetime: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
};

/**
 * An answer, ready to be compared with what is expected: where that names a kind, a value of the kind becomes its
 * name.
 */
export function aligned(actual: unknown, expected: unknown): unknown {
  if (typeof expected === 'string' && typeof actual === 'string') {
    return KINDS[expected]?.test(actual) ? expected : actual;
  }
  if (Array.isArray(actual) && Array.isArray(expected)) {
    return actual.map((member, index) => aligned(member, expected[index]));
  }
  if (!isObject(actual) || !isObject(expected)) return actual;
  const members = Object.entries(actual);
  return Object.fromEntries(members.map(([name, member]) => [name, aligned(member, expected[name])]));
}

/** A member of a JSON value by its path, such as `conversations.0.origin`; undefined when there is none. */
export function memberAt(value: unknown, path: string): unknown {
  return path.split('.').reduce((found, name) => {
    return typeof found === 'object' && found !== null ? Reflect.get(found, name) : undefined;
  }, value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function mapStrings(value: unknown, map: (text: string) => unknown): unknown {
  if (typeof value === 'string') return map(value);
  if (Array.isArray(value)) return value.map((member) => mapStrings(member, map));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, mapStrings(member, map)]));
}

/** RFC 3339, in whole seconds. */
function timeText(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
}
