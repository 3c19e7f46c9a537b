import { z } from 'zod';
import { ConvergeError } from '../../base/errors.ts';
import { environmentPath, parseEnvironmentFile, type Environment } from '../../environment/environment-file.ts';
import type { Commit, Repository } from '../../ports/git.ts';
import type { Ports } from '../../ports/ports.ts';
import { actionMessage } from '../../source/action-message.ts';
import { fileDiff } from '../../source/file-diff.ts';
import { editYaml, UneditableYaml, type YamlEdit } from '../../yaml/edit-yaml.ts';
import { announceCommit } from '../common/announce-commit.ts';
import { commitOnBranch, type OnHead } from '../common/commit-on-branch.ts';
import { readEnvironment } from '../common/declared-environments.ts';
import { fetchBranch } from '../common/fetch-branch.ts';

export type ChangePorts = Pick<Ports, 'now' | 'sleep' | 'repository' | 'state' | 'topics'>;

/** What became of an action that changes the file of an environment. */
export const changedFileSchema = z.object({
  outcome: z.enum(['done', 'planned', 'nothing']).describe('`nothing`: the file says so already'),
  repository: z.string().describe('The class'),
  environment: z.string(),
  path: z.string().describe('The file that changes'),
  commit: z.string().nullable().describe('Null where none was made'),
  message: z.string().nullable().describe('Of the commit, also of one that is only planned'),
  diff: z.string().describe('How the file changes, as diff -u says it; empty where it does not'),
});
export type ChangedFile = Readonly<z.output<typeof changedFileSchema>>;

/** What to change of an environment as its file declares it; undefined: it is so already. */
export type Change = (
  environment: Environment,
) => { readonly subject: string; readonly edits: readonly YamlEdit[] } | undefined;

/**
 * Changes the file of one environment by one commit on top of the branch, and announces it. A branch that moves meanwhile
 * is looked at again.
 *
 * @param request.environment `<class>/<name>`
 * Throws `NotFound` (refuse) where no file declares it, `InvalidEnvironment` (refuse) where that cannot be read, not be
 * changed in place, or not be read afterwards, `UnknownRepository` (refuse), `GitUnavailable`, `StorageUnavailable`, `PubSubUnavailable` (retry).
 */
export async function changeEnvironmentFile(
  request: {
    readonly action: string;
    readonly environment: string;
    readonly by: string;
    readonly reason?: string | undefined;
    readonly dryRun: boolean;
    readonly change: Change;
  },
  ports: ChangePorts,
): Promise<ChangedFile> {
  const [repositoryClass = '', name = ''] = request.environment.split('/');
  const { action, by, reason, dryRun } = request;
  const repository = ports.repository(repositoryClass);
  if ((await fetchBranch({ repository, state: ports.state })) === undefined) throw absent(request.environment);
  const path = environmentPath(name);
  const facts = { repository: repositoryClass, environment: name, path };
  const done = await commitOnBranch<{ diff: string }, Commit>(
    {
      ...{ repository, dryRun },
      async on(head): Promise<OnHead<{ diff: string }, Commit>> {
        const environment = await declaredAt({ repository, head, name, key: request.environment });
        const { text, executable } = await fileAt({ repository, head, path });
        const change = request.change(environment);
        if (change === undefined) return { given: head };
        const after = editEnvironmentFile({ text, path, edits: change.edits });
        return {
          changes: [{ path, content: Buffer.from(after), executable }],
          message: actionMessage({ action, subject: change.subject, environment: name, by, reason }),
          facts: { diff: fileDiff({ path, before: text, after }) },
        };
      },
    },
    ports,
  );
  if (done.outcome === 'given' || done.outcome === 'unchanged') {
    const head = done.outcome === 'given' ? done.given : done.head;
    // Told again: who asked before may have died after the push.
    if (!dryRun) await announceCommit({ repository, commit: head.id, previous: head.parents[0] ?? null }, ports);
    return { ...facts, outcome: 'nothing', commit: null, message: null, diff: '' };
  }
  const { commit, previous, facts: made } = done;
  if (done.outcome === 'pushed') await announceCommit({ repository, commit: commit.id, previous }, ports);
  const isPlanned = done.outcome === 'planned';
  return {
    ...facts,
    outcome: isPlanned ? 'planned' : 'done',
    commit: isPlanned ? null : commit.id,
    message: commit.message,
    diff: made.diff,
  };
}

async function declaredAt({
  repository,
  head,
  name,
  key,
}: {
  repository: Repository;
  head: Commit;
  name: string;
  key: string;
}): Promise<Environment> {
  const declared = await readEnvironment({ repository, commit: head.id, name });
  if (declared.state === 'absent') throw absent(key);
  if (declared.state === 'invalid') throw declared.error;
  return declared.environment;
}

async function fileAt({
  repository,
  head,
  path,
}: {
  repository: Repository;
  head: Commit;
  path: string;
}): Promise<{ text: string; executable: boolean }> {
  const at = { commit: head.id, path };
  const [bytes, entry] = [await repository.readFile(at), await repository.entry(at)];
  return { text: Buffer.from(bytes ?? []).toString('utf8'), executable: entry?.kind === 'executable' };
}

/** The text of an environment file with some edits. Throws `InvalidEnvironment` (refuse) where they cannot be made in place. */
export function editEnvironmentFile({
  text,
  path,
  edits,
}: {
  text: string;
  path: string;
  edits: readonly YamlEdit[];
}): string {
  try {
    const after = editYaml(text, edits);
    parseEnvironmentFile({ file: path, text: after });
    return after;
  } catch (error) {
    if (!(error instanceof UneditableYaml)) throw error;
    throw new ConvergeError({
      code: 'InvalidEnvironment',
      subject: path,
      message: error.message,
      remedy: 'change it by hand, in a commit',
      disposition: 'refuse',
      cause: error,
    });
  }
}

function absent(key: string): ConvergeError {
  return new ConvergeError({
    code: 'NotFound',
    subject: key,
    message: 'no file of the branch declares such an environment',
    remedy: 'converge status lists those that are',
    disposition: 'refuse',
  });
}
