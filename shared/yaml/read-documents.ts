import { dump, loadAll, YAMLException } from 'js-yaml';

const mostAliases = 1000;
/** Characters of a file that people write: what is longer is not read here. */
const longestFile = 1 << 20;

/**
 * The documents of a file that people write, where it is looked for a place to edit; undefined where it is no YAML. What a manifest
 * means is told by the renderer alone.
 */
export function readDocuments(text: string): readonly unknown[] | undefined {
  if (text.length > longestFile) return undefined;
  try {
    return loadAll(text, { maxAliases: mostAliases });
  } catch (error) {
    if (error instanceof YAMLException) return undefined;
    throw error;
  }
}

/** A value as a file of its own. */
export function writeDocument(value: unknown): string {
  return dump(value, { lineWidth: -1, noRefs: true });
}
