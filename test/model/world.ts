import type { Place } from './play.ts';
import type { Content, Key, Name, Seen } from './requests.ts';
import { symbolOf, type Sym } from './symbols.ts';

/** One object of the state bucket. */
export interface Stored extends Content {
  readonly generation: Sym;
  /** Whether it was written less than a second ago. */
  readonly recent: boolean;
  /** Of a lease: whether its time has passed. */
  readonly over: boolean;
  /** Of a lease: whether its evidence is of what nobody but Converge did. */
  readonly mistaken: boolean;
}

/** A request to the API server whose sender got no answer: it comes later, or never. */
export interface Pending {
  readonly key: Key;
  readonly to: number | 'touch';
  readonly expected: Sym | null;
  readonly blind: boolean;
  /** Whether a newer run has found all well since. */
  readonly seen: boolean;
}

/** A run, with what no run can see, for the invariants. */
export interface Runner extends Place {
  /** Whether it wrote the lease that is there. */
  readonly owns: boolean;
  /** 1: somebody else ended its lease; 2: and a newer run has found the environment converged since. */
  readonly ended: 0 | 1 | 2;
  /** Whether its lease passed while it stood. */
  readonly slept: boolean;
  /** Requests to the cluster since its lease was ended, or its time had passed. */
  readonly late: number;
  readonly writes: number;
  /** Whether somebody held the lease while it looked, or claimed it since. */
  readonly overlapped: boolean;
  /** What of the cluster was somebody else's doing when it looked. */
  readonly foreign: readonly Key[];
}

export interface Budgets {
  readonly commits: number;
  readonly drifts: number;
  readonly kills: number;
  readonly freezes: number;
  readonly lost: number;
  readonly memories: number;
  /** Pauses that make a run look at the lease, or make it last longer. */
  readonly pauses: number;
}

export interface World {
  readonly git: number;
  readonly x: Seen;
  readonly y: Seen;
  readonly healthy: boolean;
  readonly memory: Stored | null;
  readonly lease: Stored | null;
  readonly pending: Pending | null;
  /** What the last message that goes on with a roll-out says was published; null: there is none. */
  readonly message: { readonly told: Sym | null } | null;
  readonly runs: readonly Runner[];
  readonly budgets: Budgets;
  /** Incidents that were written anywhere, and those that the memory said. */
  readonly named: readonly string[];
  readonly incidents: readonly string[];
  /** Alerts that the memory has said, and that were published. */
  readonly said: readonly string[];
  readonly published: readonly string[];
  /** Whether drift that a run had found was healed. */
  readonly owed: boolean;
  /** Whether the memory was deleted or put back. */
  readonly spoilt: boolean;
  readonly bad: string | null;
}

/** A world that may still be written on, with names for new symbols. */
export interface Draft {
  world: World;
  fresh: () => Sym;
}

export function draftOf(world: World, symbols: number): Draft {
  let next = symbols;
  return { world, fresh: () => symbolOf(next++) };
}

export const stored = (world: World, name: Name): Stored | null => (name === 'memory' ? world.memory : world.lease);
export const isPresent = (key: Key, { value }: Seen): boolean => key === 'x' || value === 1;

/** The first thing that went wrong stays. */
export function violated(draft: Draft, what: string): void {
  if (draft.world.bad === null) draft.world = { ...draft.world, bad: what };
}

export function changeRun(draft: Draft, index: number, change: Partial<Runner>): void {
  const runs = draft.world.runs.map((run, at) => (at === index ? { ...run, ...change } : run));
  draft.world = { ...draft.world, runs };
}

/** Runs are alike: worlds that differ in their order are one. */
export function sorted(world: World): World {
  if (world.runs.length < 2) return world;
  return { ...world, runs: world.runs.toSorted((a, b) => a.node - b.node || (markOf(a) < markOf(b) ? -1 : 1)) };
}

function markOf({ owns, ended, slept, late, writes, overlapped, foreign }: Runner): string {
  return `${owns} ${ended} ${slept} ${late} ${writes} ${overlapped} ${foreign.join()}`;
}
