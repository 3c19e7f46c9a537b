import { z } from 'zod';
import { ConvergeError } from '../errors.ts';
import type { GenerationPrecondition, Ports } from './ports.ts';

const leaseSchema = z.object({ holder: z.string().nullable(), seconds: z.number() });

/** Between two looks at the lease object itself, in milliseconds. */
const lookAgainAfter = 5_000;

/** The right to change one environment, for a bounded time. */
export interface Lease {
  /** Throws `LeaseLost` (retry) where the time is over, or somebody else took over. Called before every batch of writes. */
  assertHeld(): Promise<void>;
  release(): Promise<void>;
}

/**
 * Takes the lease by a generation precondition: of two that try, one gets it. A lease ends by Storage's clock, `seconds`
 * after it was written, so a run that was killed blocks its environment no longer than that; `seconds` must exceed the
 * hard deadline of the run.
 */
export async function acquireLease(
  { path, holder, seconds }: { path: string; holder: string; seconds: number },
  { state, now }: Pick<Ports, 'state' | 'now'>,
): Promise<Lease | 'taken'> {
  const found = await state.read(path);
  let ifGeneration: GenerationPrecondition = 'absent';
  if (found !== undefined) {
    const current = leaseSchema.safeParse(found.value);
    const age = found.readAt.getTime() - found.writtenAt.getTime();
    if (current.success && current.data.holder !== null && age <= current.data.seconds * 1000) return 'taken';
    ifGeneration = { generation: found.generation };
  }
  const since = now().getTime();
  const written = await state.write({ path, value: { holder, seconds }, ifGeneration });
  if (written === 'conflict') return 'taken';

  const { generation } = written;
  let lookedAt = since;
  return {
    async assertHeld() {
      const time = now().getTime();
      if (time - since >= seconds * 1000) throw lost(path, `its ${seconds} s are over`);
      if (time - lookedAt < lookAgainAfter) return;
      const live = await state.read(path);
      if (live?.generation !== generation) throw lost(path, 'another run took over');
      lookedAt = time;
    },
    async release() {
      await state.write({ path, value: { holder: null, seconds: 0 }, ifGeneration: { generation } });
    },
  };
}

function lost(path: string, why: string): ConvergeError {
  return new ConvergeError({ code: 'LeaseLost', subject: path, message: `the lease is lost: ${why}`, disposition: 'retry' });
}
