import { ConvergeError } from '../../../base/errors.ts';
import { decodeMemory, emptyMemory, type Memory } from '../../../memory/memory.ts';
import type { Ports } from '../../../ports/ports.ts';
import { readState, type StateAccess } from '../../common/read-state.ts';
import type { GenerationPrecondition } from '../../../ports/storage.ts';

/** The memory of one environment, open for one run. */
export interface MemoryFile {
  memory(): Memory;
  /** Writes a memory that differs from the last one written. Throws `LeaseLost` (retry) where somebody else wrote. */
  save(memory: Memory): Promise<void>;
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
  return {
    memory: () => current,
    async save(memory) {
      current = memory;
      const text = JSON.stringify(memory);
      if (text === written) return;
      const result = await state.write({ path, value: memory, ifGeneration });
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
    },
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
