import { lostRace, pushRefused } from './errors.ts';
import type { WrittenPack } from './pack-drafts.ts';
import type { GitHost } from './smart-http.ts';

/**
 * Points a ref of the host at a commit where the ref is at `expected` (undefined: does not exist), and never over
 * anything else: the host compares. A push whose answer was lost, and which is sent again, counts as pushed.
 */
export async function pushCommit({
  host,
  url,
  ref,
  expected,
  commit,
  pack,
}: {
  host: GitHost;
  /** Without credentials. */
  url: string;
  ref: string;
  expected: string | undefined;
  /** Undefined: the ref is to go. */
  commit: string | undefined;
  /** What the host lacks of it. */
  pack: WrittenPack;
}): Promise<'pushed' | 'moved'> {
  const { result, words } = await host
    .receivePack({ ref, expected, commit, pack: pack.read, bytes: pack.bytes })
    .catch(async (error: unknown) => {
      // The answer may have been lost alone. A host that does not answer now, either, leaves the first error to be
      // told.
      const isThere = await host.readRef(ref).then(
        (current) => current === commit,
        () => false,
      );
      if (!isThere) throw error;
      return { result: 'ok', words: [] };
    });
  if (result === 'ok') return 'pushed';
  // Hosts word a lost race in many ways; where the ref is now tells it from a refusal.
  const current = await host.readRef(ref);
  if (current === commit) return 'pushed';
  if (current !== expected || lostRace(result)) return 'moved';
  throw pushRefused({ subject: url, words: [result, ...words].join('; ') });
}
