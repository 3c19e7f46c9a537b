/** How often each kind of fault came: `storage/lost answer` → 12. */
export type Figures = ReadonlyMap<string, number>;

export interface Tally {
  count(fault: string): void;
  readonly figures: Figures;
}

export function openTally(): Tally {
  const figures = new Map<string, number>();
  return { figures, count: (fault) => void figures.set(fault, (figures.get(fault) ?? 0) + 1) };
}

/** All in one. */
export function sumOf(all: readonly Figures[]): Figures {
  const sum = new Map<string, number>();
  for (const figures of all) for (const [fault, count] of figures) sum.set(fault, (sum.get(fault) ?? 0) + count);
  return new Map([...sum].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
