import { z } from 'zod';
import { parseTime } from '../base/time.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { objectIdOf, objectTitle } from '../objects/object-id.ts';
import { clusterEventSchema, lastSeen, timesSeen } from './cluster-event.ts';
import { oneLine } from './health.ts';
import { part } from './observed-shape.ts';

/** A Warning event that the cluster keeps of an object, as often as it repeated. */
export interface RepeatedWarning {
  /** Title of the object that it is of. */
  readonly object: string;
  readonly reason: string;
  readonly message: string;
  readonly count: number;
  /** When it was seen last, by the cluster's clock: ISO 8601. */
  readonly last: string;
}

const eventSchema = clusterEventSchema.extend({ type: z.literal('Warning') });

/** Say again what the status says: `Back-off restarting failed container`, that no node takes a Pod. */
const echoes = new Set(['BackOff', 'FailedScheduling']);

/**
 * Which Warning event tells most of these objects: the one that repeats most, of equals the newest; one that only says
 * that something is tried again comes last. Undefined where there is none.
 *
 * @param among.objects what it may be of: by uid, and by kind and name where the event has none; the claims that Pods
 * among them wait for, by name
 * @param among.events Events of the core group, of any object; what is none is left out
 * @param among.since one that was seen last before this is of the past (ISO 8601)
 */
export function repeatedWarning({
  objects,
  events,
  since,
}: {
  objects: readonly KubernetesObject[];
  events: readonly KubernetesObject[];
  since: string | undefined;
}): RepeatedWarning | undefined {
  const uids = new Set(objects.flatMap(({ metadata: { uid } }) => uid ?? []));
  const claims = new Set(objects.flatMap(claimsOf));
  const titles = new Set(objects.map((object) => objectTitle(objectIdOf(object))));
  // Events are written to the second.
  const from = since === undefined ? 0 : Math.floor(parseTime(since) / 1000) * 1000;
  return events
    .flatMap((event) => {
      const said = eventSchema.safeParse(event).data;
      if (said === undefined) return [];
      const { involvedObject: of, reason, message } = said;
      const object = objectTitle(of);
      if (!claims.has(object) && (of.uid === '' ? !titles.has(object) : !uids.has(of.uid))) return [];
      const last = lastSeen(said);
      if (last === undefined || !(parseTime(last) >= from)) return [];
      return [{ object, reason, message: oneLine(message), count: timesSeen(said), last }];
    })
    .toSorted((one, other) => rank(one) - rank(other) || other.count - one.count || later(one, other))[0];
}

const mountingSchema = z.object({
  spec: part({
    volumes: z
      .array(
        z.object({
          name: z.string(),
          persistentVolumeClaim: z.object({ claimName: z.string() }).optional(),
          ephemeral: z.unknown().optional(),
        }),
      )
      .nullish()
      .transform((list) => list ?? []),
  }),
});

/** Titles of the PersistentVolumeClaims that a Pod mounts, those that are made for it included. */
function claimsOf(object: KubernetesObject): string[] {
  const mounting = object.kind === 'Pod' ? mountingSchema.safeParse(object).data : undefined;
  const { namespace, name: pod = '' } = object.metadata;
  return (mounting?.spec.volumes ?? []).flatMap(({ name: volume, persistentVolumeClaim, ephemeral }) => {
    const name = persistentVolumeClaim?.claimName ?? (ephemeral === undefined ? undefined : `${pod}-${volume}`);
    return name === undefined ? [] : [objectTitle({ kind: 'PersistentVolumeClaim', namespace, name })];
  });
}

function rank({ reason }: RepeatedWarning): number {
  return echoes.has(reason) ? 1 : 0;
}

function later(one: RepeatedWarning, other: RepeatedWarning): number {
  return parseTime(other.last) - parseTime(one.last);
}
