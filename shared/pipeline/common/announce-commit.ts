import { encodeChangeCommitted } from '../../events/change-committed.ts';
import type { ArtifactId } from '../../source/artifact.ts';
import type { Ports } from '../../ports/ports.ts';
import type { Repository } from '../../ports/git.ts';

/**
 * Announces a commit of a repository's branch. Whoever announces it, and however often, a webhook too: it is the same
 * event.
 */
export async function announceCommit(
  {
    repository: { repositoryClass, url, branch },
    commit,
    previous,
    artifacts = [],
  }: {
    repository: Pick<Repository, 'repositoryClass' | 'url' | 'branch'>;
    commit: string;
    previous: string | null;
    artifacts?: readonly ArtifactId[];
  },
  { topics, now }: Pick<Ports, 'topics' | 'now'>,
): Promise<void> {
  const named = artifacts.map(({ bucket, name, generation }) => ({ bucket, name, generation }));
  const change = { repository: repositoryClass, url, branch, commit, previous, artifacts: named };
  await topics.publish('change-committed', encodeChangeCommitted(change, now()));
}
