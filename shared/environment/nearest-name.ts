/** The name that takes the fewest edits (Levenshtein) to become another; of equals, the first by the alphabet. */
export function nearestName({ name, among }: { name: string; among: readonly string[] }): string | undefined {
  const [nearest] = among
    .map((other) => ({ other, edits: editsBetween(name, other) }))
    .sort((a, b) => a.edits - b.edits || (a.other < b.other ? -1 : 1));
  return nearest?.other;
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

/** The nearest name, where it is near enough to be meant: a third of its letters may differ, or its end is missing. */
export function meantName({ name, among }: { name: string; among: readonly string[] }): string | undefined {
  const folded = name.toLowerCase();
  const begun = among.filter((other) => folded !== '' && other.toLowerCase().startsWith(folded));
  if (begun.length === 1) return begun[0];
  const nearest = nearestName({ name, among });
  if (nearest === undefined) return undefined;
  const edits = editsBetween(folded, nearest.toLowerCase());
  return edits <= Math.max(1, Math.floor(nearest.length / 3)) ? nearest : undefined;
}
