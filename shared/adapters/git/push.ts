import * as fs from 'node:fs';
import * as git from 'isomorphic-git';
import type { Clone } from './clone.ts';
import { gitRefused, lostRace, refusal, translateGitError } from './errors.ts';
import { headOnHost, type HostClient } from './host-client.ts';

const noCommit = '0'.repeat(40);

/** Pushes a commit to a ref of the host that is at `expected` (undefined: does not exist), and never over anything else. */
export async function pushCommit({ clone, host, url, ref, expected = noCommit, commit }: {
  clone: Clone;
  host: HostClient;
  /** Without credentials. */
  url: string;
  ref: string;
  expected: string | undefined;
  commit: string;
}): Promise<'pushed' | 'moved'> {
  const { gitdir } = await clone.folders();
  const words: string[] = [];
  let observed: string | undefined;
  try {
    await git.push({
      ...{ fs, gitdir, cache: clone.cache, ...host },
      ...{ remote: 'origin', ref: commit, remoteRef: ref },
      onMessage: (line) => void words.push(line.trim()),
      onPrePush: ({ remoteRef }) => {
        observed = remoteRef.oid;
        return observed === expected;
      },
    });
    return 'pushed';
  } catch (error) {
    // A push whose answer was lost, sent again.
    if (observed === commit) return 'pushed';
    if (observed !== undefined && observed !== expected) return 'moved';
    if (!(error instanceof git.Errors.GitPushError)) throw translateGitError({ error, subject: url });
    // Hosts word a lost race in many ways; where the branch is now tells it from a refusal.
    const current = await headOnHost({ host, ref, subject: url });
    if (current === commit) return 'pushed';
    if ((current ?? noCommit) !== expected) return 'moved';
    if (lostRace(error, ref)) return 'moved';
    throw gitRefused({
      subject: url,
      message: `refused the push: ${[refusal(error, ref), ...words].filter((line) => line !== '').join('; ')}`,
      remedy: "see the host's branch protection and hooks",
      cause: error,
    });
  }
}
