import type { Limits } from '../config.ts';
import { ConvergeError } from '../errors.ts';
import type { ObjectFinalized } from '../events/object-finalized.ts';
import { artifactUri, isOfTools } from '../source/artifact.ts';
import { copyOf } from '../source/ledger.ts';
import { takeIn } from './copy-artifact/intake.ts';
import type { IntakeTimes } from './copy-artifact/intake-times.ts';
import { readLedger } from './copy-artifact/ledger.ts';
import type { Ports } from './ports.ts';

export type CopyPorts = Pick<Ports, 'now' | 'sleep' | 'log' | 'buckets' | 'unpack' | 'state' | 'repository' | 'topics'>;

export interface CopySettings {
  readonly repositoryClass: string;
  readonly limits: Limits;
  /** What becomes of an upload to a path that somebody else changed since the last one. */
  readonly conflicts: 'artifact-wins' | 'refuse';
  /** Names this instance where it holds the lease. */
  readonly holder: string;
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

/**
 * Copies the live generation of an object into the repository of its bucket, at most once, and announces the commit. The event only says
 * "look": it may come twice, late, or out of order, and the function may die at any line of this. It is done once the ledger says that the
 * object is in Git, which is written after the commit was announced.
 * Throws `UnsafePath`, `InvalidArchive`, `InvalidEnvironment`, `TooLarge`, `WouldOverwrite`, `GitRefused`, `StorageRefused` (refuse),
 * `BranchMissing`, `UnreadableObject` (refuse; copied once the branch is mended), `GitUnavailable`, `StorageUnavailable`, `IntakeBusy` (retry).
 */
export async function copyArtifact(
  event: ObjectFinalized,
  ports: CopyPorts,
  settings: CopySettings,
): Promise<CopyOutcome> {
  const live = await ports.buckets.find(event);
  if (live === undefined) {
    ports.log('INFO', 'the object is gone: nothing to copy', { artifact: artifactUri(event) });
    return { outcome: 'gone' };
  }
  if (isOfTools(live)) return { outcome: 'passed-over' };
  const { ledger } = await readLedger({ ports, settings });
  const copy = copyOf({ ledger, artifact: live });
  if (copy !== undefined) return { outcome: 'already-copied', commit: copy.commit };
  try {
    return await takeIn({ live, ports, settings });
  } catch (error) {
    if (error instanceof ConvergeError && error.code === 'WouldOverwrite') {
      ports.log('ERROR', 'an upload is refused: it would overwrite what somebody else changed', {
        artifact: error.subject,
        problem: error.problem,
      });
    }
    throw error;
  }
}
