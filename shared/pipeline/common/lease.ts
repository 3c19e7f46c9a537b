import { z } from 'zod';
import type { Limits } from '../../config/config.ts';
import { ConvergeError } from '../../base/errors.ts';
import type { Ports } from '../../ports/ports.ts';
import type { GenerationPrecondition } from '../../ports/storage.ts';
import { readState, type StateAccess } from './read-state.ts';

/**
 * `holder` is null where nobody holds it. It lasts for so many seconds after it was written, by Storage's clock.
 * `event` is the id of the message it was taken for.
 */
const leaseSchema = z.object({ holder: z.string().nullable(), event: z.string().default(''), seconds: z.number() });

/**
 * Milliseconds after which a run that goes on makes its lease last longer, and sooner for a short one. Storage takes
 * one write a second.
 */
const longestFresh = 5_000;

/** The right to change one environment, for a bounded time. */
export interface Lease {
  /**
   * Throws `LeaseLost` (retry) where somebody else took over. Called before every write; makes the lease last longer
   * now and then, by the generation it was written with, so that only its holder can. `now` looks at it at once: where
   * a conflict tells that somebody else writes, too.
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
 * How long a lease lasts that is not renewed: longer than the longest that a run is busy without a look at it, which is
 * a render. The rest is for Git and the API server.
 */
export function leaseSeconds({ renderSeconds }: Pick<Limits, 'renderSeconds'>): number {
  return renderSeconds + 30;
}

/**
 * Takes the lease by a generation precondition: of two that try, one gets it. It ends by Storage's clock, so that a run
 * that was killed does not block its environment for long. One that nobody can read is somebody's, for as long as one
 * that is taken now: its holder finds out at its next look, and may be writing until then.
 */
export async function acquireLease(
  { path, holder, event, seconds }: { path: string; holder: string; event: string; seconds: number },
  ports: StateAccess & Pick<Ports, 'now'>,
): Promise<Lease | Taken> {
  const { state, now } = ports;
  const found = await readState({ path, decode: (value) => leaseSchema.safeParse(value).data }, ports);
  if (found !== undefined) {
    const last = 'unreadable' in found ? { holder: undefined, event: undefined, seconds } : found.value;
    const age = found.readAt.getTime() - found.writtenAt.getTime();
    if (last.holder !== null && age <= last.seconds * 1000) return { takenFor: last.event };
  }
  let renewedAt = now().getTime();
  const written = await write(found === undefined ? 'absent' : { generation: found.generation });
  if (written === 'conflict') return { takenFor: undefined };
  let { generation } = written;

  async function write(ifGeneration: GenerationPrecondition): Promise<{ generation: string } | 'conflict'> {
    return state.write({ path, value: { holder, event, seconds }, ifGeneration });
  }

  let turn: Promise<void> = Promise.resolve();
  /** One look at a time: one that overlaps a renewal would take the new generation for somebody else's. */
  async function inTurn(look: () => Promise<void>): Promise<void> {
    const mine = turn.then(look);
    turn = mine.catch(() => {});
    await mine;
  }

  const renewAfter = Math.min(longestFresh, (seconds * 1000) / 2);
  const isFresh = () => now().getTime() - renewedAt < renewAfter;

  async function renew(): Promise<void> {
    // As often as it takes: a process that was frozen in the middle of a renewal must not write on the strength of it.
    while (!isFresh()) {
      const time = now().getTime();
      const renewed = await write({ generation });
      if (renewed === 'conflict') throw lost(path);
      ({ generation } = renewed);
      renewedAt = time;
    }
  }

  async function check(): Promise<void> {
    if ((await state.read(path))?.generation !== generation) throw lost(path);
  }

  return {
    async assertHeld(look) {
      if (look === 'now') await inTurn(check);
      if (!isFresh()) await inTurn(renew);
    },
    async release() {
      await inTurn(async () => {
        await state.write({ path, value: { holder: null, event, seconds }, ifGeneration: { generation } });
      });
    },
  };
}

function lost(path: string): ConvergeError {
  return new ConvergeError({
    code: 'LeaseLost',
    subject: path,
    message: 'the lease is lost: another run took over',
    disposition: 'retry',
  });
}
