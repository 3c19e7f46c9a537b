import { createHash } from 'node:crypto';
import { z } from 'zod';
import { eventId } from '../events/cloud-event.ts';
import type { CommitReport } from './commit-report.ts';

/** The commits of a class that a Git host is not through with: in the state bucket, one object a host and class. */
const toldCommitsSchema = z.object({
  version: z.literal(1),
  /** Who tells the host of them now; it ends a minute after it was written. */
  writer: z.string().nullable(),
  /** Newest last; `shows` is a hash of the report that the host has, null where it may have another. */
  commits: z.array(z.object({ commit: z.string(), shows: z.string().nullable() })),
  /** How many turns in a row did not tell it all: a host that refuses is asked less and less often. */
  failures: z.int().nonnegative().default(0),
});
export type ToldCommits = z.infer<typeof toldCommitsSchema>;
export type ToldCommit = ToldCommits['commits'][number];

/** Undefined for another version, a half of one, or anything else at its place. */
export function decodeToldCommits(value: unknown): ToldCommits | undefined {
  return toldCommitsSchema.safeParse(value).data;
}

/** Who tells a host has so long for it, and the next alert of the class comes meanwhile. Milliseconds. */
const leftAfter = 120_000;
const longestPause = 3_600_000;

/**
 * The newest commit of which the host may show something else, where nobody may be at it any more; undefined: none, or
 * the host is left alone, after each turn that failed for twice as long, an hour at most.
 *
 * @param age milliseconds since it was written
 */
export function leftUntold({ commits, failures }: ToldCommits, age: number): string | undefined {
  const pause = Math.min(leftAfter * 2 ** Math.min(Math.max(failures - 1, 0), 20), longestPause);
  return age < pause ? undefined : commits.findLast(({ shows }) => shows === null)?.commit;
}

export function toldCommitsPath({ host, repositoryClass }: { host: string; repositoryClass: string }): string {
  const name = encodeURIComponent(host.toWellFormed());
  return `commits/${name.length <= 200 ? name : eventId('sink', host)}/${repositoryClass}.json`;
}

/** So many that are not through are remembered: of a branch that fails for days, the newest. */
const mostCommits = 50;

/** Those that are remembered, and those that are asked for, which are the newest. */
export function withAsked(commits: readonly ToldCommit[], asked: readonly string[]): readonly ToldCommit[] {
  const isAsked = new Set(asked);
  const shown = new Map(commits.map(({ commit, shows }) => [commit, shows]));
  const others = commits.filter(({ commit }) => !isAsked.has(commit));
  const again = [...isAsked].map((commit) => ({ commit, shows: shown.get(commit) ?? null }));
  return [...others, ...again].slice(-mostCommits);
}

/** Whether a later look may say something else of the commit, as far as can be told. */
export function isOpenReport({ verdict, isIdle }: CommitReport): boolean {
  return !isIdle && verdict !== 'success';
}

/** The same for what a host shows in the same way. */
export function reportHash(report: CommitReport): string {
  return createHash('sha256').update(JSON.stringify(report)).digest('hex').slice(0, 32);
}
