import type { ArtifactId, Destination } from './artifact.ts';

export interface Ordered {
  readonly live: ArtifactId;
  readonly destination: Destination;
}

/** Whether one of two uploads is a group whose folder holds the other, so that their order counts. */
function meet(one: Destination, other: Destination): boolean {
  const holds = (group: Destination, path: string): boolean =>
    group.kind === 'group' && (path === group.path || path.startsWith(`${group.path}/`));
  return holds(one, other.path) || holds(other, one.path);
}

/**
 * The commits that those uploads become, in their order: as few as there can be where a group shares none, and where a
 * group and a file below its folder come in the order of their generations.
 *
 * @param uploads at most one of each name
 */
export function batchesOf<T extends Ordered>(uploads: readonly T[]): readonly (readonly T[])[] {
  const batches: { readonly isGroup: boolean; readonly members: T[] }[] = [];
  const groups: { readonly destination: Destination; readonly batch: number }[] = [];
  for (const upload of byGeneration(uploads)) {
    if (upload.destination.kind === 'group') {
      groups.push({ destination: upload.destination, batch: batches.push({ isGroup: true, members: [upload] }) - 1 });
      continue;
    }
    const after = groups.findLast(({ destination }) => meet(destination, upload.destination))?.batch ?? -1;
    const batch = batches.find(({ isGroup }, index) => index > after && !isGroup);
    if (batch === undefined) batches.push({ isGroup: false, members: [upload] });
    else batch.members.push(upload);
  }
  return batches.map(({ members }) => members);
}

export function byGeneration<T extends Ordered>(uploads: readonly T[]): readonly T[] {
  return uploads.toSorted((a, b) => (BigInt(a.live.generation) < BigInt(b.live.generation) ? -1 : 1));
}
