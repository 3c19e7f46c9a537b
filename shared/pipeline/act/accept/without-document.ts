/**
 * A file of YAML documents without one of them, and all others as they are: no text, where nothing is left. Undefined where the
 * documents cannot be told apart by their lines (a `---` inside of a text).
 *
 * @param document from 0, as a parser counts them
 * @param count how many a parser finds
 */
export function withoutDocument(
  text: string,
  { document, count }: { document: number; count: number },
): { readonly text: string | undefined } | undefined {
  if (count === 1) return { text: undefined };
  const parts: string[][] = [[]];
  for (const line of text.split(/(?<=\n)/)) {
    if (/^---(\s|$)/.test(line)) parts.push([]);
    parts.at(-1)?.push(line);
  }
  // Before the first marker, there may be a document or comments alone.
  const isSaid = (lines: readonly string[]): boolean => lines.some((line) => !/^\s*(#.*)?$|^---\s*(#.*)?$/.test(line));
  const said = parts.filter(isSaid);
  if (said.length !== count) return undefined;
  const removed = said[document];
  const left = parts.filter((part) => part !== removed).map((lines) => lines.join(''));
  return { text: left.join('') };
}
