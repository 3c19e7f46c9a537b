import type { RepositoryConfig } from '../shared/config/config.ts';
import { branchName, branchPatterns, classesOfBranch } from '../shared/source/branches.ts';
import type { Build } from './ci-environment.ts';
import { CommandError } from './command-error.ts';
import type { Context } from './context.ts';

/** How a command line says which repository it is about. */
export interface ClassOptions {
  /** Of the team's own repository; else the CI's. */
  readonly branch?: string;
  readonly class?: string;
}

/** The repository of `--class`. Throws `CommandError` where the configuration has none of that name. */
export function repositoryOf({ config }: Context, repositoryClass: string): RepositoryConfig {
  const repository = config.repositories[repositoryClass];
  if (repository !== undefined) return repository;
  throw new CommandError({
    subject: `--class ${repositoryClass}`,
    message: 'is no repository of the configuration',
    remedy: `configured are ${Object.keys(config.repositories).sort().join(', ')}`,
  });
}

/** Throws `CommandError` with the rule where no class, or more than one, takes the branch. */
export function chooseClass({
  context,
  options,
  build,
}: {
  context: Context;
  options: ClassOptions;
  build: Build;
}): string {
  if (options.class !== undefined) return options.class;
  const ref = options.branch ?? build.branch;
  if (ref === undefined) {
    const silent = build.ci === undefined ? 'no CI says' : `${build.ci} does not say`;
    throw new CommandError({
      subject: '--branch',
      message: `is not given, and ${silent} which branch this is`,
      remedy: 'give --branch BRANCH, or --class CLASS',
    });
  }
  const branch = branchName(ref);
  const patterns = Object.fromEntries(
    Object.entries(context.config.repositories).map(([repositoryClass, { branches }]) => [
      repositoryClass,
      branchPatterns({ repositoryClass, configured: branches }),
    ]),
  );
  const classes = classesOfBranch({ branch, patterns });
  const [chosen] = classes;
  if (chosen !== undefined && classes.length === 1) return chosen;
  const rule = Object.entries(patterns)
    .map(([repositoryClass, taken]) => `${taken.join(', ') || 'none'} → ${repositoryClass}`)
    .join('; ');
  throw new CommandError({
    subject: `branch ${branch}`,
    message: classes.length === 0 ? 'is taken to no bucket' : `is taken to more than one: ${classes.join(', ')}`,
    remedy: `the rule is ${rule}; repositories.<class>.branches changes it, --class CLASS goes round it`,
  });
}
