import { declaredPaths } from '../../environment/inputs.ts';
import type { Memory } from '../../memory/memory.ts';
import { asksForRollback } from '../../memory/quarantine.ts';
import type { Reader } from '../../source/revert.ts';
import { listEnvironments, readEnvironment } from '../common/declared-environments.ts';
import type { Ports } from '../../ports/ports.ts';
import type { Repository } from '../../ports/git.ts';
import { readInputs } from '../common/render-inputs.ts';
import { recallSome } from '../common/remembered-environments.ts';

const atOnce = 8;

/** Another environment, with what it is made of as far as its file and its memory tell. */
export interface OtherReader extends Reader {
  /** Whether it asks to be rolled back itself at this commit. */
  readonly asks: boolean;
}

/** The paths that a memory knows an environment to be made of; a failed render leaves the root, which says nothing. */
export function rememberedPaths({
  attempted,
  converged,
  quarantine,
}: Pick<Memory, 'attempted' | 'converged' | 'quarantine'>): string[] {
  const all = [attempted, converged, quarantine].flatMap((revision) => Object.keys(revision?.inputs ?? {}));
  return [...new Set(all)].filter((path) => path !== '').sort();
}

/**
 * The environments of a commit but one. An environment whose file cannot be read and that nothing is remembered of may
 * be made of anything: it reads every path.
 */
export async function otherReaders({
  repository,
  commit,
  except,
  ports,
}: {
  repository: Repository;
  commit: string;
  except: string;
  ports: Pick<Ports, 'state' | 'now'>;
}): Promise<readonly OtherReader[]> {
  const names = (await listEnvironments({ repository, commit })).filter((name) => name !== except);
  const recall = recallSome({ repository: repository.repositoryClass }, ports);
  const readers: OtherReader[] = [];
  for (let next = 0; next < names.length; next += atOnce)
    readers.push(...(await Promise.all(names.slice(next, next + atOnce).map(readerOf))));
  return readers;

  async function readerOf(environment: string): Promise<OtherReader> {
    const { memory } = await recall(environment);
    const declared = await readEnvironment({ repository, commit, name: environment });
    const remembered = rememberedPaths(memory);
    if (declared.state !== 'declared')
      return { environment, asks: false, paths: remembered.length > 0 ? remembered : [''] };
    const current = await readInputs({ repository, commit, paths: Object.keys(memory.converged?.inputs ?? {}) });
    return {
      environment,
      paths: [...new Set([...declaredPaths(declared.environment), ...remembered])],
      asks: asksForRollback({
        environment: declared.environment,
        converged: memory.converged,
        current,
        now: ports.now(),
      }),
    };
  }
}
