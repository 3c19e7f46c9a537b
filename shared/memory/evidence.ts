import { objectTitle } from '../objects/object-id.ts';
import type { Incident } from './incident.ts';
import type { Memory } from './memory.ts';

/**
 * A memory without what differs, field by field, in incidents of which nobody asks that: it is most of a memory, and
 * thousands of those are read at a time. Of the object that an incident is of, it stays where it came from.
 */
export function withoutEvidence(memory: Memory, isAsked: (incident: Incident) => boolean): Memory {
  return withEach(memory, (one) => (isAsked(one) ? one : { ...one, objects: undefined, diff: namedAlone(one) }));
}

/** A memory that still says which objects differ, and no field of them. */
export function withoutFields(memory: Memory): Memory {
  return withEach(memory, (one) => ({ ...one, diff: one.diff === undefined ? undefined : withNoFields(one.diff) }));
}

function withNoFields(diff: NonNullable<Incident['diff']>): NonNullable<Incident['diff']> {
  return { ...diff, objects: diff.objects.map((object) => ({ ...object, fields: [] })) };
}

function withEach(memory: Memory, cut: (incident: Incident) => Incident): Memory {
  const { incident, incidents } = memory;
  return {
    ...memory,
    incident: incident === undefined ? undefined : cut(incident),
    incidents: incidents?.map(cut),
    outbox: undefined,
  };
}

function namedAlone({ diff, subject }: Incident): Incident['diff'] {
  if (diff === undefined) return undefined;
  const named = diff.objects.find((object) => objectTitle(object) === subject && object.source !== undefined);
  if (named === undefined) return diff.rollback === null ? undefined : { ...diff, objects: [] };
  const { apiVersion, kind, namespace, name, change, source, line } = named;
  const object = { apiVersion, kind, namespace, name, change, source, line, message: '', fields: [] };
  return { ...diff, objects: [object] };
}
