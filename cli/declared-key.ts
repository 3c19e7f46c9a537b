import { declaringRepositories } from '../shared/pipeline/common/declaring-repositories.ts';
import { asksAct, type ActOptions } from './ask-act.ts';
import { namedEnvironment, saidWithClass } from './ask-environment.ts';
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

/**
 * `<class>/<name>` of an environment that something is done to. Whoever asks `act` needs no rights in Git: `status` is asked, and
 * nobody where the class is said. Throws as `declaredKey` and `namedEnvironment` do.
 */
export async function keyToActOn(context: Context, target: string, options: ActOptions): Promise<string> {
  const said = saidWithClass(context, target);
  if (said !== undefined) return said;
  if (!asksAct(context, options)) return await declaredKey(context, target);
  const { repository, name } = await namedEnvironment(context, target);
  return `${repository}/${name}`;
}
