import type { Commit } from '../../ports/git.ts';
import { oneLine } from '../../source/commit-message.ts';
import { branchMissing, gitUnavailable, unreadable } from './errors.ts';
import { depths } from './history.ts';
import { branchRefOf, renewIfLarge, type Origin } from './origin.ts';

/**
 * Where the branch is; undefined only where the host has no branch at all. Throws `BranchMissing` (refuse) where it has
 * others.
 */
export async function branchTip(origin: Origin): Promise<string | undefined> {
  const { host, url, branch, repositoryClass } = origin;
  const branchRef = branchRefOf(origin);
  const tip = await host.readRef(branchRef);
  if (tip !== undefined) return tip;
  const branches = await host.listRefs(['refs/heads/']);
  if (branches.size === 0 || branches.has(branchRef)) return branches.get(branchRef);
  throw branchMissing({
    url,
    branch,
    repositoryClass,
    others: [...branches.keys()].map((name) => name.slice('refs/heads/'.length)).sort(),
  });
}

/**
 * Brings the tip of a ref and its tree here; of the branch without files, of which few are read. Undefined and throwing as `branchTip`; undefined for another ref that the
 * host has not.
 */
export async function fetchRef(origin: Origin, name: string): Promise<Commit | undefined> {
  await renewIfLarge(origin);
  const advertised = await (name === branchRefOf(origin) ? branchTip(origin) : origin.host.readRef(name));
  return advertised === undefined ? undefined : await fetchTip(origin, { name, advertised });
}

/** Brings the commit and the tree here that a ref of the host was at a moment ago. */
export async function fetchTip(
  origin: Origin,
  { name, advertised }: { name: string; advertised: string },
): Promise<Commit> {
  const { clone, history, fetchedRefs } = origin;
  // Most looks find a ref that has not moved. What of its tree is not here, `reading` brings.
  const known = await history.read(advertised);
  if (known !== undefined) return known;
  // A host leaves out what is here only where it meets a commit that is here, too, on its way back from the tip: at
  // depth 1 it would send the whole tree for each commit.
  const wanted: TipWanted = {
    commit: advertised,
    depth: fetchedRefs.has(name) ? depths[0] : 1,
    filter: name === branchRefOf(origin) ? 'blob:none' : undefined,
  };
  const fetched = await clone.fetchTo(wanted);
  if (fetched !== 'fetched') return await fetchRefused(origin, { name, wanted, ...fetched });
  fetchedRefs.add(name);
  return history.fetched(advertised);
}

type TipWanted = Parameters<Origin['clone']['fetchTo']>[0];

/**
 * A ref that moved meanwhile is looked at again; a host that does not serve what its ref is at, now as before, cannot
 * read it itself.
 */
async function fetchRefused(
  { host, clone, history, url }: Origin,
  { name, wanted, refused }: { name: string; wanted: TipWanted; refused: string },
): Promise<Commit> {
  const isStill = (await host.readRef(name)) === wanted.commit;
  const again = isStill ? await clone.fetchTo(wanted) : { refused };
  if (again === 'fetched') return history.fetched(wanted.commit);
  if (!isStill) throw gitUnavailable({ subject: url, message: `the Git host says: ${again.refused}` });
  throw unreadable({
    url,
    type: 'commit',
    id: wanted.commit,
    problem: `is where ${name} is, and the Git host does not serve it: ${oneLine(again.refused, 300)}`,
  });
}
