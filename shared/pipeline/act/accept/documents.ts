import { isMap } from '../../../objects/exact-json.ts';
import { groupOf, type ObjectId } from '../../../objects/object-id.ts';

/** Where in a file an object is said. */
export interface Place {
  /** Which document of the file, from 0. */
  readonly document: number;
  /** Where in the document: empty, or an item of a `List`. */
  readonly within: readonly (string | number)[];
  readonly value: unknown;
}

/**
 * The one place of a file that says an object; undefined where none or several do.
 *
 * @param namespace of objects that say none
 */
export function placeOf({
  documents,
  id,
  namespace,
}: {
  documents: readonly unknown[];
  id: ObjectId;
  namespace: string;
}): Place | undefined {
  const places = documents.flatMap((value, document): Place[] => {
    const items = isMap(value) && Array.isArray(value['items']) ? (value['items'] as readonly unknown[]) : [];
    return [
      { document, within: [], value },
      ...items.map((item, at) => ({ document, within: ['items', at], value: item })),
    ];
  });
  const found = places.filter(({ value }) => says(value, { id, namespace }));
  return found.length === 1 ? found[0] : undefined;
}

function says(value: unknown, { id, namespace }: { id: ObjectId; namespace: string }): boolean {
  if (!isMap(value) || value['kind'] !== id.kind || typeof value['apiVersion'] !== 'string') return false;
  if (groupOf(value['apiVersion']) !== id.group) return false;
  const metadata = isMap(value['metadata']) ? value['metadata'] : {};
  if (metadata['name'] !== id.name) return false;
  return id.namespace === undefined || (metadata['namespace'] ?? namespace) === id.namespace;
}
