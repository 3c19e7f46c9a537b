import { commitOf, isObjectId, shortRevision } from '../base/revision.ts';
import { oneLine, trailersOf } from './commit-message.ts';
import { shownPath } from './path-bytes.ts';

/** What stands at a path of a tree: its kind and Git object id. */
export interface TreeFile {
  readonly kind: 'file' | 'executable' | 'symlink' | 'folder' | 'submodule';
  readonly id: string;
}

/** A path that the commits to be reverted changed: what stood there before them, after them, and stands there now. */
export interface ChangedPath {
  readonly path: string;
  readonly to: TreeFile | undefined;
  readonly from: TreeFile | undefined;
  readonly head: TreeFile | undefined;
}

/** An environment and the files and folders that it is made of. */
export interface Reader {
  readonly environment: string;
  readonly paths: readonly string[];
}

export type RevertConflict = { readonly path: string } &
  /** Environments that are not to be rolled back are made of it, too. */
  (
    | { readonly reason: 'shared'; readonly with: readonly string[] }
    /** Somebody changed it after the commits that are to be reverted. */
    | { readonly reason: 'changed-after' }
    /** An environment's own file, which was added since: without it, its objects would be released or deleted. */
    | { readonly reason: 'removes-environment'; readonly environment: string }
    /** A link or a submodule, which a commit of Converge cannot hold. */
    | { readonly reason: 'no-file'; readonly kind: TreeFile['kind'] }
  );

export interface RevertPlan {
  /** The paths that change: to what they were, or to nothing. A file that replaces a folder stands for all below it. */
  readonly restore: readonly { readonly path: string; readonly to: TreeFile | undefined }[];
  readonly conflicts: readonly RevertConflict[];
}

/**
 * What a revert does to a branch: each path that the reverted commits changed goes back, and all others stay as they
 * are. As in a `git revert`, a path is a conflict where it is no longer what those commits made of it; here even where
 * its lines could be merged, because nobody would look at the outcome before it is deployed.
 *
 * @param facts.readers the environments that are not to be rolled back
 * @param facts.environmentAt the name of the environment that a path declares
 */
export function planRevert({
  changed,
  readers,
  environmentAt,
}: {
  changed: readonly ChangedPath[];
  readers: readonly Reader[];
  environmentAt: (path: string) => string | undefined;
}): RevertPlan {
  const due = changed.filter(({ to, head }) => !isSame(to, head));
  const restore = due.map(({ path, to }) => ({ path, to: to?.kind === 'folder' ? undefined : to }));
  const files = new Set(restore.flatMap(({ path, to }) => (to === undefined ? [] : [path])));
  return {
    restore: restore.filter(({ path, to }) => to !== undefined || !isBelowAny(path, files)),
    conflicts: due.flatMap(conflictOf),
  };

  function conflictOf({ path, to, from, head }: ChangedPath): RevertConflict[] {
    if (!isSame(from, head)) return [{ path, reason: 'changed-after' }];
    if (to?.kind === 'symlink' || to?.kind === 'submodule') return [{ path, reason: 'no-file', kind: to.kind }];
    const environment = environmentAt(path);
    if (environment !== undefined && to === undefined) return [{ path, reason: 'removes-environment', environment }];
    const sharing = readers
      .filter((reader) => reader.paths.some((read) => overlaps(read, path)))
      .map((reader) => reader.environment);
    return sharing.length === 0 ? [] : [{ path, reason: 'shared', with: sharing.toSorted() }];
  }
}

function isSame(one: TreeFile | undefined, other: TreeFile | undefined): boolean {
  return one?.kind === other?.kind && one?.id === other?.id;
}

function isBelowAny(path: string, files: ReadonlySet<string>): boolean {
  return path.split('/').some((_part, index, parts) => index > 0 && files.has(parts.slice(0, index).join('/')));
}

/** Whether one path is the other, or lies in it; the empty one is the root. */
function overlaps(one: string, other: string): boolean {
  return one === '' || one === other || other.startsWith(`${one}/`) || one.startsWith(`${other}/`);
}

