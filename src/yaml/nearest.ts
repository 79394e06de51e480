/** Builds the end of an error message that suggests the known word nearest to `word`; '' when none is near. */
export function nearest(word: string, known: readonly string[]): string {
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[-_]/g, '');
  const target = plain(word.slice(0, 64));
  const limit = Math.min(target.length, Math.max(2, target.length / 2));
  let best: { readonly word: string; readonly distance: number } | undefined;
  for (const candidate of known) {
    const distance = editDistance(target, plain(candidate));
    if (distance < (best?.distance ?? limit)) best = { word: candidate, distance };
  }
  return best ? `; did you mean ${best.word}?` : '';
}

/** The Levenshtein distance: how many letters must be added, dropped or changed. */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitute = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(substitute, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
