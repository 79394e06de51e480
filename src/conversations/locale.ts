import { LRUCache } from 'lru-cache';

/** Canonical forms of tags, '' for what is no tag: browsers send few different ones, and Intl takes 25 µs for one. */
const canonical = new LRUCache<string, string>({ max: 1_000 });

/**
 * A language tag in its canonical form (BCP-47, as ECMA-402 has it); undefined when it is empty or no tag.
 *
 * @param tag at most a few characters: what is kept of it is bounded by number only
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
