import { z } from 'zod';
import { ConvergeError } from '../errors.ts';
import type { GenerationPrecondition, Ports } from './ports.ts';

/**
 * `holder` is null where nobody holds it; `seconds` is then what the last holder came to need. `event` is the id of the
 * message it was taken for.
 */
const leaseSchema = z.object({ holder: z.string().nullable(), event: z.string().default(''), seconds: z.number() });

/** What a run needs at the least: Git, and the environment file, which says how long the rest may take. */
const shortest = 60;
/** Between two looks at the lease object itself, in milliseconds. */
const lookAgainAfter = 5_000;
/** What a lease may end sooner than was asked for, in milliseconds: the callers' margins are far longer. */
const slack = 5_000;

/** The right to change one environment, for a bounded time. */
export interface Lease {
  /** Makes it last that many seconds from now, where it would end sooner. Throws `LeaseLost` (retry). */
  lastFor(seconds: number): Promise<void>;
  /**
   * Throws `LeaseLost` (retry) where the time is over, or somebody else took over. Called before every batch of writes; looks
   * at the lease object itself now and then, or `now`: where a conflict tells that somebody else writes, too.
   */
  assertHeld(look?: 'now'): Promise<void>;
  release(): Promise<void>;
}

/** Somebody else has it: for a message, where that can be known. */
export interface Taken {
  readonly takenFor: string | undefined;
}

export function isTaken(lease: Lease | Taken): lease is Taken {
  return 'takenFor' in lease;
}

/**
 * Takes the lease by a generation precondition: of two that try, one gets it. A lease ends by Storage's clock, so that a
 * run that was killed blocks its environment no longer than the run could have taken; it must exceed the hard deadline of
 * the run.
 */
export async function acquireLease(
  { path, holder, event }: { path: string; holder: string; event: string },
  { state, now }: Pick<Ports, 'state' | 'now'>,
): Promise<Lease | Taken> {
  const found = await state.read(path);
  const last = leaseSchema.safeParse(found?.value).data;
  if (found !== undefined && last !== undefined && last.holder !== null) {
    const age = found.readAt.getTime() - found.writtenAt.getTime();
    if (age <= last.seconds * 1000) return { takenFor: last.event };
  }
  // What the last run needed is what this one will need: then it is written once.
  let seconds = Math.max(shortest, last?.seconds ?? 0);
  let since = now().getTime();
  const written = await write(found === undefined ? 'absent' : { generation: found.generation });
  if (written === 'conflict') return { takenFor: undefined };
  let { generation } = written;
  let lookedAt = since;
  let needed = shortest;

  async function write(ifGeneration: GenerationPrecondition): Promise<{ generation: string } | 'conflict'> {
    return state.write({ path, value: { holder, event, seconds }, ifGeneration });
  }

  return {
    async lastFor(wanted) {
      needed = Math.max(shortest, wanted);
      const time = now().getTime();
      if (time + wanted * 1000 <= since + seconds * 1000 + slack) return;
      seconds = needed;
      since = time;
      const renewed = await write({ generation });
      if (renewed === 'conflict') throw lost(path, 'another run took over');
      ({ generation } = renewed);
      lookedAt = since;
    },
    async assertHeld(look) {
      const time = now().getTime();
      if (time - since >= seconds * 1000) throw lost(path, `its ${seconds} s are over`);
      if (look !== 'now' && time - lookedAt < lookAgainAfter) return;
      const live = await state.read(path);
      if (live?.generation !== generation) throw lost(path, 'another run took over');
      lookedAt = time;
    },
    async release() {
      await state.write({ path, value: { holder: null, event, seconds: needed }, ifGeneration: { generation } });
    },
  };
}

function lost(path: string, why: string): ConvergeError {
  return new ConvergeError({ code: 'LeaseLost', subject: path, message: `the lease is lost: ${why}`, disposition: 'retry' });
}
