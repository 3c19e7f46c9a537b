import type { Limits } from '../../../config/config.ts';
import type { ConfiguredFreeze } from '../../../config/freeze.ts';
import type { Override, PersonsRequest, ReconcileRequested } from '../../../events/reconcile-requested.ts';
import type { Hindrance } from '../../../memory/look-times.ts';
import type { Lease } from './lease.ts';
import type { Ports } from '../../../ports/ports.ts';
import type { StateFacts } from '../../../ports/storage.ts';
import type { Commit } from '../../../ports/git.ts';
import type { MemoryFile } from './memory-file.ts';

/** What every step of one run shares. */
export interface Run {
  readonly repository: string;
  readonly environment: string;
  /** `<class>/<name>` */
  readonly key: string;
  readonly ports: ReconcilePorts;
  readonly settings: ReconcileSettings;
  readonly lease: Lease;
  /** Keys of objects of which nobody knows what became of a write of this run. */
  readonly unsettled: ReadonlySet<string>;
  /** Keys of objects that a request of this run without an answer was to make. */
  readonly unansweredCreations: ReadonlySet<string>;
  readonly memoryFile: MemoryFile;
  /** Where the branch is; undefined for an empty repository. */
  readonly head: Commit | undefined;
  readonly startedAt: Date;
  /** Takes Storage's time from a read of the state bucket, where nothing of the environment was there to tell it. */
  readonly learnTime: (found: StateFacts) => void;
  /** Why it looks. */
  readonly cause: ReconcileRequested['cause'];
  /** What a person asks for by it, which was not done before; undefined: no one asks for anything. */
  readonly request?: PersonsRequest | undefined;
  /**
   * By whose word it goes past a freeze; `begins`: whatever the head is. Else it only goes on with what was begun so.
   * Undefined: it goes past none.
   */
  readonly override?: (Override & { readonly begins: boolean }) | undefined;
  /** Id of the wait that it begins or goes on with; undefined where another run waits: this one only looks. */
  readonly waitId: string | undefined;
  /** Until when it may wait for others, in all its waits together: `limits.waitSeconds` from the first one on. */
  readonly waitUntil: () => Date;
  /** Whether the branch moved on, as far as that is known by now. */
  readonly isSuperseded: () => Promise<boolean>;
}

export type ReconcilePorts = Pick<
  Ports,
  'now' | 'log' | 'state' | 'repository' | 'cluster' | 'renderer' | 'topics' | 'sleep' | 'signatures'
>;

export interface ReconcileSettings {
  readonly limits: Limits;
  /** Id of the message that this run is of. */
  readonly event: string;
  /** Whether what converged is written back to Git. */
  readonly writeback: boolean;
  /** Whether what only the cluster knows is looked for once a day: reports say it. */
  readonly surveys?: boolean;
  /** The operator's freezes, of all environments. */
  readonly freeze?: readonly ConfiguredFreeze[];
  /** Told at each look at the lease that nobody can read it. Never throws. */
  readonly onHindered?: (by: Hindrance) => Promise<void>;
}
