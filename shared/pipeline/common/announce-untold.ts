import { describeError } from '../../base/errors.ts';
import { projectAt, type GitHostConfig, type RepositoryThere } from '../../config/git-hosts.ts';
import { decodeToldCommits, leftUntold, toldCommitsPath } from '../../notices/told-commits.ts';
import type { Ports } from '../../ports/ports.ts';
import { announceCommit } from './announce-commit.ts';
import { ageOf, readState, valueOrNone } from './read-state.ts';

/**
 * Announces a commit once more that a Git host could not be told of, as nothing else may happen to it: `fanOut`, which
 * has the host's secret, tells the host all that it does not have. One commit a class, and less and less often where that
 * goes on failing. Never fails.
 */
export async function announceUntold(
  {
    gitHosts,
    repositories,
  }: { gitHosts: readonly GitHostConfig[]; repositories: Readonly<Record<string, RepositoryThere>> },
  ports: Pick<Ports, 'state' | 'topics' | 'repository' | 'log' | 'now'>,
): Promise<void> {
  if (gitHosts.length === 0) return;
  for (const [repositoryClass, settings] of Object.entries(repositories)) {
    const hosts = gitHosts.filter((host) => projectAt(host, { ...settings, repositoryClass }) !== undefined);
    try {
      const left = await Promise.all(hosts.map(async ({ name }) => untold({ host: name, repositoryClass }, ports)));
      const commit = left.find((one) => one !== undefined);
      if (commit === undefined) continue;
      const repository = ports.repository(repositoryClass);
      await announceCommit({ repository, commit, previous: null }, ports);
    } catch (error) {
      ports.log('WARNING', 'what a Git host was not told of is asked for again', {
        ...{ repository: repositoryClass, error: describeError(error) },
      });
    }
  }
}

async function untold(
  of: { host: string; repositoryClass: string },
  ports: Pick<Ports, 'state' | 'log'>,
): Promise<string | undefined> {
  const found = await readState({ path: toldCommitsPath(of), decode: decodeToldCommits }, ports);
  const told = valueOrNone(found);
  return found === undefined || told === undefined ? undefined : leftUntold(told, ageOf(found));
}
