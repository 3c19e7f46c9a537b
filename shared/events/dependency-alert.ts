import { z } from 'zod';
import { ConvergeError } from '../base/errors.ts';
import { eventId, eventSource, parseEventData, type IncomingEvent, type OutgoingEvent } from './cloud-event.ts';

export const unreachableType = 'dev.converge.dependency.unreachable.v1';
export const reachableType = 'dev.converge.dependency.reachable.v1';

export const dependencyKinds = ['cluster', 'repository', 'bucket'] as const;

/** Something outside that environments stand on: a cluster by its name, a Git host by the class of its repository, a bucket. */
export interface Dependency {
  readonly kind: (typeof dependencyKinds)[number];
  readonly name: string;
}

/** `cluster/production-eu` */
export function dependencySubject({ kind, name }: Dependency): string {
  return `${kind}/${name}`;
}

/** Of those behind it, as many are named. */
const mostNamed = 100;

/** Who stands on it: the first by name as `<class>/<name>`, and how many there are. */
const behind = { environments: z.array(z.string()), count: z.number().int().nonnegative() };
export type Behind = z.infer<z.ZodObject<typeof behind>>;

export function behindOf(environments: readonly string[]): Behind {
  return { environments: environments.toSorted().slice(0, mostNamed), count: environments.length };
}

const said = {
  /** `cluster/production-eu`, which `kind` and `name` say apart. */
  subject: z.string(),
  kind: z.enum(dependencyKinds),
  name: z.string(),
  incident: z.string(),
  /** When it was first met without an answer, ISO 8601. */
  since: z.string(),
};

/** No request to it has got an answer for `alerts.unreachableAfter`. */
export const dependencyUnreachableSchema = z.object({
  ...said,
  /** Of the error that is met. */
  code: z.string(),
  message: z.string(),
  remedy: z.string().nullable().default(null),
  ...behind,
});
export type DependencyUnreachable = z.infer<typeof dependencyUnreachableSchema>;

export const dependencyReachableSchema = z.object({
  ...said,
  /** `answered`: a request got an answer; `unused`: nothing stands on it any more. */
  outcome: z.enum(['answered', 'unused']),
  seconds: z.number().nonnegative(),
  ...behind,
});
export type DependencyReachable = z.infer<typeof dependencyReachableSchema>;

export type DependencyAlert =
  | { readonly topic: 'diff'; readonly data: DependencyUnreachable }
  | { readonly topic: 'converged'; readonly data: DependencyReachable };

export function dependencyIncident({ of, since }: { of: Dependency; since: string }): string {
  return eventId('dev.converge.dependency', dependencySubject(of), since).slice(0, 16);
}

export function isDependencyAlert({ type }: Pick<IncomingEvent, 'type'>): boolean {
  return type === unreachableType || type === reachableType;
}

/** Throws `InvalidEvent` (refuse), also for an event that is no alert of a dependency. */
export function parseDependencyAlert(event: IncomingEvent): DependencyAlert {
  if (event.type === unreachableType)
    return { topic: 'diff', data: parseEventData(dependencyUnreachableSchema, event) };
  if (event.type === reachableType)
    return { topic: 'converged', data: parseEventData(dependencyReachableSchema, event) };
  throw new ConvergeError({
    code: 'InvalidEvent',
    subject: `${event.type} ${event.id}`,
    message: `is no alert of a dependency; expected ${unreachableType} or ${reachableType}`,
    disposition: 'refuse',
  });
}

/** Named by type and incident, each of which is told once: what it says may be worded otherwise by who tells it again. */
export function encodeDependencyAlert({ topic, data }: DependencyAlert, time: Date): OutgoingEvent {
  const type = topic === 'diff' ? unreachableType : reachableType;
  const { subject, incident } = data;
  return { id: eventId(type, subject, incident), type, source: eventSource, subject, time, data };
}
