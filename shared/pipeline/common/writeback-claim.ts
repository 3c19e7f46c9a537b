import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Ports } from '../../ports/ports.ts';
import type { GenerationPrecondition } from '../../ports/storage.ts';
import { readState, type ReadState, type StateAccess } from './read-state.ts';

/** `nonce` is new for each claim, and null where nobody has it. It is over so many seconds after it was written. */
const claimSchema = z.object({ nonce: z.string().nullable(), seconds: z.number() });
type Claim = z.infer<typeof claimSchema>;

/** How long a claim lasts whose holder is gone: longer than a turn takes, as Git hosts are. */
const claimSeconds = 30;
/** Storage takes one write a second of one object. Milliseconds. */
const betweenWrites = 1_000;

/** The right to write the notes and refs of one repository. Git's own comparisons hold where two have it after all. */
export interface WritebackClaim {
  /** Not within a second of the claim. */
  giveBack(): Promise<void>;
}

export function writebackPath(repositoryClass: string): string {
  return `writeback/${repositoryClass}.json`;
}

/**
 * Takes the claim, or undefined where somebody else has it. Of two that try, one gets it. It ends by Storage's clock;
 * one that nobody can read is somebody's for as long as one that is taken now.
 */
export async function claimWriteback(
  repositoryClass: string,
  ports: StateAccess & Pick<Ports, 'sleep'>,
): Promise<WritebackClaim | undefined> {
  const path = writebackPath(repositoryClass);
  const found = await readClaim(path, ports);
  if (found !== undefined && isHeld(found)) return undefined;
  if (found !== undefined) await ports.sleep(Math.max(0, betweenWrites - ageOf(found)));
  const nonce = randomUUID();
  const generation = await write({ path, nonce, over: found, ports });
  return generation === undefined
    ? undefined
    : {
        async giveBack() {
          const value: Claim = { nonce: null, seconds: claimSeconds };
          await ports.state.write({ path, value, ifGeneration: { generation } });
        },
      };
}

async function readClaim(path: string, ports: StateAccess): Promise<ReadState<Claim> | undefined> {
  return readState({ path, decode: (value) => claimSchema.safeParse(value).data }, ports);
}

function ageOf({ readAt, writtenAt }: Pick<ReadState<Claim>, 'readAt' | 'writtenAt'>): number {
  return readAt.getTime() - writtenAt.getTime();
}

function isHeld(found: ReadState<Claim>): boolean {
  const { nonce, seconds } = 'value' in found ? found.value : { nonce: undefined, seconds: claimSeconds };
  return nonce !== null && ageOf(found) <= seconds * 1000;
}

/** The generation that is mine, or undefined. A conflict may be with my own write, whose answer was lost. */
async function write({
  path,
  nonce,
  over,
  ports,
}: {
  path: string;
  nonce: string;
  over: ReadState<Claim> | undefined;
  ports: StateAccess;
}): Promise<string | undefined> {
  const value: Claim = { nonce, seconds: claimSeconds };
  const ifGeneration: GenerationPrecondition = over === undefined ? 'absent' : { generation: over.generation };
  const written = await ports.state.write({ path, value, ifGeneration });
  if (written !== 'conflict') return written.generation;
  const now = await readClaim(path, ports);
  return now !== undefined && 'value' in now && now.value.nonce === nonce ? now.generation : undefined;
}
