import type { Limits } from '../../config/config.ts';
import type { Ports } from '../../ports/ports.ts';
import type { IntakeTimes } from './intake-times.ts';

export type CopyPorts = Pick<Ports, 'now' | 'sleep' | 'log' | 'buckets' | 'unpack' | 'state' | 'repository' | 'topics'>;

export interface CopySettings {
  readonly repositoryClass: string;
  readonly limits: Limits;
  /** What becomes of an upload to a path that somebody else changed since the last one. */
  readonly conflicts: 'artifact-wins' | 'refuse';
  /** Names this instance where it holds the lease. */
  readonly holder: string;
  /** Milliseconds after which the schedule tells what cannot be read; absent: somebody else tells it. */
  readonly unreadableAfter?: number;
  /** Other waits than the usual ones, for tests. */
  readonly times?: Partial<IntakeTimes>;
}

/** What came of one look at an object. */
export type CopyOutcome =
  /** The bucket holds no object of that name any more; nothing is deleted in Git. */
  | { readonly outcome: 'gone' }
  /** A tool made it for itself: a part of a composite upload, or an object that stands for a folder. */
  | { readonly outcome: 'passed-over' }
  /** The live generation, or a newer one, was in Git before, or another run brought it there. */
  | { readonly outcome: 'already-copied'; readonly commit: string }
  | { readonly outcome: 'copied'; readonly commit: string }
  /** The branch holds exactly this content. */
  | { readonly outcome: 'unchanged'; readonly commit: string };
