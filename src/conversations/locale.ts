import { LRUCache } from 'lru-cache';

/**
 * Caches canonical tags ('' for an invalid tag): browsers send only a few different tags, and Intl needs 25 µs for each.
 */
const canonical = new LRUCache<string, string>({ max: 1_000 });

/**
 * The canonical form of a language tag (BCP-47, by the rules of ECMA-402); undefined when it is empty or invalid.
 *
 * @param tag a few characters at most, checked by the caller: the cache bounds the number of its entries, not their size
 */
export function canonicalLocale(tag: string): string | undefined {
  if (tag === '') return undefined;
  let known = canonical.get(tag);
  if (known === undefined) {
    known = parse(tag) ?? '';
    canonical.set(tag, known);
  }
  return known || undefined;
}

function parse(tag: string): string | undefined {
  try {
    return Intl.getCanonicalLocales(tag)[0];
  } catch {
    return undefined;
  }
}
