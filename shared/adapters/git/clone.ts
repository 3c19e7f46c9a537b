import * as fs from 'node:fs';
import { mkdir, mkdtemp } from 'node:fs/promises';
import path from 'node:path';
import * as git from 'isomorphic-git';
import { gitRefused, translateGitError } from './errors.ts';
import type { HostClient } from './host-client.ts';

export interface Folders {
  readonly gitdir: string;
  /** Trees on disk, one folder each. */
  readonly checkouts: string;
}

/** A bare shallow clone of one branch, made on first use. */
export interface Clone {
  folders(): Promise<Folders>;
  /** Brings that many commits of the branch, or of another ref, here, and returns its tip. Undefined where the host has no such ref. */
  fetchTo(depth: number, ref?: string): Promise<string | undefined>;
  /** Packs and their indexes, so that a warm clone reads each only once. */
  readonly cache: object;
}

export function createClone({ name, cacheFolder, branch, host, url }: {
  name: string;
  cacheFolder: string;
  branch: string;
  host: HostClient;
  /** Without credentials. */
  url: string;
}): Clone {
  const branchRef = `refs/heads/${branch}`;
  const trackingRef = `refs/remotes/origin/${branch}`;
  const cache = {};
  let opening: Promise<Folders> | undefined;

  async function open(): Promise<Folders> {
    await mkdir(cacheFolder, { recursive: true });
    const folder = await mkdtemp(path.join(cacheFolder, `${name}-`));
    const gitdir = path.join(folder, 'git');
    const checkouts = path.join(folder, 'trees');
    await git.init({ fs, gitdir, bare: true, defaultBranch: branch });
    await git.addRemote({ fs, gitdir, remote: 'origin', url });
    await mkdir(checkouts);
    return { gitdir, checkouts };
  }

  function folders(): Promise<Folders> {
    opening ??= open().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  }

  async function fetchTo(depth: number, ref = branchRef): Promise<string | undefined> {
    const { gitdir } = await folders();
    try {
      const fetched = await git.fetch({
        ...{ fs, gitdir, cache, ...host, depth },
        ...{ remote: 'origin', ref: ref === branchRef ? trackingRef : ref, remoteRef: ref, singleBranch: true, tags: false },
      });
      return fetched.fetchHead ?? undefined;
    } catch (error) {
      if (error instanceof git.Errors.NotFoundError && error.data.what === ref) return undefined;
      if (error instanceof git.Errors.NotFoundError && error.data.what === 'HEAD') {
        throw gitRefused({ subject: url, message: 'its HEAD names a branch that does not exist', remedy: `point HEAD at ${branchRef}`, cause: error });
      }
      throw translateGitError({ error, subject: url });
    }
  }

  return { folders, fetchTo, cache };
}
