import type { Incident } from '../drift/incident.ts';
import type { RememberedObjects } from '../plan/plan.ts';
import type { HealthState } from '../health/health.ts';
import type { Inputs } from './inputs.ts';

/** One revision that a run set out for, with the Git object ids of what the environment is made of there. */
export interface AttemptedRevision {
  readonly commit: string;
  readonly revision: string;
  readonly at: string;
  readonly inputs: Inputs;
}

/**
 * What is remembered of an environment between runs. It can be lost: the next run rebuilds it from Git and the cluster,
 * by dry runs instead of fingerprints.
 */
export interface Memory {
  readonly version: 1;
  /** The last revision a run set out for: no run goes back behind it. */
  readonly attempted: AttemptedRevision | undefined;
  /** The last revision that converged. */
  readonly converged: (AttemptedRevision & { readonly renderKey: string }) | undefined;
  readonly objects: RememberedObjects;
  /** Keys of objects in the inventory that are not desired and were left alone (`prune: false`, say). */
  readonly left: readonly string[];
  readonly incident: Incident | undefined;
  /** Where its objects are; empty before the first write. */
  readonly cluster: string;
  readonly namespace: string;
  readonly health: HealthState;
  /** When the state of the environment last changed. */
  readonly since: string;
}

export function emptyMemory(now: Date): Memory {
  return {
    version: 1,
    attempted: undefined,
    converged: undefined,
    objects: {},
    left: [],
    incident: undefined,
    cluster: '',
    namespace: '',
    health: 'Unknown',
    since: now.toISOString(),
  };
}

/** A memory of another version, or anything else at its place, is a lost memory. */
export function readMemory({ value, now }: { value: unknown; now: Date }): Memory {
  const known = value !== null && typeof value === 'object' && 'version' in value && value.version === 1;
  return known ? (value as Memory) : emptyMemory(now);
}
