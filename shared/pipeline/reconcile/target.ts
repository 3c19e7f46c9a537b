import type { Environment } from '../../environment/environment-file.ts';
import type { AttemptedRevision } from '../../environment/memory.ts';
import type { ApplySet } from '../../inventory/applyset.ts';
import type { ClusterApi } from '../../objects/cluster-api.ts';
import type { DiffReason } from '../../events/alert.ts';
import type { Cluster, Commit } from '../ports.ts';
import type { Run } from './run.ts';

/** One environment at one commit, in its cluster: what a run is about. */
export interface Target {
  readonly run: Run;
  readonly commit: Commit;
  readonly revision: string;
  /** What the memory is to say of this attempt. */
  readonly attempted: AttemptedRevision;
  readonly environment: Environment;
  readonly cluster: Cluster;
  readonly api: ClusterApi;
  readonly applySet: ApplySet;
}

export type RunResult =
  | { readonly outcome: 'absent' | 'suspended' | 'superseded' }
  | { readonly outcome: 'unchanged' | 'converged'; readonly revision: string }
  /** `goesOn`: a message of its own goes on with it. Otherwise it goes on when what it waits for is there. */
  | { readonly outcome: 'waiting'; readonly revision: string; readonly message: string; readonly goesOn?: true }
  | { readonly outcome: 'diverged'; readonly revision: string; readonly reason: DiffReason; readonly summary: string };

/** Seconds since the run began, to the hundredth. */
export function secondsSince({ startedAt, ports }: Run): number {
  return Math.round((ports.now().getTime() - startedAt.getTime()) / 10) / 100;
}
