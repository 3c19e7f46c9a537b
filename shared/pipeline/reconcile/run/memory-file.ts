import { ConvergeError } from '../../../base/errors.ts';
import { decodeMemory, emptyMemory, type Memory } from '../../../memory/memory.ts';
import { memoryMetadata } from '../../../memory/memory-metadata.ts';
import type { Transition } from '../../../memory/transitions/transition.ts';
import type { Ports } from '../../../ports/ports.ts';
import { readState, type StateAccess } from '../../common/read-state.ts';
import type { GenerationPrecondition } from '../../../ports/storage.ts';

/** The memory of one environment, open for one run. */
export interface MemoryFile {
  memory(): Memory;
  /**
   * Remembers what a transition makes of the memory; written where that differs from what was written last. Throws
   * `LeaseLost` (retry) where somebody else wrote.
   */
  remember<Facts extends readonly unknown[]>(transition: Transition<Facts>, ...facts: NoInfer<Facts>): Promise<void>;
  /** Forgets the environment. Throws `LeaseLost` (retry) where somebody else wrote. */
  remove(): Promise<void>;
}

export async function openMemory({
  path,
  state,
  log,
  now,
}: { path: string } & Required<StateAccess> & Pick<Ports, 'now'>): Promise<MemoryFile> {
  const found = await readState({ path, decode: decodeMemory }, { state, log });
  const isReadable = found !== undefined && !('unreadable' in found);
  let current = isReadable ? found.value : emptyMemory(now());
  // What nobody can read is overwritten by the first save, also by one of nothing.
  let written = isReadable ? JSON.stringify(current) : undefined;
  let ifGeneration: GenerationPrecondition = found === undefined ? 'absent' : { generation: found.generation };
  const save = async (memory: Memory): Promise<void> => {
    current = memory;
    const text = JSON.stringify(memory);
    if (text === written) return;
    const result = await state.write({ path, value: memory, ifGeneration, metadata: memoryMetadata(memory) });
    if (result === 'conflict') {
      throw new ConvergeError({
        code: 'LeaseLost',
        subject: path,
        message: 'another run wrote the memory',
        disposition: 'retry',
      });
    }
    ifGeneration = { generation: result.generation };
    written = text;
  };
  return {
    memory: () => current,
    remember: async (transition, ...facts) => save(transition(current, ...facts)),
    async remove() {
      if (typeof ifGeneration === 'object' && (await state.delete({ path, ...ifGeneration })) === 'conflict') {
        throw new ConvergeError({
          code: 'LeaseLost',
          subject: path,
          message: 'another run wrote the memory',
          disposition: 'retry',
        });
      }
      current = emptyMemory(now());
      ifGeneration = 'absent';
      written = undefined;
    },
  };
}
