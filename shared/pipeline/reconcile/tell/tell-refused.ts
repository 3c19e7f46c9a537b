import { describeError, refusalOf, type ConvergeError, type ErrorCode } from '../../../base/errors.ts';
import type { Divergence } from '../../../drift/divergence.ts';
import { environmentPath, type Environment } from '../../../environment/environment-file.ts';
import { declaredPaths, inputPaths } from '../../../environment/inputs.ts';
import type { AttemptedRevision } from '../../../memory/memory.ts';
import { nextRetry } from '../../../memory/retry.ts';
import type { Commit } from '../../../ports/git.ts';
import { isAboutBranch } from '../../common/fetch-branch.ts';
import { attemptAt, failedAlike, sameAttempt } from '../run/attempt.ts';
import { noteCause } from '../run/note-cause.ts';
import type { Run } from '../run/run.ts';
import type { RunResult } from '../run/target.ts';
import { diverge } from './tell.ts';

/** What only a commit mends. */
const ofTheCommit: readonly ErrorCode[] = ['InvalidEnvironment', 'RenderFailed', 'DuplicateObject', 'EmptyRender'];

/**
 * Tells a revision that is refused, and why. Throws the error again where a later try may mend it, and where it is
 * about the branch: that is no attempt at this commit, and later ones are still told from the last.
 *
 * @param attempted the commit and its revision
 * @param environment where its file could be read
 */
export async function tellRefused(
  run: Run,
  {
    error,
    attempted,
    environment,
  }: { error: unknown; attempted: AttemptedRevision; environment: Environment | undefined },
): Promise<RunResult> {
  const refused = refusalOf(error, run.key);
  if (refused === undefined || isAboutBranch(error)) throw error;
  if (refused.code === 'Unforeseen')
    run.ports.log('ERROR', 'a run met an error that nobody foresaw', {
      environment: run.key,
      error: describeError(refused),
      stack: refused.cause instanceof Error ? refused.cause.stack : undefined,
    });
  const { commit, revision } = attempted;
  const memory = run.memoryFile.memory();
  const { paths, isAll } = inputsOf(run, { refused, environment });
  if (run.head !== undefined) await noteCause(run, { commit: run.head, paths, isAll });
  // Where not all of them are known, any commit may mend it.
  const known = await attemptAt(run, { commit: { id: commit }, revision, paths: isAll ? paths : [''] });
  const retry = ofTheCommit.includes(refused.code)
    ? nextRetry({
        ...{ last: memory.retry, revision, healing: false },
        isSame: await failedAlike(run, { memory, commit: { id: commit } }),
        ...{ by: { event: run.settings.event, cause: run.cause }, now: run.ports.now() },
      })
    : undefined;
  const divergence: Divergence = {
    reason: refused.code === 'EmptyRender' ? 'Guarded' : 'Failed',
    revision,
    summary: refused.code === 'UntrustedRevision' ? `${refused.code}: ${refused.message}` : refused.message,
    objects: [],
  };
  const { at } = sameAttempt(run, known);
  return diverge(run, { environment, retry, attempted: { ...known, at }, divergence });
}

/** What a refusal is made of, and whether only a change of that mends it: a file that is wrong is all that was read. */
function inputsOf(
  run: Run,
  { refused: { reads }, environment }: { refused: ConvergeError; environment: Environment | undefined },
): { readonly paths: readonly string[]; readonly isAll: boolean } {
  if (environment === undefined) return { paths: [environmentPath(run.environment)], isAll: true };
  return reads === undefined
    ? { paths: declaredPaths(environment), isAll: false }
    : { paths: inputPaths({ environment, reads }), isAll: true };
}

/**
 * Tells a revision whose signature is not accepted. Nothing of it is believed, its environment file neither. Any other
 * commit may mend it.
 */
export async function tellDistrusted(
  run: Run,
  { commit, revision, distrust }: { commit: Commit; revision: string; distrust: ConvergeError },
): Promise<RunResult> {
  const attempted = sameAttempt(run, await attemptAt(run, { commit, revision, paths: [''] }));
  run.ports.log('WARNING', 'refused a revision', {
    code: distrust.code,
    environment: run.key,
    revision,
    error: distrust.message,
  });
  await noteCause(run, { commit, paths: [''], isAll: true });
  const divergence: Divergence = {
    reason: 'Failed',
    revision,
    summary: `${distrust.code}: ${distrust.message}`,
    objects: [],
  };
  return diverge(run, { environment: undefined, attempted, divergence });
}
