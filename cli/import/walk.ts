import type { Checkout } from './checkout.ts';
import type { Converted } from './draft.ts';
import { mendFile, type Built, type Findings } from './findings.ts';
import type { ClusterNames } from './places.ts';
import { builtOf, idOf, patchFiles, type Builder } from './tree.ts';

/** What is made environments of: a checkout, and how its clusters are called. */
export interface ConversionInput {
  readonly checkout: Checkout;
  readonly clusters: ClusterNames;
  readonly findings: Findings;
}

export type Convert = (input: ConversionInput) => Converted;

/**
 * Every object of the tool that a file holds by itself: parts that are patches of others are none. What cannot be read is
 * told as missing.
 *
 * @param isLooked whether a file is looked into, by its text
 */
export function objectsOfTool(
  { checkout, findings, isTheirs }: Builder,
  isLooked: (file: string, text: string) => boolean,
): Built[] {
  const patches = patchFiles(checkout);
  const found: Built[] = [];
  for (const [file, text] of checkout.texts) {
    if (patches.has(file) || !isLooked(file, text)) continue;
    for (const unread of checkout.unread(file))
      findings.missingIn({ ...unread, message: `cannot be read: ${unread.message}`, remedy: mendFile });
    found.push(
      ...checkout
        .documents(file)
        .filter(({ value }) => isTheirs(value))
        .map(builtOf),
    );
  }
  return found;
}

/**
 * Visits first what nothing applies, then what was not reached from there: an object that others apply is taken as their
 * overlays make it, and by itself only where they apply each other.
 *
 * @param reached ids of objects that others apply
 */
export function visitFromRoots(
  objects: readonly Built[],
  {
    reached,
    visited,
    visit,
  }: { reached: ReadonlySet<string>; visited: ReadonlySet<string>; visit: (object: Built) => void },
): void {
  const isReached = (object: Built): boolean => reached.has(idOf(object));
  for (const object of objects) if (!isReached(object)) visit(object);
  for (const object of objects) if (isReached(object) && !visited.has(idOf(object))) visit(object);
}
