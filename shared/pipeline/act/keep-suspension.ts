import { environmentPath, type Environment } from '../../environment/environment-file.ts';
import { environmentSuspension, type EnvironmentSuspension } from '../../environment/suspension.ts';
import type { Repository } from '../../ports/git.ts';
import { readEnvironment } from '../common/declared-environments.ts';
import { editEnvironmentFile } from './change-environment-file.ts';
import { resumptionEdits } from './resume.ts';
import { suspensionEdits } from './suspend.ts';

/**
 * The file of an environment as it was at a commit, with the suspension that it has at the head: that begins and ends by
 * `suspend` and `resume` alone, and what was repaired by hand meanwhile rests on it. Undefined where that is the same, or one of both files is none that
 * can be read. Throws `InvalidEnvironment` (refuse) where the file cannot be changed in place.
 *
 * @param at.to, at.head commit ids
 */
export async function keepSuspension(
  { repository, name, now }: { repository: Repository; name: string; now: Date },
  { to, head }: { to: string; head: string },
): Promise<Uint8Array | undefined> {
  const [was, is] = [
    await readEnvironment({ repository, commit: to, name }),
    await readEnvironment({ repository, commit: head, name }),
  ];
  if (was.state !== 'declared' || is.state !== 'declared') return undefined;
  const suspension = environmentSuspension(is.environment, now);
  if (isSame(suspension, environmentSuspension(was.environment, now))) return undefined;
  const path = environmentPath(name);
  const text = Buffer.from((await repository.readFile({ commit: to, path })) ?? []).toString('utf8');
  return Buffer.from(editEnvironmentFile({ text, path, edits: editsOf(was.environment, suspension) }));
}

function editsOf(environment: Environment, suspension: EnvironmentSuspension | undefined) {
  if (suspension === undefined) return resumptionEdits(environment);
  const { until, reason } = suspension;
  return suspensionEdits({ environment, until, reason });
}

function isSame(one: EnvironmentSuspension | undefined, other: EnvironmentSuspension | undefined): boolean {
  return (one === undefined) === (other === undefined) && one?.until === other?.until && one?.reason === other?.reason;
}
