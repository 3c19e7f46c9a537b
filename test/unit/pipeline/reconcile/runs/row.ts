import type { ReconcileRequested } from '../../../../../shared/events/reconcile-requested.ts';
import type { Changes } from '../world/repository.ts';
import type { World } from '../world/world.ts';

/** One run of the environment `shop`, with what it finds and what is to come of it. */
export interface Row {
  readonly name: string;
  /** The tree that it converged at before; absent: it never ran. */
  readonly before?: Changes;
  /** What happens after that, in the cluster or elsewhere. */
  readonly meanwhile?: (world: World) => void | Promise<void>;
  /** What a commit changes. */
  readonly commit?: Changes;
  /** What happens when the memory was lost or kept, just before the run: things to come during it. */
  readonly then?: (world: World) => void | Promise<void>;
  readonly job?: Partial<ReconcileRequested>;
  /** Whether another look has more to do, though the run converged. */
  readonly restless?: true;
  /** With what is remembered of it. */
  readonly kept?: Ending;
  /** With the memory lost. */
  readonly lost?: Ending;
  /** Whether it is remembered or not. */
  readonly both?: Ending;
}

export interface Ending {
  /** `converged`, `waiting, goes on`, `diverged Drifted`, `throws LeaseLost`. */
  readonly ends: string;
  /** Summary or message. */
  readonly says?: string;
  readonly writes?: readonly string[];
  /** What is published: `diff Drifted, healing: modified ConfigMap acme/colors`. */
  readonly alerts?: readonly string[];
  /** The parts of the memory that others act by; absent: it is forgotten. */
  readonly remembers?: Readonly<Record<string, unknown>>;
}
