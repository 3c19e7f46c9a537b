import type { ReconcileRequested } from '../../../../../shared/events/reconcile-requested.ts';
import type { Changes } from '../world/repository.ts';
import type { World } from '../world/world.ts';

/** One run of the environment `shop`, with what it finds and what is to come of it. */
export type Row = Given & (Remembered | Lost);

interface Given {
  readonly name: string;
  /** The tree that it converged at before; absent: it never ran. */
  readonly before?: Changes;
  /** What happens after that, in the cluster or elsewhere. */
  readonly meanwhile?: (world: World) => void | Promise<void>;
  /** What a commit changes. */
  readonly commit?: Changes;
  /** What happens after the commit, or is to happen during the run. Then the memory is lost, where it is. */
  readonly meets?: (world: World) => void | Promise<void>;
  readonly job?: Partial<ReconcileRequested>;
  /** Whose memory is lost; absent: that of `shop`. */
  readonly loses?: string;
  /** Whether another look has more to do, though the run converged. */
  readonly restless?: true;
}

interface Remembered {
  /** What comes of it with what is remembered. */
  readonly kept: Ending;
  /** In what it ends otherwise where the memory is lost. */
  readonly lost?: Partial<Ending>;
}

interface Lost {
  readonly kept?: undefined;
  /** What comes of it where nothing is remembered. */
  readonly lost: Ending;
}

export interface Ending {
  /** `converged`, `waiting, goes on`, `diverged Drifted`, `throws LeaseLost`. */
  readonly ends: string;
  /** Summary or message. */
  readonly says?: string | undefined;
  /** Calls that write; none, where absent. */
  readonly writes?: readonly string[];
  /** What is published: `diff Drifted, healing, modified ConfigMap acme/colors`. */
  readonly alerts?: readonly string[];
  /** The parts of the memory that others act by; null where there is none. */
  readonly remembers: Readonly<Record<string, unknown>> | null;
}

/** How a row is to end with the memory kept or lost; undefined where it says nothing of that. */
export function endingFor({ kept, lost }: Row, memory: 'kept' | 'lost'): Ending | undefined {
  if (memory === 'kept' || lost === undefined) return memory === 'kept' ? kept : undefined;
  if (kept === undefined) return lost;
  const parts = lost.remembers;
  const remembers = parts === undefined ? kept.remembers : parts === null ? null : { ...kept.remembers, ...parts };
  return { ...kept, ...lost, remembers };
}
