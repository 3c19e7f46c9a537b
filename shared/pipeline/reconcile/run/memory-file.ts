import { ConvergeError } from '../../../base/errors.ts';
import { readMemory, type Memory } from '../../../memory/memory.ts';
import type { Transition } from '../../../memory/transitions/transition.ts';
import type { Ports } from '../../../ports/ports.ts';
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
  now,
}: { path: string } & Pick<Ports, 'state' | 'now'>): Promise<MemoryFile> {
  const found = await state.read(path);
  let current = readMemory({ value: found?.value, now: now() });
  let written = found === undefined ? undefined : JSON.stringify(current);
  let ifGeneration: GenerationPrecondition = found === undefined ? 'absent' : { generation: found.generation };
  const save = async (memory: Memory): Promise<void> => {
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
      current = readMemory({ value: undefined, now: now() });
      ifGeneration = 'absent';
      written = undefined;
    },
  };
}
