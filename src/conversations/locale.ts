/** Tags seen and what became of them: browsers send few different ones, and finding out takes 25 µs. */
const known = new Map<string, string | undefined>();
const MAX_KNOWN = 1_000;

/**
 * A language tag in its canonical form (BCP-47, as ECMA-402 has it); undefined when it is empty or no tag.
 *
 * @param tag at most a few characters: what is kept of it is bounded by number only
 */
export function canonicalLocale(tag: string): string | undefined {
  if (tag === '') return undefined;
  if (known.has(tag)) return known.get(tag);
  const canonical = parse(tag);
  if (known.size === MAX_KNOWN) known.clear();
  known.set(tag, canonical);
  return canonical;
}

function parse(tag: string): string | undefined {
  try {
    return Intl.getCanonicalLocales(tag)[0];
  } catch {
    return undefined;
  }
}
