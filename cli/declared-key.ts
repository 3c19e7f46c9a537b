import { declaringRepositories } from '../shared/pipeline/common/declaring-repositories.ts';
import { CommandError } from './command-error.ts';
import type { Context } from './context.ts';

/** `<class>/<name>` of an environment that a branch declares. Throws `CommandError` where none does, or more than one. */
export async function declaredKey(context: Context, target: string): Promise<string> {
  context.progress(`looking for ${target}`);
  const repositories = Object.keys(context.config.repositories);
  const { name, found } = await declaringRepositories(
    { target, repositories },
    { repository: await context.open.repository() },
  );
  const [only, ...others] = found.map(({ repositoryClass }) => repositoryClass);
  if (only === undefined)
    throw new CommandError({
      subject: target,
      message: 'no branch declares an environment of that name',
      remedy: 'converge status lists those that are',
    });
  if (others.length > 0)
    throw new CommandError({
      subject: target,
      message: `is an environment of ${[only, ...others].join(' and ')}`,
      remedy: `name it as ${only}/${name}`,
    });
  return `${only}/${name}`;
}
