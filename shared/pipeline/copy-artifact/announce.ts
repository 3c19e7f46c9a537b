import { encodeChangeCommitted } from '../../events/change-committed.ts';
import type { ArtifactId } from '../../source/artifact.ts';
import type { Ports } from '../../ports/ports.ts';
import type { Commit, Repository } from '../../ports/git.ts';

/** Sent before the ledger says that anything of the commit is in Git: until then each of its objects makes that it is sent again. */
export async function announce({
  commit,
  artifacts,
  repository,
  ports,
}: {
  commit: Commit;
  artifacts: readonly ArtifactId[];
  repository: Repository;
  ports: Pick<Ports, 'topics' | 'now'>;
}): Promise<void> {
  const { repositoryClass, url, branch } = repository;
  const previous = commit.parents[0] ?? null;
  const named = artifacts.map(({ bucket, name, generation }) => ({ bucket, name, generation }));
  const change = { repository: repositoryClass, url, branch, commit: commit.id, previous, artifacts: named };
  await ports.topics.publish('change-committed', encodeChangeCommitted(change, ports.now()));
}
