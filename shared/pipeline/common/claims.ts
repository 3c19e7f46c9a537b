import type { Inputs } from '../../environment/inputs.ts';
import { decodeLease } from '../../memory/lease.ts';
import type { Memory } from '../../memory/memory.ts';
import { statePaths } from '../../memory/state-paths.ts';
import type { StateStore } from '../../ports/storage.ts';
import { listOfEach } from './list-of-each.ts';
import { readState, type StateAccess } from './read-state.ts';

/**
 * The claims under which runs may be at work on environments of a repository: their nonces, by environment, by one list.
 * To be asked before the memories are: what a run that ends meanwhile came to stands in them then. A lease that the
 * version before wrote is none: its memory says what it set out for. Throws `StorageUnavailable` (retry).
 */
export async function listClaims(of: { repository: string; state: StateStore }): Promise<ReadonlyMap<string, string>> {
  const { listed } = await listOfEach({ ...of, file: 'lease.json' });
  return new Map(
    [...listed].flatMap(([environment, { metadata }]) =>
      metadata['nonce'] === undefined ? [] : [[environment, metadata['nonce']] as const],
    ),
  );
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
  const found = await readState({ path: statePaths(of).lease, decode: decodeLease }, access);
  if (found === undefined || 'unreadable' in found || found.value.nonce !== claim) return 'unknown';
  return found.value.intent?.attempted?.inputs ?? 'unknown';
}
