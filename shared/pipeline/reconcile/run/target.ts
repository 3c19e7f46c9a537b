import type { Environment } from '../../../environment/environment-file.ts';
import type { AttemptedRevision } from '../../../memory/memory.ts';
import { applySetOf, type ApplySet } from '../../../inventory/applyset.ts';
import type { ClusterApi } from '../../../objects/cluster-api.ts';
import type { Divergence } from '../../../drift/divergence.ts';
import type { DiffReason } from '../../../base/diff-reasons.ts';
import type { Cluster } from '../../../ports/kubernetes.ts';
import type { Commit } from '../../../ports/git.ts';
import type { ForeignOwner, OwnersVerdict } from '../../../ownership/refusal.ts';
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
  readonly others: OtherEnvironments;
  /** Where it was renamed, and its previous names still hold something. */
  readonly previous?: PreviousInventories;
}

/** What a render takes: it asks no other environment. */
export type RenderTarget = Omit<Target, 'others'>;

/** The sets whose objects are this environment's: its own, then those of its previous names in the same namespace. */
export function ownSets({
  run,
  environment,
  applySet,
}: Pick<Target, 'run' | 'environment' | 'applySet'>): [ApplySet, ...ApplySet[]] {
  const { namespace } = applySet;
  return [
    applySet,
    ...environment.previousNames.map((name) =>
      applySetOf({ repository: run.repository, environment: name, namespace }),
    ),
  ];
}

/** The keys of the objects that another environment wants at this revision, or why that cannot be told. */
export type Wish = { readonly environment: string; readonly keys: ReadonlySet<string> } | SilentWish;
export interface SilentWish {
  readonly environment: string;
  readonly reason: string;
  /** Whether it may want now what it did not want when the environment that asks converged last. */
  readonly mayWantMore?: boolean;
}
/** An environment that has yet to converge at this revision, and was not asked. */
export interface PendingWish {
  readonly environment: string;
  readonly pending: true;
}

/** The other environments of the repository at this revision; see `other-environments.ts`. */
export interface OtherEnvironments {
  /** What the owner of an object says of it. */
  answerOf(asked: { owner: ForeignOwner; key: string }): Promise<OwnersVerdict>;
  /**
   * What each of those on the same cluster wants. @param ask.patient whether many that have yet to converge at this
   * revision are waited for, not rendered
   */
  wishes(ask: { patient: boolean }): Promise<readonly (Wish | PendingWish)[]>;
  /**
   * Throws `GitUnavailable` (retry) where the branch moved on: an older run must neither take nor delete what a newer
   * one gave away.
   */
  assertNewest(): Promise<void>;
}

/** What an environment's previous names still hold; see `succession.ts`. */
export interface PreviousInventories {
  /**
   * Removes it, once everything of the revision is healthy. Resolves with what stays and must not, which keeps the
   * environment from converging. Throws as `deleteState` does.
   */
  finish(): Promise<Divergence | undefined>;
}

export type RunResult =
  | { readonly outcome: 'absent' | 'suspended' }
  | { readonly outcome: 'superseded' }
  /** Nothing differs that is to be told; what waits goes on at the end of the freeze. */
  | { readonly outcome: 'frozen'; readonly revision: string; readonly message: string }
  | { readonly outcome: 'unchanged' | 'converged' | 'removed'; readonly revision: string }
  /** `goesOn`: a message of its own goes on with it. Otherwise it goes on when what it waits for is there. */
  | { readonly outcome: 'waiting'; readonly revision: string; readonly message: string; readonly goesOn?: true }
  | { readonly outcome: 'diverged'; readonly revision: string; readonly reason: DiffReason; readonly summary: string };

/** Seconds since the run began, to the hundredth. */
export function secondsSince({ startedAt, ports }: Run): number {
  return Math.round((ports.now().getTime() - startedAt.getTime()) / 10) / 100;
}
