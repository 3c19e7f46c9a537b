import type { ConfiguredFreeze } from '../../config/freeze.ts';
import { ConvergeError } from '../../base/errors.ts';
import type { Environment } from '../../environment/environment-file.ts';
import { frozenBy, stillFrozen, type Frozen } from '../../environment/frozen.ts';
import { environmentSuspension, environmentSuspensionWords } from '../../environment/suspension.ts';
import type { Memory } from '../../memory/memory.ts';
import type { Ports } from '../../ports/ports.ts';
import { readEnvironment } from '../common/declared-environments.ts';
import { fetchBranch } from '../common/fetch-branch.ts';
import { memoryOf } from '../common/remembered-environments.ts';
import { openFreeze } from '../reconcile/accept/freeze.ts';
import { actionRefused } from './refusals.ts';

export type AskedPorts = Pick<Ports, 'now' | 'state' | 'repository'>;

export interface AskedSettings {
  /** Classes. */
  readonly repositories: readonly string[];
  /** The operator's freezes. */
  readonly freeze?: readonly ConfiguredFreeze[];
}

/** What a person asks something of. */
export interface Asked {
  readonly repository: string;
  readonly environment: string;
  readonly memory: Memory;
  /** What keeps anything from being applied there, undefined: nothing is known to. */
  readonly frozen: Frozen | undefined;
}

/**
 * The environment that a person asks something of. Throws `BadRequest` (refuse) where no file declares it,
 * `ActionRefused` (refuse) where it is suspended, which no request goes past, and `GitUnavailable`, `StorageUnavailable`
 * (retry).
 *
 * @param key `<class>/<name>`
 */
export async function findAsked(
  key: string,
  ports: AskedPorts,
  { repositories, freeze = [] }: AskedSettings,
): Promise<Asked> {
  const [repository = '', environment = ''] = key.split('/');
  const declared = repositories.includes(repository)
    ? await declarationOf({ repository, environment }, ports)
    : undefined;
  if (declared === undefined)
    throw new ConvergeError({
      code: 'BadRequest',
      subject: key,
      message: 'no file declares such an environment',
      remedy: 'converge status lists those that are',
      disposition: 'refuse',
    });
  const now = ports.now();
  const suspension = declared === 'invalid' ? undefined : environmentSuspension(declared, now);
  if (suspension !== undefined)
    throw actionRefused({
      subject: key,
      message: `is suspended: ${environmentSuspensionWords(suspension)}`,
      remedy: 'no request goes past that: it ends by a commit that says otherwise, or at its end',
    });
  const memory = await memoryOf({ repository, environment }, ports);
  const of = { repository, environment, settings: { freeze }, ports };
  const open = declared === 'invalid' ? undefined : openFreeze(of, declared);
  const frozen = stillFrozen(memory.frozen, now.getTime()) ?? (open && frozenBy(open, { waits: null }));
  return { repository, environment, memory, frozen };
}

async function declarationOf(
  { repository: repositoryClass, environment: name }: Pick<Asked, 'repository' | 'environment'>,
  ports: AskedPorts,
): Promise<Environment | 'invalid' | undefined> {
  const repository = ports.repository(repositoryClass);
  const head = await fetchBranch({ repository, state: ports.state });
  if (head === undefined) return undefined;
  const declared = await readEnvironment({ repository, commit: head.id, name });
  switch (declared.state) {
    case 'absent':
      return undefined;
    case 'invalid':
      return 'invalid';
    case 'declared':
      return declared.environment;
  }
}
