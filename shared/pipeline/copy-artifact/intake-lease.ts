import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { ConvergeError } from '../../base/errors.ts';
import { leaseDuration } from '../../memory/lease.ts';
import type { Ports } from '../../ports/ports.ts';
import type { GenerationPrecondition } from '../../ports/storage.ts';
import { ageOf, readState, type StateAccess } from '../common/read-state.ts';

/**
 * `holder` is null where nobody holds it, else new for each claim, so that who claimed knows its own. It lasts for so
 * many seconds after it was written, by Storage's clock, or until the ledger says that it is over. `event` is empty: an
 * instance of the version before reads it.
 */
const leaseSchema = z.object({ holder: z.string().nullable(), event: z.string().default(''), seconds: leaseDuration });

type LeasePorts = StateAccess & Pick<Ports, 'now'>;

/** The lease as it was read: a claim is conditional on that generation. */
export interface FoundLease {
  readonly generation: GenerationPrecondition;
  /** Null where nobody has it, undefined where nobody can read whose it is. */
  readonly holder: string | null | undefined;
  readonly isOver: boolean;
}

/**
 * The right to copy from one bucket. Two that copy at a time make more commits; and where the ledger is lost, one may
 * refuse what the other brings: so nobody pushes who was taken for dead.
 */
export interface IntakeLease {
  /** Names this claim; the ledger says with it that the lease is over. */
  readonly holder: string;
  /** Whether somebody else claimed, because its time was over. */
  readonly isLost: () => boolean;
  /** Makes it last longer where most of its time is over. */
  keep(): Promise<void>;
  /** The same, before a push, or before it is believed what was read for a refusal. Throws `IntakeBusy` (retry) where it is lost: whoever claimed it copies all there is. */
  assertHeld(): Promise<void>;
  /** For a claim whose end no ledger says. */
  giveBack(): Promise<void>;
}

/**
 * Read before the ledger, so that what the ledger says of its end is no older. One that nobody can read lasts as long
 * as one that is claimed now.
 */
export async function findLease(
  { path, seconds }: { path: string; seconds: number },
  ports: LeasePorts,
): Promise<FoundLease> {
  const found = await readState({ path, decode: (value) => leaseSchema.safeParse(value).data }, ports);
  if (found === undefined) return { generation: 'absent', holder: null, isOver: true };
  const last = 'unreadable' in found ? { holder: undefined, seconds } : found.value;
  return {
    generation: { generation: found.generation },
    holder: last.holder,
    isOver: ageOf(found) > last.seconds * 1000,
  };
}

/** @param ended the last claim that is over, as the ledger says */
export function isFree({ holder, isOver }: FoundLease, ended: string | undefined): boolean {
  return holder === null || isOver || (holder !== undefined && holder === ended);
}

/**
 * Takes a lease that is free: of two that try, one gets it. A claim whose answer was lost is found to be there.
 *
 * @param instance for people who read the lease
 */
export async function claimLease(
  { path, instance, seconds, found }: { path: string; instance: string; seconds: number; found: FoundLease },
  ports: LeasePorts,
): Promise<IntakeLease | 'taken'> {
  const holder = `${instance}/${randomUUID()}`;
  const claim = { path, holder, seconds };
  let sentAt = ports.now().getTime();
  const claimed = await writeClaim({ ...claim, ifGeneration: found.generation }, ports);
  if (claimed === 'conflict') return 'taken';
  let { generation } = claimed;
  let isLost = false;
  async function keep(): Promise<void> {
    const now = ports.now().getTime();
    // By a clock that was put back, nobody knows how old it is.
    if (isLost || Math.abs(now - sentAt) < (seconds * 1000 * 2) / 3) return;
    const kept = await writeClaim({ ...claim, ifGeneration: { generation } }, ports);
    if (kept === 'conflict') isLost = true;
    else [generation, sentAt] = [kept.generation, now];
  }
  return {
    holder,
    isLost: () => isLost,
    keep,
    async assertHeld() {
      await keep();
      if (isLost) throw overtaken(path);
    },
    async giveBack() {
      const value = { holder: null, event: '', seconds };
      if (!isLost) await ports.state.write({ path, value, ifGeneration: { generation } });
    },
  };
}

/**
 * Throws the error, or `IntakeBusy` (retry) in place of a refusal where the lease is lost: what that rests on may have
 * been read after somebody else copied.
 */
export async function throwWhileHeld(error: unknown, lease: Pick<IntakeLease, 'assertHeld'>): Promise<never> {
  if (error instanceof ConvergeError && error.disposition === 'refuse') await lease.assertHeld();
  throw error;
}

function overtaken(path: string): ConvergeError {
  return new ConvergeError({
    code: 'IntakeBusy',
    subject: path,
    message: 'another run copies from this bucket since this one was taken for dead',
    disposition: 'retry',
  });
}

/** Another generation than the one that was asked for may be this very write, tried again after a lost answer. */
async function writeClaim(
  {
    path,
    holder,
    seconds,
    ifGeneration,
  }: { path: string; holder: string; seconds: number; ifGeneration: GenerationPrecondition },
  ports: LeasePorts,
): Promise<{ readonly generation: string } | 'conflict'> {
  const value = { holder, event: '', seconds };
  const written = await ports.state.write({ path, value, ifGeneration });
  if (written !== 'conflict') return written;
  const live = await readState({ path, decode: (other) => leaseSchema.safeParse(other).data }, ports);
  const isOwn = live !== undefined && 'value' in live && live.value.holder === holder;
  return isOwn ? { generation: live.generation } : 'conflict';
}
