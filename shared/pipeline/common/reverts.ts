import type { Commit } from '../../ports/git.ts';
import { parseRevert, revertedTo } from '../../source/revert.ts';

/** The commit that another one takes back, as it says, of this environment or of all: what was taken back, by whom. */
export function revertsIn({
  commits,
  environment,
}: {
  commits: readonly Commit[];
  environment: string;
}): ReadonlyMap<string, string> {
  return new Map(
    commits.toReversed().flatMap(({ id, message }) => {
      const revert = parseRevert(message);
      const by = revertedTo(message);
      const isOfIt = revert.environment === undefined || revert.environment === environment;
      const reverts = by !== undefined && 'before' in by ? [by.before] : isOfIt ? revert.reverts : [];
      return reverts.map((reverted) => [reverted, id] as const);
    }),
  );
}
