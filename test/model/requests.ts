import type { Sym } from './symbols.ts';

/** The two objects of the state bucket. */
export type Name = 'memory' | 'lease';
/** The two objects of the cluster. */
export type Key = 'x' | 'y';
export const keys: readonly Key[] = ['x', 'y'];

/** What a run asks of the world: each is one step, between any two of which anything else may happen. */
export type Request =
  | { readonly op: 'read' | 'generation'; readonly name: Name }
  /** `expected`: the generation that it replaces, null for none; `blind`: it asks for no such thing. */
  | {
      readonly op: 'write';
      readonly name: Name;
      readonly value: string;
      readonly expected: Sym | null;
      readonly blind: boolean;
      /** Whether its writer holds the lease, and whether this ends it. */
      readonly holds: boolean;
    }
  | { readonly op: 'sleep' | 'head' | 'observe' | 'health' }
  | { readonly op: 'publish'; readonly alert: string }
  /** The message that goes on with a roll-out. */
  | { readonly op: 'send'; readonly told: Sym | null }
  | { readonly op: 'get'; readonly key: Key }
  | {
      readonly op: 'put';
      readonly key: Key;
      readonly to: number | 'touch';
      readonly expected: Sym | null;
      readonly blind: boolean;
    };

/** A content of a state object, and what its symbols are called. */
export interface Content {
  readonly content: number;
  readonly symbols: readonly Sym[];
}

/** One object of the cluster: `y` is there where its value is 1. */
export interface Seen {
  readonly value: number;
  readonly version: Sym;
  /** Whether its value is somebody else's: what the API server tells of it by the manager of the field. */
  readonly foreign: boolean;
}

/** What a look at the cluster finds; `incidents`: how many there have been, in place of a clock. */
export interface Observed {
  readonly x: Seen | null;
  readonly y: Seen | null;
  readonly incidents: number;
}

export type Answer =
  | { readonly found: (Content & { readonly generation: Sym; readonly age: number }) | null }
  | { readonly generation: Sym | null }
  /** Null: another generation is there. */
  | { readonly written: Sym | null }
  | { readonly head: number }
  | { readonly observed: Observed }
  | { readonly object: Seen | null }
  | { readonly healthy: boolean }
  | { readonly put: 'done' | 'conflict' | 'unanswered'; readonly object: Seen | null }
  | { readonly done: true };

/** What happened to a run within a phase: an answer to its n-th request, or so many milliseconds in which it stood. */
export type Event = { readonly to: number; readonly answer: Answer } | { readonly stood: number };
