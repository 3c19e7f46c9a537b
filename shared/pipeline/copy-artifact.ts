import { ConvergeError } from '../base/errors.ts';
import type { ObjectFinalized } from '../events/object-finalized.ts';
import { artifactUri, isOfTools } from '../source/artifact.ts';
import { takeIn } from './copy-artifact/intake.ts';
import { readLedger } from './copy-artifact/ledger.ts';
import type { CopyOutcome, CopyPorts, CopySettings } from './copy-artifact/run.ts';

/**
 * Copies the live generation of an object into the repository of its bucket, at most once, and announces the commit.
 * The event only says "look": it may come twice, late, or out of order, and the function may die at any line of this.
 * It is done once the ledger says that the object is in Git, which is written after the commit was announced. Throws
 * `UnsafePath`, `InvalidArchive`, `InvalidEnvironment`, `TooLarge`, `WouldOverwrite`, `GitRefused`
 * (refuse), `BranchMissing`, `UnreadableObject` (refuse; copied once the branch is mended), `GitUnavailable`,
 * `StorageUnavailable`, `StorageRefused`, `SecretUnavailable`, `IntakeBusy` (retry).
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
  try {
    return await takeIn({ live, ledger, ports, settings });
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
