import { ConvergeError } from '../../base/errors.ts';
import { encodeUploadAlert, type UnusedFile } from '../../events/upload-alert.ts';
import type { ChangeCommitted } from '../../events/change-committed.ts';
import type { Ports } from '../../ports/ports.ts';
import type { Repository } from '../../ports/git.ts';
import { artifactUri, pathOfArtifact, type ArtifactId } from '../../source/artifact.ts';
import type { Recalled } from './remembered-environments.ts';
import { isUsed, rememberedPaths, unusedAt, usedPaths } from './unused-files.ts';

const mostNamed = 20;

/**
 * Tells, in one alert for a commit of uploads, of what of them nothing comes. Looks at the head of the branch: what
 * went from there since is nobody's trouble.
 */
export async function tellUnused(
  {
    change: { artifacts, commit },
    head,
    repository,
    remembered,
  }: {
    change: ChangeCommitted;
    head: string;
    repository: Repository;
    remembered: ReadonlyMap<string, Recalled>;
  },
  { topics, now }: Pick<Ports, 'topics' | 'now'>,
): Promise<readonly UnusedFile[]> {
  if (artifacts.length === 0) return [];
  const found = await findUnused({ artifacts, head, repository, remembered });
  const [first, ...others] = found.filter(({ unused }) => unused.length > 0);
  if (first === undefined) return [];
  const unused = [first, ...others].flatMap((one) => one.unused);
  const data = {
    ...{ repository: repository.repositoryClass, artifact: artifactUri(first.artifact), incident: null, since: null },
    ...{ outcome: 'committed' as const, commit, unused: unused.slice(0, mostNamed) },
    omitted: Math.max(0, unused.length - mostNamed),
  };
  await topics.publish('converged', encodeUploadAlert({ topic: 'converged', data }, now()));
  return unused;
}

/** Nothing where nobody can read it, or it is too large to be: the environments that are made of it tell that. */
async function findUnused({
  artifacts,
  head,
  repository,
  remembered,
}: {
  artifacts: readonly ArtifactId[];
  head: string;
  repository: Repository;
  remembered: ReadonlyMap<string, Recalled>;
}): Promise<readonly { readonly artifact: ArtifactId; readonly unused: readonly UnusedFile[] }[]> {
  const paths = rememberedPaths(remembered);
  const inDoubt = artifacts.flatMap((artifact) => {
    const path = pathOfArtifact(artifact);
    return path === undefined || isUsed(path, { paths }) ? [] : [{ artifact, path }];
  });
  // The files of a thousand environments are read for nothing, most often.
  if (inDoubt.length === 0) return [];
  try {
    const used = await usedPaths({ repository, commit: head, remembered });
    const found: { artifact: ArtifactId; unused: readonly UnusedFile[] }[] = [];
    for (const { artifact, path } of inDoubt)
      found.push({ artifact, unused: await unusedAt({ repository, commit: head, path, used }) });
    return found;
  } catch (error) {
    if (error instanceof ConvergeError && error.disposition === 'refuse') return [];
    throw error;
  }
}
