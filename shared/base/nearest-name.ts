/** The name that takes the fewest edits (Levenshtein) to become another; of equals, the first by the alphabet. */
export function nearestName({ name, among }: { name: string; among: readonly string[] }): string | undefined {
  const [nearest] = among
    .map((other) => ({ other, edits: editsBetween(name, other) }))
    .sort((a, b) => a.edits - b.edits || (a.other < b.other ? -1 : 1));
  return nearest?.other;
}

/** Letters of a name that is looked at for what was meant: the work grows with its length. */
const longestName = 60;

/**
 * What was meant by a name, where that can be told: the one that is the same but for case and what joins its words, as
 * other tools write them (`environment_name`), or else the nearest, where no more than half of it is wrong.
 */
export function meantBy({ name, among }: { name: string; among: readonly string[] }): string | undefined {
  if (name.length > longestName) return undefined;
  const plain = plainName(name);
  const same = among.find((other) => plainName(other) === plain);
  if (same !== undefined) return same;
  const byPlain = new Map(among.map((other) => [plainName(other), other]));
  const nearest = nearestName({ name: plain, among: [...byPlain.keys()] });
  if (nearest === undefined || editsBetween(plain, nearest) * 2 > nearest.length) return undefined;
  return byPlain.get(nearest);
}

function plainName(name: string): string {
  return name.toLowerCase().replace(/[-_ ]/g, '');
}

function editsBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...a].entries()) {
    const next = [index + 1];
    for (const [column, other] of [...b].entries()) {
      const replaced = (row[column] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
