import type { Inputs } from '../../environment/inputs.ts';
import { decodeLease, leaseVersion } from '../../memory/lease.ts';
import type { Memory } from '../../memory/memory.ts';
import { statePaths } from '../../memory/state-paths.ts';
import type { Ports } from '../../ports/ports.ts';
import type { StateStore } from '../../ports/storage.ts';
import { listOfEach } from './list-of-each.ts';
import { keepPace } from './pace.ts';
import { readState, type StateAccess } from './read-state.ts';

/**
 * Whoever has a lease, by one list: by environment, the nonce of the claim under which a run may be at work, undefined
 * where none is. To be asked before the memories are: what a run that ends meanwhile came to stands in them then. A lease
 * that the version before wrote has none: its memory says what it set out for. Throws `StorageUnavailable` (retry).
 */
export async function listClaims(of: {
  repository: string;
  state: StateStore;
}): Promise<ReadonlyMap<string, string | undefined>> {
  const { listed } = await listOfEach({ ...of, file: 'lease.json' });
  return new Map([...listed].map(([environment, { metadata }]) => [environment, metadata['nonce']]));
}

const looks = keepPace({ milliseconds: 10 * 60_000 });

/**
 * The environments of a repository that have a lease: one whose memory was deleted before its file was removed is known
 * by nothing else. None, without a request, where this instance asked less than ten minutes ago. Throws
 * `StorageUnavailable` (retry).
 */
export async function listLeased(
  { repository }: { repository: string },
  { state, now }: Pick<Ports, 'state' | 'now'>,
): Promise<readonly string[]> {
  const asked = { repository, state, time: now().getTime() };
  if (!looks.isDue(asked)) return [];
  const claims = await listClaims({ repository, state });
  looks.note(asked);
  return [...claims.keys()];
}

/**
 * What a run is at work on: the inputs of the revision that it claimed its lease for. Undefined where it has ended, as
 * its memory says; `unknown` where nobody can tell. Throws as `readState` does.
 */
export async function inputsUnderWay(
  of: { repository: string; environment: string },
  { claim, memory }: { claim: string | undefined; memory: Memory | undefined },
  access: StateAccess,
): Promise<Inputs | 'unknown' | undefined> {
  if (claim === undefined || claim === memory?.ended) return undefined;
  const found = await readState({ path: statePaths(of).lease, decode: decodeLease, newest: leaseVersion }, access);
  if (found === undefined || 'unreadable' in found || found.value.nonce !== claim) return 'unknown';
  return found.value.intent?.attempted?.inputs ?? 'unknown';
}
