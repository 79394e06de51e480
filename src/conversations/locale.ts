import { parse } from 'bcp-47';
import { LRUCache } from 'lru-cache';

/**
 * Caches canonical tags ('' for an invalid tag): browsers send only a few different tags, and Intl needs 25 µs for each.
 */
const canonical = new LRUCache<string, string>({ max: 1_000 });

/**
 * The form in which a language tag is stored: canonical where Intl knows the tag, else as sent; undefined for an empty
 * tag, and for one that is not well-formed (RFC 5646, section 2.2.9: it follows the grammar, whatever is registered).
 *
 * @param tag a few characters at most, checked by the caller: the cache bounds the number of its entries, not their size
 */
export function canonicalLocale(tag: string): string | undefined {
  if (tag === '') return undefined;
  let known = canonical.get(tag);
  if (known === undefined) {
    known = isWellFormed(tag) ? canonicalized(tag) : '';
    canonical.set(tag, known);
  }
  return known || undefined;
}

/** Only the characters of the grammar: the parser maps to lower case, where the Kelvin sign becomes a `k`. */
const CHARACTERS = /^[A-Za-z0-9-]+$/;

function isWellFormed(tag: string): boolean {
  if (!CHARACTERS.test(tag)) return false;
  const { language, regular, irregular, privateuse } = parse(tag, { normalize: false });
  return Boolean(language || regular || irregular || privateuse.length > 0);
}

/** Intl follows UTS 35, which has neither private use alone (`x-abc`) nor most grandfathered tags (`i-klingon`). */
function canonicalized(tag: string): string {
  try {
    return Intl.getCanonicalLocales(tag)[0] ?? tag;
  } catch {
    return tag;
  }
}
