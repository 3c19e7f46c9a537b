import type { DesiredObject } from '../../desired/desired.ts';
import type { Inputs } from '../../environment/inputs.ts';
import type { KubernetesObject } from '../../objects/kubernetes-object.ts';
import type { ObservedObject } from '../../plan/plan.ts';
import type { ApplySet } from '../../inventory/applyset.ts';
import type { PlanAnswer, Unread } from '../inspect/answers.ts';
import type { KnownSecrets } from '../inspect/known-secrets.ts';
import type { DueHook } from './rehearse-hooks.ts';
import type { Rehearsed } from './rehearsal.ts';

type Verdict = 'accepted' | 'rejected' | 'undecided';

/** What would become of one object. */
export interface PlannedObject {
  readonly action: 'create' | 'update' | 'replace' | 'prune' | 'release' | 'left';
  /** As Git has it; undefined where Git has it no more. */
  readonly desired: DesiredObject | undefined;
  readonly observed: Pick<ObservedObject, 'id' | 'object'> | undefined;
  readonly verdict: Verdict;
  /** What is to be said beside it; empty: nothing. */
  readonly message: string;
  /** Whether a guard keeps it, and with it the environment from converging; absent: not. */
  readonly isGuarded?: boolean;
  readonly rehearsed: Rehearsed | undefined;
}

/** What a plan is of: what the environment is to be made of, and `inputsId` of what it was made of before. */
export interface PlannedOf {
  readonly inputs: Inputs;
  readonly from: readonly string[];
}

/** What a commit would do to one environment, before it is told. */
export interface Planned {
  /** Undefined where nothing was tried in the cluster. */
  readonly of?: PlannedOf | undefined;
  readonly outcome: PlanAnswer['outcome'];
  /** Why it is not planned, or what is to be known of it as a whole. */
  readonly message: string;
  readonly cluster: string;
  readonly waitsFor: readonly string[];
  readonly dependents: readonly string[];
  readonly objects: readonly PlannedObject[];
  readonly hooks: readonly DueHook[];
  readonly unchanged: number;
  readonly unread: readonly Unread[];
  /** Of whose objects those are that are not adopted. */
  readonly applySets: readonly ApplySet[];
  /** At which lines objects begin, by key. */
  readonly lines: ReadonlyMap<string, number>;
  /** What may hold values of Secrets. */
  readonly secrets: readonly KubernetesObject[];
  /** What others made in its namespaces, and of which Secrets the values are not known. */
  readonly besides: Pick<KnownSecrets, 'others' | 'unhidden'>;
}

/** What is said in words, and changes nothing. */
export function nothingPlanned({
  cluster = '',
  ...said
}: Pick<Planned, 'outcome' | 'message'> & { cluster?: string }): Planned {
  return {
    ...{ ...said, cluster, waitsFor: [], dependents: [], objects: [], hooks: [], unchanged: 0, unread: [] },
    ...{ applySets: [], lines: new Map(), secrets: [], besides: { others: [], unhidden: [] } },
  };
}
