/** A bounded memory of Git objects by their ids, which never change; forgotten as a whole when it is full. */
export interface Kept<T> {
  find(id: string): T | undefined;
  keep(id: string, value: T): void;
  forget(): void;
}

export function createKept<T>({ limit, weigh }: { limit: number; weigh: (value: T) => number }): Kept<T> {
  const kept = new Map<string, T>();
  let weight = 0;
  function forget(): void {
    kept.clear();
    weight = 0;
  }
  return {
    forget,
    find: (id) => kept.get(id),
    keep(id, value) {
      if (weight + weigh(value) > limit) forget();
      weight += weigh(value);
      kept.set(id, value);
    },
  };
}
