import { ConvergeError } from '../../../base/errors.ts';
import { environmentPath, environmentsFolder, type Environment } from '../../../environment/environment-file.ts';
import { massRemoval, mayBeRenamed, previousNamesIn } from '../../../environment/previous-names.ts';
import { ownsNothing } from '../../../memory/owns-nothing.ts';
import type { Commit, Repository } from '../../../ports/git.ts';
import { listEnvironments, readEnvironment } from '../../common/declared-environments.ts';
import { recallMemories, rememberedEnvironments } from '../../common/remembered-environments.ts';
import type { Run } from '../run/run.ts';

/** An environment as one commit declares it. */
export interface DeclaredAt {
  readonly commit: Commit['id'];
  readonly environment: Environment;
}

/** The text of every environment file of a commit, by name. */
export async function environmentFiles({
  repository,
  commit,
}: {
  repository: Repository;
  commit: string;
}): Promise<ReadonlyMap<string, string>> {
  const names = await listEnvironments({ repository, commit });
  const texts = await Promise.all(
    names.map(
      async (name) =>
        [
          name,
          Buffer.from((await repository.readFile({ commit, path: environmentPath(name) })) ?? []).toString('utf8'),
        ] as const,
    ),
  );
  return new Map(texts);
}

/**
 * Whether somebody else sees to a removed environment's objects: one that had its name before, or one whose file may
 * say so.
 */
export async function isRenamed(run: Run, commit: Commit): Promise<boolean> {
  const files = await environmentFiles({ repository: run.ports.repository(run.repository), commit: commit.id });
  return mayBeRenamed({ name: run.environment, previousNames: previousNamesIn(files) });
}

/**
 * Refuses to take a file for removed that is not, or that went with more than half of all the others that own
 * anything, where its own does, or with the history of its branch.
 *
 * Throws `RemovalGuarded` (refuse).
 */
export async function assertRemoved(run: Run, commit: Commit): Promise<void> {
  const { ports, environment } = run;
  const repository = ports.repository(run.repository);
  const file = environmentPath(environment);
  const entry = await repository.entry({ commit: commit.id, path: file });
  if (entry !== undefined)
    throw guarded(file, {
      message: `is a ${entry.kind}, and no file: nothing is released or deleted`,
      remedy: 'make it a file, or remove it',
    });

  const folder = await repository.entry({ commit: commit.id, path: environmentsFolder });
  if (folder !== undefined && folder.kind !== 'folder') {
    throw guarded(environmentsFolder, {
      message: `is a ${folder.kind}, and no folder: nothing is released or deleted`,
      remedy: 'make it a folder with the files in it',
    });
  }
  const { attempted } = run.memoryFile.memory();
  if (
    attempted !== undefined &&
    !(await repository.isAncestor({ ancestor: attempted.commit, descendant: commit.id }))
  ) {
    const message = `is not in the branch as it was rewritten by force: ${attempted.revision} is no ancestor of ${commit.id}; nothing is released or deleted`;
    throw guarded(file, { message, remedy: 'commit the file, and remove it again' });
  }
  if (ownsNothing(run.memoryFile.memory())) return;
  const files = await environmentFiles({ repository, commit: commit.id });
  const known = [
    ...new Set([
      ...files.keys(),
      ...(await rememberedEnvironments({ repository: run.repository, state: ports.state })),
    ]),
  ];
  const { claims } = previousNamesIn(files);
  const removed = known.filter((name) => !files.has(name) && !claims.has(name));
  const mass = massRemoval({ known, removed }) === undefined ? undefined : await massOfOwners(run, { known, removed });
  if (mass !== undefined) throw guarded(file, { message: mass });
}

/** With what owns nothing, nothing goes: it counts for no mass. */
async function massOfOwners(
  { repository, ports }: Run,
  { known, removed }: { known: readonly string[]; removed: readonly string[] },
): Promise<string | undefined> {
  const remembered = await recallMemories({ repository }, ports);
  const isEmpty = (name: string): boolean => {
    const recalled = remembered.get(name);
    return recalled !== undefined && recalled.unreadable === undefined && ownsNothing(recalled.memory);
  };
  const gone = new Set(removed.filter(isEmpty));
  return massRemoval({
    known: known.filter((name) => !gone.has(name)),
    removed: removed.filter((name) => !gone.has(name)),
  });
}

function guarded(subject: string, { message, remedy }: { message: string; remedy?: string }): ConvergeError {
  return new ConvergeError({
    code: 'RemovalGuarded',
    subject,
    message,
    ...(remedy === undefined ? {} : { remedy }),
    disposition: 'refuse',
  });
}

/**
 * The environment as the last run saw it: at the commit attempted last, or, where that does not parse, at the one that
 * converged last.
 */
export async function lastAttempted(run: Run): Promise<DeclaredAt | undefined> {
  const { attempted, converged } = run.memoryFile.memory();
  const repository = run.ports.repository(run.repository);
  for (const commit of [attempted?.commit, converged?.commit]) {
    if (commit === undefined) continue;
    const declared = await readEnvironment({ repository, commit, name: run.environment });
    if (declared.state === 'declared') return { commit, environment: declared.environment };
  }
  return undefined;
}

/** How far before the last attempt its history is searched, in milliseconds: clocks differ. */
const earlier = 86_400_000;

/**
 * The last version of the file on the branch before it was removed that is not wrong, which no run may have seen;
 * undefined where that is older than the last attempt.
 */
export async function lastVersion(run: Run, head: Commit): Promise<Environment | undefined> {
  const { attempted } = run.memoryFile.memory();
  if (attempted === undefined) return undefined;
  const since = new Date(new Date(attempted.at).getTime() - earlier);
  const repository = run.ports.repository(run.repository);
  const history = await repository.history({ from: head.id, since });
  const commits = new Map(history.map((commit) => [commit.id, commit]));
  for (
    let at = commits.get(head.id);
    at !== undefined && at.id !== attempted.commit;
    at = commits.get(at.parents[0] ?? '')
  ) {
    const declared = await readEnvironment({ repository, commit: at.id, name: run.environment });
    if (declared.state === 'declared') return declared.environment;
  }
  return undefined;
}

/** No commit is older, whatever its clock said. */
const firstDate = new Date(-8.64e15);

/** The last commit of the branch at which the environment was declared, and could be read. */
export async function lastDeclared(run: Run, head: Commit): Promise<Commit | undefined> {
  const repository = run.ports.repository(run.repository);
  for (const commit of await repository.history({ from: head.id, since: firstDate })) {
    const declared = await readEnvironment({ repository, commit: commit.id, name: run.environment });
    if (declared.state === 'declared') return commit;
  }
  return undefined;
}

/**
 * Whether an environment was ever declared on the branch: at one of the commits that are known of it, or at any other.
 *
 * @param known commits at which it may have been there, which save a walk through all of the history
 */
export async function wasDeclared(
  run: Pick<Run, 'repository' | 'ports'>,
  { name, head, known }: { name: string; head: string; known: readonly string[] },
): Promise<boolean> {
  const repository = run.ports.repository(run.repository);
  const isThere = async (commit: string) =>
    (await repository.readFile({ commit, path: environmentPath(name) })) !== undefined;
  for (const commit of new Set(known)) {
    if ((await repository.isAncestor({ ancestor: commit, descendant: head })) && (await isThere(commit))) return true;
  }
  for (const { id } of await repository.history({ from: head, since: firstDate })) {
    if (await isThere(id)) return true;
  }
  return false;
}
