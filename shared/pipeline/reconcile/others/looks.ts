import { ConvergeError } from '../../../base/errors.ts';
import { environmentPath, type Environment } from '../../../environment/environment-file.ts';
import { previousNamesIn, type PreviousNames } from '../../../environment/previous-names.ts';
import type { Memory } from '../../../memory/memory.ts';
import type { Repository } from '../../../ports/git.ts';
import { listEnvironments, readEnvironment } from '../../common/declared-environments.ts';
import { recallSome } from '../../common/remembered-environments.ts';
import { environmentFiles } from '../accept/removed-file.ts';
import type { RenderTarget } from '../run/target.ts';
import { once, onceEach } from './once.ts';

/** What a commit says of an environment: what it declares, why that cannot be told, or nothing. */
export type Declaration = { readonly environment: Environment } | { readonly reason: string } | 'gone';

/**
 * The other environments at a run's commit, as far as Git and the state bucket tell of them. Each is looked at once.
 */
export interface Looks {
  readonly asking: RenderTarget;
  /** Whether their templates may ask the cluster what no earlier render of theirs asked. */
  readonly asksCluster: boolean;
  readonly repository: Repository;
  /** The names of all that the commit declares, but for the one that asks. */
  names(): Promise<string[]>;
  declarationOf(name: string): Promise<Declaration>;
  memoryOf(name: string): Promise<Memory>;
  previousNames(): Promise<PreviousNames>;
}

export function openLooks(asking: RenderTarget, { asksCluster }: Pick<Looks, 'asksCluster'>): Looks {
  const { run, commit } = asking;
  const repository = run.ports.repository(run.repository);
  const at = { repository, commit: commit.id };
  const ofName = (name: string) => name;
  const recall = recallSome(run, run.ports);
  return {
    asking,
    asksCluster,
    repository,
    names: async () => (await listEnvironments(at)).filter((name) => name !== run.environment),
    declarationOf: onceEach(async (name) => readDeclaration({ ...at, name }), ofName),
    memoryOf: onceEach(async (name) => (await recall(name)).memory, ofName),
    previousNames: once(async () => previousNamesIn(await environmentFiles(at))),
  };
}

async function readDeclaration({
  repository,
  commit,
  name,
}: {
  repository: Repository;
  commit: string;
  name: string;
}): Promise<Declaration> {
  const declared = await readEnvironment({ repository, commit, name });
  switch (declared.state) {
    case 'declared':
      return declared;
    // It wants what nobody knows.
    case 'invalid':
      return { reason: declared.error.message };
    case 'absent': {
      const path = environmentPath(name);
      return (await repository.entry({ commit, path })) === undefined ? 'gone' : { reason: `${path} is no file` };
    }
  }
}

/** What is wrong with an environment is a reason; what a later try may mend is thrown. */
export async function orReason<T extends object>(work: () => Promise<T>): Promise<T | { readonly reason: string }> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ConvergeError) || error.disposition === 'retry') throw error;
    return { reason: error.message };
  }
}
