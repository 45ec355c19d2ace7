/** The known word nearest to a mistyped one, for "did you mean". */

/** Levenshtein's distance: insertions, deletions and substitutions. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** Null where nothing is near enough to be what was meant. */
export function closest(word: string, known: readonly string[]): string | null {
  const ranked = known
    .map((candidate) => ({ candidate, far: distance(word, candidate) }))
    .toSorted((x, y) => x.far - y.far);
  const best = ranked[0];
  return best !== undefined && best.far <= Math.max(2, word.length / 3) ? best.candidate : null;
}
