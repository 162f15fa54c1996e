/** The known word that a misspelt one was probably meant to be. */

/** Words further away than this are not offered. */
const furthest = 3;

function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (const [i, character] of Array.from(one).entries()) {
    const next = [i + 1];
    for (let j = 1; j <= other.length; j++) {
      const changed = (row[j - 1] ?? 0) + (character === other.charAt(j - 1) ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, changed));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}

/** The nearest of `known` by edit distance, case apart; undefined when none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length > 64) return undefined;
  const wanted = word.toUpperCase();
  const ranked = known
    .map((name) => ({ name, distance: distance(wanted, name.toUpperCase()) }))
    .filter((one) => one.distance <= Math.min(furthest, Math.floor(word.length / 2)))
    .sort((a, b) => a.distance - b.distance);
  return ranked[0]?.name;
}
