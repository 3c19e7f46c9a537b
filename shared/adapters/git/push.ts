import { lostRace, pushRefused } from './errors.ts';
import type { WrittenPack } from './pack-drafts.ts';
import type { GitHost, RefMove } from './smart-http.ts';

/**
 * Points refs of the host at commits where each ref is at `expected` (undefined: does not exist), and never over
 * anything else: the host compares. A push whose answer was lost, and which is sent again, counts as pushed.
 */
export async function pushRefs({
  host,
  url,
  moves,
  pack,
}: {
  host: GitHost;
  /** Without credentials. */
  url: string;
  moves: readonly RefMove[];
  /** What the host lacks of the commits. */
  pack: WrittenPack;
}): Promise<'pushed' | 'moved'> {
  const { result, words } = await host
    .receivePack({ moves, pack: pack.read, bytes: pack.bytes })
    .catch(async (error: unknown) => {
      // The answer may have been lost alone. A host that does not answer now, either, leaves the first error to be
      // told.
      const isThere = await placesOf({ host, moves }).then(areThere, () => false);
      if (!isThere) throw error;
      return { result: 'ok', words: [] };
    });
  if (result === 'ok') return 'pushed';
  // Hosts word a lost race in many ways; where the refs are now tells it from a refusal.
  const places = await placesOf({ host, moves });
  if (areThere(places)) return 'pushed';
  const isMoved = places.some(({ move, current }) => current !== move.expected);
  if (isMoved || lostRace(result)) return 'moved';
  throw pushRefused({ subject: url, words: [result, ...words].join('; ') });
}

/** Where a ref is now that was to be moved. */
interface Place {
  readonly move: RefMove;
  readonly current: string | undefined;
}

async function placesOf({ host, moves }: { host: GitHost; moves: readonly RefMove[] }): Promise<readonly Place[]> {
  const refs = await host.listRefs(moves.map(({ ref }) => ref));
  return moves.map((move) => ({ move, current: refs.get(move.ref) }));
}

function areThere(places: readonly Place[]): boolean {
  return places.every(({ move, current }) => current === move.commit);
}