/** For people: `charts/shop/values.yaml is an input of globex, too`. */
export function conflictWords(conflict: RevertConflict): string {
  const path = shownPath(conflict.path);
  switch (conflict.reason) {
    case 'shared':
      return `${path} is an input of ${conflict.with.join(', ')}, too`;
    case 'changed-after':
      return `${path} was changed again after that`;
    case 'removes-environment':
      return `${path} was not there yet: the environment ${conflict.environment} would be removed`;
    case 'no-file':
      return `${path} was a ${conflict.kind}, which only git can bring back`;
  }
}

/** What a commit that reverts others says of itself. */
export interface RevertFacts {
  /** The environment whose inputs go back; undefined for the whole repository, which `what` then names. */
  readonly environment: string | undefined;
  readonly what: string;
  /** Revisions: what was there before, and where it goes back to. */
  readonly from: string;
  readonly to: string;
  /** The commits that are undone, newest first. */
  readonly reverts: readonly { readonly id: string; readonly message: string }[];
  readonly reason: string | undefined;
  readonly incident: string | undefined;
  readonly by: string;
}

/** Characters of a value, and of a quoted subject: git's own messages stay below 72 in most cases. */
const valueLength = 500;
const quotedLength = 60;

/** The message of a commit that reverts others: git's own words for a single one, and trailers. */
export function revertMessage({ environment, what, from, to, reverts, reason, incident, by }: RevertFacts): string {
  const [first, ...others] = reverts;
  const subject =
    first !== undefined && others.length === 0
      ? `Revert "${oneLine(subjectOf(first.message), quotedLength)}"`
      : `Roll back ${what} to ${shortRevision(to)}`;
  const again =
    environment === undefined
      ? 'The whole tree is again what it was at'
      : `The inputs of ${environment} are again what they were at`;
  const optional = (trailer: string, value: string | undefined): string[] => {
    const line = oneLine(value ?? '', valueLength);
    return line === '' ? [] : [`${trailer}: ${line}`];
  };
  const trailers = [
    ...reverts.map(({ id }) => `Reverts: ${id}`),
    ...optional('Environment', environment),
    `Rolled-Back-From: ${from}`,
    `Rolled-Back-To: ${to}`,
    ...optional('Reason', reason),
    ...optional('Incident', incident),
    ...optional('Rolled-Back-By', by),
  ];
  return `${subject}\n\n${again}\n${to}.\n\n${trailers.join('\n')}\n`;
}

/** Who asks for what `rollback.onFailure` does. */
export const byItself = 'Converge (rollback.onFailure)';

/** What the trailers of a commit say that reverts others; all empty for any other. */
export interface Revert {
  readonly reverts: readonly string[];
  readonly environment: string | undefined;
  /** Revisions. */
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly by: string | undefined;
}

export function parseRevert(message: string): Revert {
  const valuesOf = trailersOf(message);
  return {
    reverts: valuesOf('Reverts').filter((id) => /^[0-9a-f]{40}$/.test(id)),
    environment: valuesOf('Environment')[0],
    from: valuesOf('Rolled-Back-From')[0],
    to: valuesOf('Rolled-Back-To')[0],
    by: valuesOf('Rolled-Back-By')[0],
  };
}

/**
 * The commit that a revert goes back to, as it says; undefined for a commit that is none. git's own words name what was
 * reverted, of which that is the parent.
 */
export function revertedTo(message: string): { readonly commit: string } | { readonly before: string } | undefined {
  const { to } = parseRevert(message);
  const commit = to === undefined ? undefined : commitOf(to);
  if (commit !== undefined && isObjectId(commit)) return { commit };
  const [, before] = /^This reverts commit ([0-9a-f]{40})\b/m.exec(message) ?? [];
  return before === undefined ? undefined : { before };
}

/** The first line of a message. */
export function subjectOf(message: string): string {
  return message.trimStart().split('\n')[0] ?? '';
}
