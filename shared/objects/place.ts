/** Where one rendered object was defined. */
export interface Place {
  /** From the repository's root. */
  readonly file: string;
  /** Which of the objects, or of the hooks, that a source makes of the file it is: `object 2`. */
  readonly which: string;
  /** The source that made it, where the file does not tell. */
  readonly source: string | undefined;
}

/** Two places in words that tell them apart, also where they are in one file: of two releases of one chart, say. */
export function bothPlaces(first: Place, second: Place): string {
  return first.file === second.file
    ? `in ${exactly(first)} and in ${exactly(second)}`
    : `in ${first.file} and in ${second.file}`;
}

function exactly({ file, which, source }: Place): string {
  return `${file} (${source === undefined ? which : `${which} by ${source}`})`;
}

/**
 * What was rendered, in its order, each with its place.
 *
 * @param sourceOf the source of the one at an index, where its file does not tell
 */
export function withPlaces<T extends { readonly source: string }>({
  rendered,
  what,
  sourceOf,
}: {
  rendered: readonly T[];
  what: 'object' | 'hook';
  sourceOf: (index: number) => string | undefined;
}): { readonly one: T; readonly place: Place }[] {
  const counts = new Map<string, number>();
  return rendered.map((one, index) => {
    const source = sourceOf(index);
    const key = JSON.stringify([one.source, source]);
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    return { one, place: { file: one.source, which: `${what} ${count}`, source } };
  });
}
