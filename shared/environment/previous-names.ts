import { ConvergeError } from '../base/errors.ts';
import { environmentPath, parseEnvironmentFile } from './environment-file.ts';
import { hiddenWords } from './hidden-words.ts';

/** Which environments of a commit had which names before. */
export interface PreviousNames {
  /** The environments that say so, sorted, by the earlier name. */
  readonly claims: ReadonlyMap<string, readonly string[]>;
  /** The text of each file that cannot be read, by its environment: it may say so, too. */
  readonly unreadable: ReadonlyMap<string, string>;
}

/** @param files the text of each environment file of a commit, by the environment's name */
export function previousNamesIn(files: ReadonlyMap<string, string>): PreviousNames {
  const claims = new Map<string, string[]>();
  const unreadable = new Map<string, string>();
  for (const [environment, text] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    try {
      for (const name of parseEnvironmentFile({ file: environmentPath(environment), text }).previousNames)
        claims.set(name, [...(claims.get(name) ?? []), environment]);
    } catch (error) {
      if (!(error instanceof ConvergeError)) throw error;
      unreadable.set(environment, text);
    }
  }
  return { claims, unreadable };
}

/** Whether an environment was renamed, or a file that cannot be read may say that it was. */
export function mayBeRenamed({
  name,
  previousNames: { claims, unreadable },
}: {
  name: string;
  previousNames: PreviousNames;
}): boolean {
  return (
    claims.has(name) ||
    [...unreadable.values()].some(
      (text) => hiddenWords(text) !== undefined || (text.includes('previousNames') && text.includes(name)),
    )
  );
}

/** Fewer environments than this are no mass. */
const massEnvironments = 10;

/**
 * Why an environment whose file is gone is left alone all the same, or undefined: where more than half of ten or more
 * are gone at once, the folder has vanished rather than the environments.
 *
 * @param known every environment that is declared or remembered
 * @param removed those of them that are no longer declared, nor were renamed
 */
export function massRemoval({
  known,
  removed,
}: {
  known: readonly string[];
  removed: readonly string[];
}): string | undefined {
  if (known.length < massEnvironments || removed.length <= known.length / 2) return undefined;
  return `the files of ${removed.length} of ${known.length} environments are gone at once, more than half: nothing is released or deleted; restore them, and remove at most half at a time`;
}
