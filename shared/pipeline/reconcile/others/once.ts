/** A look that is taken when it is first asked for, and holds from then on, what it throws too. */
export function once<T>(look: () => Promise<T>): () => Promise<T> {
  let taken: Promise<T> | undefined;
  return () => (taken ??= look());
}

/** The same for each of what is asked about. */
export function onceEach<A, T>(look: (about: A) => Promise<T>, keyOf: (about: A) => string): (about: A) => Promise<T> {
  const taken = new Map<string, Promise<T>>();
  return (about) => {
    const key = keyOf(about);
    const found = taken.get(key) ?? look(about);
    taken.set(key, found);
    return found;
  };
}
