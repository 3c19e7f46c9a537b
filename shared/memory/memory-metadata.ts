import { isOpen } from './incident.ts';
import type { Memory } from './memory.ts';
import { notedMetadata } from './unwritten-notes.ts';
import { stateOf } from './remembered-state.ts';

/** Characters of one value: Storage takes 8 KiB of all keys and values of an object. */
const longestValue = 256;

/**
 * What is written beside a memory, in the same request, so that a list of many tells how each environment stands:
 * `version`, `state`, `since`, `health`, the number of its `objects`, the `revision` that converged last, and the id of
 * the open `incident`; and what is to be noted in Git (`notedMetadata`). What there is none of is absent.
 */
export function memoryMetadata(memory: Memory): Record<string, string> {
  const { version, since, health, objects, converged, incident } = memory;
  const facts: Readonly<Record<string, string | undefined>> = {
    version: String(version),
    state: stateOf(memory),
    since,
    health,
    objects: String(Object.keys(objects).length),
    revision: converged?.revision,
    incident: isOpen(incident) ? incident.id : undefined,
  };
  const told = Object.fromEntries(
    Object.entries(facts).flatMap(([key, value]) =>
      value === undefined || value === '' ? [] : [[key, value.slice(0, longestValue)] as const],
    ),
  );
  return { ...told, ...notedMetadata(memory) };
}
