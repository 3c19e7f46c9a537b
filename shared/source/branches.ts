import { matchesPattern } from '../base/pattern.ts';

/** Which branches of a team's repository each class takes, unless the configuration says so itself. */
const usualBranches: Readonly<Record<string, readonly string[]>> = {
  master: ['master', 'main'],
  staging: ['release/*', 'hotfix/*'],
  develop: ['develop', 'feature/*'],
};

/** The patterns of a class: a `*` stands for any text, slashes included. */
export function branchPatterns({
  repositoryClass,
  configured,
}: {
  repositoryClass: string;
  configured: readonly string[] | undefined;
}): readonly string[] {
  return configured ?? usualBranches[repositoryClass] ?? [];
}

/** `refs/heads/main` and, as Jenkins names what it fetched, `origin/main` are the branch `main`. */
export function branchName(ref: string): string {
  return ref.replace(/^refs\/heads\//, '').replace(/^origin\//, '');
}

/**
 * The classes that take a branch, sorted: one where the configuration is sound, none for a branch that is not deployed.
 */
export function classesOfBranch({
  branch,
  patterns,
}: {
  branch: string;
  patterns: Readonly<Record<string, readonly string[]>>;
}): string[] {
  const takes = (pattern: string): boolean => matchesPattern({ pattern, text: branch });
  return Object.keys(patterns)
    .filter((repositoryClass) => patterns[repositoryClass]?.some(takes) === true)
    .sort();
}
