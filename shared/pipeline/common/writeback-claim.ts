import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { leaseDuration } from '../../memory/lease.ts';
import type { Ports } from '../../ports/ports.ts';
import type { GenerationPrecondition } from '../../ports/storage.ts';
import { betweenWrites, restOf } from './pauses.ts';
import { ageOf, readState, type ReadState, type StateAccess } from './read-state.ts';

/** `nonce` is new for each claim. It is over so many seconds after it was written, or where it is ended. */
const claimSchema = z.object({ nonce: z.string(), seconds: leaseDuration });
type Claim = z.infer<typeof claimSchema>;
/** The last claim that is ended: in an object of its own, so that a claim need not last a second. */
const endSchema = z.object({ nonce: z.string() });

/** How long a claim lasts whose holder is gone: longer than a turn takes, as Git hosts are. */
const claimSeconds = 30;

/** The right to write the notes and refs of one repository. Git's own comparisons hold where two have it after all. */
export interface WritebackClaim {
  /** Makes it last longer where a third of its time is over; false: somebody else has it. */
  keep(): Promise<boolean>;
  end(): Promise<void>;
}

export function writebackPaths(repositoryClass: string): { claim: string; end: string } {
  const folder = `writeback/${repositoryClass}`;
  return { claim: `${folder}/claim.json`, end: `${folder}/end.json` };
}

/**
 * Takes the claim, or undefined where somebody else has it. Of two that try, one gets it. It ends by Storage's clock;
 * one that nobody can read is somebody's for as long as one that is taken now. One that was written within a second is
 * waited for, and looked at once more: of many that wait, all but one need not write.
 */
export async function claimWriteback(
  repositoryClass: string,
  ports: StateAccess & Pick<Ports, 'sleep' | 'now'>,
): Promise<WritebackClaim | undefined> {
  const paths = writebackPaths(repositoryClass);
  const last = await readClaim(paths.claim, ports);
  let endedAgo = Number.POSITIVE_INFINITY;
  if (last !== undefined && !isOver(last)) {
    const ended = await sinceEnd(last, { path: paths.end, ports });
    if (ended === undefined) return undefined;
    endedAgo = ended;
    const pause = betweenWrites - ageOf(last);
    if (pause > 0) {
      await ports.sleep(pause);
      endedAgo += pause;
      if ((await ports.state.generationOf(paths.claim)) !== last.generation) return undefined;
    }
  }
  const nonce = randomUUID();
  let generation = await write({ path: paths.claim, nonce, over: last?.generation, ports });
  if (generation === undefined) return undefined;
  let writtenAt = ports.now().getTime();
  const endedAt = writtenAt - endedAgo;
  return {
    async keep() {
      if (Math.abs(ports.now().getTime() - writtenAt) < (claimSeconds * 1000) / 3) return true;
      generation = await write({ path: paths.claim, nonce, over: generation, ports });
      writtenAt = ports.now().getTime();
      return generation !== undefined;
    },
    async end() {
      const pause = restOf({ pause: betweenWrites, since: endedAt, now: ports.now() });
      if (pause > 0) await ports.sleep(pause);
      await ports.state.write({ path: paths.end, value: { nonce }, ifGeneration: 'any' });
    },
  };
}

async function readClaim(path: string, ports: StateAccess): Promise<ReadState<Claim> | undefined> {
  return readState({ path, decode: (value) => claimSchema.safeParse(value).data }, ports);
}

function isOver(claim: ReadState<Claim>): boolean {
  const { seconds } = 'value' in claim ? claim.value : { seconds: claimSeconds };
  return ageOf(claim) > seconds * 1000;
}

/** How many milliseconds ago a claim was ended; undefined where it was not. */
async function sinceEnd(
  claim: ReadState<Claim>,
  { path, ports }: { path: string; ports: StateAccess },
): Promise<number | undefined> {
  if (!('value' in claim)) return undefined;
  const end = await readState({ path, decode: (value) => endSchema.safeParse(value).data }, ports);
  return end !== undefined && 'value' in end && end.value.nonce === claim.value.nonce ? ageOf(end) : undefined;
}

/**
 * The generation of the claim, where it is mine; undefined where it is not. A conflict may be with my own write, whose
 * answer was lost.
 */
async function write({
  path,
  nonce,
  over,
  ports,
}: {
  path: string;
  nonce: string;
  /** Generation of the claim that is over, or is kept. */
  over: string | undefined;
  ports: StateAccess;
}): Promise<string | undefined> {
  const value: Claim = { nonce, seconds: claimSeconds };
  const ifGeneration: GenerationPrecondition = over === undefined ? 'absent' : { generation: over };
  const written = await ports.state.write({ path, value, ifGeneration });
  if (written !== 'conflict') return written.generation;
  const found = await readClaim(path, ports);
  return found !== undefined && 'value' in found && found.value.nonce === nonce ? found.generation : undefined;
}
