import type { Clone, Fetched } from './clone.ts';
import { gitUnavailable } from './errors.ts';
import { depths } from './history.ts';

/** Ids that one request names, of some fifty bytes each: hosts read ten megabytes of a request. */
const idsOfRequest = 16_384;

/** Objects that are to be here. */
export interface Wanted {
  readonly type: 'tree' | 'blob';
  readonly ids: Iterable<string>;
}

/**
 * What brings objects that a filter left out, by their ids, many in one request. One that is not here afterwards, the
 * host does not have: it reads as `GitUnavailable`, never as absent. Throws that where the host serves none of them.
 */
export function createMissing({ clone, url }: { clone: Clone; url: string }): (wanted: Wanted) => Promise<void> {
  const line: Line = { clone, servesIds: false, wholeDepths: [1, ...depths] };
  return async ({ type, ids }) => {
    const missing = [...new Set(ids)].filter((id) => !clone.has(id));
    for (let next = 0; next < missing.length; next += idsOfRequest) {
      const some = missing.slice(next, next + idsOfRequest).filter((id) => !clone.has(id));
      const fetched = some.length === 0 ? 'fetched' : await fetchSome(line, { type, ids: some });
      if (fetched === 'fetched') continue;
      throw gitUnavailable({
        subject: url,
        message: `the Git host does not serve the ${type} ${some[0]}: ${fetched.refused}`,
        remedy: 'see what git fsck says of the repository',
      });
    }
  };
}

interface Line {
  readonly clone: Clone;
  /** Whether the host did so before. */
  servesIds: boolean;
  /** How deep history may yet have to be brought whole; none of it where the host serves ids. */
  wholeDepths: readonly number[];
}

async function fetchSome(
  line: Line,
  { type, ids }: { type: Wanted['type']; ids: readonly string[] },
): Promise<Fetched> {
  const { clone } = line;
  // A tree that is wanted comes with all below it, unless trees are left out; not every host can leave out those.
  const fetched = await clone.fetchObjects({ ids, filter: type === 'tree' ? 'tree:0' : 'blob:none' });
  const served =
    fetched !== 'fetched' && type === 'tree' ? await clone.fetchObjects({ ids, filter: 'blob:none' }) : fetched;
  if (served === 'fetched') line.servesIds = true;
  return served === 'fetched' || line.servesIds ? served : await fetchWhole(line, ids);
}

/** The newest commits first: what is read is mostly theirs. What else is named here is behind them. */
async function fetchWhole(line: Line, ids: readonly string[]): Promise<Fetched> {
  for (const depth of line.wholeDepths) {
    const fetched = await line.clone.fetchWhole({ depth });
    if (fetched !== 'fetched') return fetched;
    line.wholeDepths = line.wholeDepths.filter((other) => other > depth);
    if (ids.every((id) => line.clone.has(id))) break;
  }
  return 'fetched';
}
