import { LRUCache } from 'lru-cache';
import { MAX_ORIGIN_LENGTH, type OriginPattern, parseStored, parseUrl, WEB_ORIGIN } from './origins.js';

type WildPattern = Exclude<OriginPattern, { kind: 'exact' }>;

/** A cache of {@link isSerialised}: visitors send the same few origins, and parsing one takes 2 µs. */
const serialised = new LRUCache<string, boolean>({ max: 2_000 });
const PREVIEW_NAME = /^[a-z0-9-]+$/;

/**
 * Compiles the patterns of a widget key to a function that finds the pattern which allows an `Origin` header; undefined
 * when none does. It takes the header as sent and never throws. It matches only the form in which browsers serialise an
 * origin: upper case, a default port, a trailing slash, two origins and `null` do not match.
 *
 * A stored pattern that has become invalid matches nothing, for example when its domain has become a public suffix.
 */
export function compileOrigins(patterns: readonly string[]): (origin: string) => OriginPattern | undefined {
  const exact = new Map<string, OriginPattern>();
  const wild: WildPattern[] = [];
  for (const text of patterns) {
    const pattern = parseStored(text);
    if (pattern?.kind === 'exact') exact.set(pattern.text, pattern);
    else if (pattern) wild.push(pattern);
  }
  return (origin) => exact.get(origin) ?? wild.find((pattern) => matches(pattern, origin));
}

function matches(pattern: WildPattern, origin: string): boolean {
  if (pattern.kind === 'anyPort') {
    if (origin === pattern.origin) return true;
    return origin.startsWith(`${pattern.origin}:`) && isSerialised(origin);
  }
  const { prefix, suffix } = pattern;
  if (origin.length <= prefix.length + suffix.length) return false;
  if (!origin.startsWith(prefix) || !origin.endsWith(suffix)) return false;
  const isNamed =
    pattern.kind === 'label'
      ? PREVIEW_NAME.test(origin.slice(prefix.length, -suffix.length))
      : WEB_ORIGIN.test(origin);
  return isNamed && isSerialised(origin);
}

/** Whether a text is a web origin exactly as browsers serialise it. */
function isSerialised(origin: string): boolean {
  let known = serialised.get(origin);
  if (known === undefined) {
    known = parseUrl(origin)?.origin === origin;
    if (origin.length <= MAX_ORIGIN_LENGTH) serialised.set(origin, known);
  }
  return known;
}
