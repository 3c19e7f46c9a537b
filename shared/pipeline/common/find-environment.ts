import { ConvergeError } from '../../base/errors.ts';
import { environmentOfPath, environmentPath } from '../../environment/environment-file.ts';
import { decodeDeparted } from '../../memory/departed.ts';
import { emptyMemory, type Memory } from '../../memory/memory.ts';
import { statePaths } from '../../memory/state-paths.ts';
import { inParallel } from './parallel.ts';
import type { Repository } from '../../ports/git.ts';
import type { Ports } from '../../ports/ports.ts';
import { readState, valueOrNone } from './read-state.ts';
import { memoryOf, rememberedEnvironments } from './remembered-environments.ts';
import { findRemoval } from './removal.ts';

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

/** An environment that is known, though it may be no more. */
export interface KnownEnvironment extends RememberedEnvironment {
  /** Whether it is remembered as one that is, or is to be taken leave of. */
  readonly isRemembered: boolean;
}

/**
 * The one environment of that name: one that is remembered, or else one that its branch declares, or declared in the
 * time that is looked at, with what was remembered at its end as long as that is there. Throws `BadRequest` (refuse)
 * where there is none, or one in more than one repository.
 *
 * @param asked.milliseconds how far behind the head of a branch to look
 */
export async function findEnvironment(
  { milliseconds, ...asked }: { name: string; repositories: readonly string[]; milliseconds: number },
  ports: Pick<Ports, 'now' | 'state' | 'repository'>,
): Promise<KnownEnvironment> {
  const remembered = await findEnvironments(asked, ports);
  // What nothing is known of but that it is over is no environment.
  const alive = remembered.filter(({ memory }) => memory.attempted !== undefined);
  const found =
    alive.length > 0
      ? alive.map((environment) => ({ ...environment, isRemembered: true }))
      : await findUnremembered({ ...asked, milliseconds }, ports);
  const [first, ...others] = found;
  if (first !== undefined && others.length === 0) return first;
  throw new ConvergeError({
    code: 'BadRequest',
    subject: asked.name,
    message:
      first === undefined
        ? 'no environment of that name is known'
        : 'there are environments of that name in more than one repository',
    remedy:
      first === undefined
        ? 'converge status lists those that are; --since looks further back for one that was removed'
        : `say ${found.map(({ repository, environment }) => `${repository}/${environment}`).join(' or ')}`,
    disposition: 'refuse',
  });
}

/** A repository that cannot be read is told where none of the others has it. */
async function findUnremembered(
  { name, repositories, milliseconds }: { name: string; repositories: readonly string[]; milliseconds: number },
  ports: Pick<Ports, 'now' | 'state' | 'repository'>,
): Promise<KnownEnvironment[]> {
  const looks = await Promise.allSettled(
    [...repositories].sort().map(async (repository) => {
      const environment = name.startsWith(`${repository}/`) ? name.slice(repository.length + 1) : name;
      if (environmentOfPath(environmentPath(environment)) !== environment) return [];
      const path = statePaths({ repository, environment }).departed;
      const departed = valueOrNone(await readState({ path, decode: decodeDeparted }, ports));
      const memory = departed?.memory ?? emptyMemory(ports.now());
      const known = { repository, environment, memory, isRemembered: false };
      const inGit = await isInGit({ repository: ports.repository(repository), name: environment, milliseconds });
      return departed !== undefined || inGit ? [known] : [];
    }),
  );
  const found = looks.flatMap((look) => (look.status === 'fulfilled' ? look.value : []));
  if (found.length === 0) for (const look of looks) if (look.status === 'rejected') throw look.reason;
  return found;
}

async function isInGit(of: { repository: Repository; name: string; milliseconds: number }): Promise<boolean> {
  const head = await of.repository.fetchHead();
  return head !== undefined && (await findRemoval({ ...of, head })) !== undefined;
}
