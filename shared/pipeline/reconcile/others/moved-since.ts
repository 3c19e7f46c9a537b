import { environmentPath } from '../../../environment/environment-file.ts';
import { declaredPaths } from '../../../environment/inputs.ts';
import type { Memory } from '../../../memory/memory.ts';
import { isKustomization, pathsUpwards, joined } from '../../../environment/kustomization-paths.ts';
import type { Repository } from '../../../ports/git.ts';
import { readEnvironment } from '../../common/declared-environments.ts';
import { readInputs } from '../../common/render-inputs.ts';

/**
 * Whether an environment that cannot be asked what it wants may want other objects at a commit than at an earlier one:
 * whether its file, what that names or what it is known to read beside differs between them. True where the earlier
 * commit is not known.
 *
 * @param memory of that environment
 */
export async function mayWantMore({
  repository,
  name,
  memory,
  since,
  commit,
}: {
  repository: Repository;
  name: string;
  memory: Memory;
  since: string | undefined;
  commit: string;
}): Promise<boolean> {
  if (since === undefined) return true;
  if (since === commit) return false;
  // What a rewritten branch left behind tells nothing, and may be nowhere any more.
  if (!(await repository.isAncestor({ ancestor: since, descendant: commit }))) return true;
  // A failed attempt names the whole repository among its inputs.
  const known = [memory.converged, memory.attempted]
    .flatMap((attempt) => Object.keys(attempt?.inputs ?? {}))
    .filter((path) => path !== '');
  const declared = await Promise.all([since, commit].map(async (at) => pathsAt({ repository, name, commit: at })));
  const paths = [...new Set([environmentPath(name), ...known, ...declared.flat()])];
  const [before, now] = await Promise.all(
    [since, commit].map(async (at) => readInputs({ repository, commit: at, paths })),
  );
  return paths.some((path) => before?.[path] !== now?.[path]);
}

/** What its file names at a commit, as far as that can be read, and what Kustomize reads beside it. */
async function pathsAt({
  repository,
  name,
  commit,
}: {
  repository: Repository;
  name: string;
  commit: string;
}): Promise<string[]> {
  const declared = await readEnvironment({ repository, commit, name });
  if (declared.state !== 'declared') return [];
  const { environment } = declared;
  const overlays = environment.sources.flatMap((source) => (source.kind === 'kustomize' ? [source.folder] : []));
  return await withLinked({
    repository,
    commit,
    paths: [...declaredPaths(environment), ...(await basesOf({ repository, commit, overlays }))],
  });
}

/** As many paths are followed; where links lead to more, the whole repository stands for them. */
const followed = 200;

/** The paths, and those that links on the way to them or below them lead to. */
async function withLinked({
  repository,
  commit,
  paths,
}: {
  repository: Repository;
  commit: string;
  paths: readonly string[];
}): Promise<string[]> {
  const seen = new Set(paths);
  // A set goes on with what is added meanwhile.
  for (const path of seen) {
    const parts = path.split('/');
    const onTheWay = await Promise.all(
      parts.map(async (_part, index) => repository.entry({ commit, path: parts.slice(0, index + 1).join('/') })),
    );
    const below = onTheWay.at(-1)?.kind === 'folder' ? await repository.files({ commit, folder: path }) : [];
    for (const link of [...onTheWay, ...below]) {
      if (link?.kind !== 'symlink') continue;
      const target = (await repository.readLink({ commit, path: link.path })) ?? '';
      const led = joined([
        ...link.path.split('/').slice(0, -1),
        ...target.split('/'),
        ...(path.startsWith(`${link.path}/`) ? path.slice(link.path.length + 1).split('/') : []),
      ]);
      if (led !== undefined && !target.startsWith('/')) seen.add(led);
      if (seen.size > followed) return [...seen, ''];
    }
  }
  return [...seen];
}

/** The folders and files beside the overlays that their kustomizations name, and theirs. */
async function basesOf({
  repository,
  commit,
  overlays,
}: {
  repository: Repository;
  commit: string;
  overlays: readonly string[];
}): Promise<string[]> {
  const seen = new Set(overlays);
  // A set goes on with what is added meanwhile.
  for (const folder of seen) {
    const files = (await repository.files({ commit, folder })).filter(({ path }) => isKustomization(path));
    for (const { path } of files) {
      const text = Buffer.from((await repository.readFile({ commit, path })) ?? []).toString('utf8');
      for (const named of pathsUpwards({ path, text })) seen.add(named);
    }
  }
  return [...seen];
}
