import { ConvergeError } from '../../base/errors.ts';
import type { Memory } from '../../memory/memory.ts';
import { inParallel } from './parallel.ts';
import type { Ports } from '../../ports/ports.ts';
import { memoryOf, rememberedEnvironments } from './remembered-environments.ts';

export interface RememberedEnvironment {
  readonly repository: string;
  readonly environment: string;
  readonly memory: Memory;
}

/**
 * What the state bucket remembers of the environments that are called so.
 *
 * @param name `<class>/<name>`, or the name alone: then there may be one in each repository; undefined: all of them
 */
export async function findEnvironments(
  { name, repositories }: { name: string | undefined; repositories: readonly string[] },
  ports: Pick<Ports, 'now' | 'state'>,
): Promise<RememberedEnvironment[]> {
  const found = await Promise.all(
    [...repositories].sort().map(async (repository) => {
      const names = await rememberedEnvironments({ repository, state: ports.state });
      const wanted = names.filter(
        (environment) => name === undefined || name === environment || name === `${repository}/${environment}`,
      );
      return await inParallel(wanted, async (environment) => ({
        repository,
        environment,
        memory: await memoryOf({ repository, environment }, ports),
      }));
    }),
  );
  return found.flat();
}

/**
 * The one environment of that name. Throws `BadRequest` (refuse) where there is none, or one in more than one
 * repository.
 */
export async function findEnvironment(
  asked: { name: string; repositories: readonly string[] },
  ports: Pick<Ports, 'now' | 'state'>,
): Promise<RememberedEnvironment> {
  const found = await findEnvironments(asked, ports);
  const [first, ...others] = found;
  if (first !== undefined && others.length === 0) return first;
  throw new ConvergeError({
    code: 'BadRequest',
    subject: asked.name,
    message:
      first === undefined
        ? 'no environment of that name ever ran'
        : 'there are environments of that name in more than one repository',
    remedy:
      first === undefined
        ? 'converge status lists all of them'
        : `say ${found.map(({ repository, environment }) => `${repository}/${environment}`).join(' or ')}`,
    disposition: 'refuse',
  });
}
