import { randomUUID } from 'node:crypto';
import { ConvergeError, describeError } from '../base/errors.ts';
import { commitOf } from '../base/revision.ts';
import type { Config } from '../config/config.ts';
import { projectAt, type GitHostConfig } from '../config/git-hosts.ts';
import type { ChangeCommitted } from '../events/change-committed.ts';
import type { ReceivedAlert } from '../events/received-alert.ts';
import { commitReport } from '../notices/commit-report.ts';
import {
  decodeToldCommits,
  isOpenReport,
  reportHash,
  toldCommitsPath,
  withAsked,
  type ToldCommit,
} from '../notices/told-commits.ts';
import type { GitHosts } from '../ports/git-hosts.ts';
import type { Ports } from '../ports/ports.ts';
import type { GenerationPrecondition } from '../ports/storage.ts';
import { commitStatus } from './commit-status.ts';
import { inTurn } from './common/host-turns.ts';
import { betweenWrites, restOf } from './common/pauses.ts';
import { ageOf, readState, valueOrNone } from './common/read-state.ts';

export type TellPorts = Pick<Ports, 'gitHosts' | 'repository' | 'state' | 'log' | 'now' | 'sleep'>;

export interface CommitsForHost {
  readonly host: GitHostConfig;
  readonly repositoryClass: string;
  /** Those that something happened to; all that the host is not through with are looked at, too. */
  readonly commits: readonly string[];
}

/** How many looks another instance is waited for, when it has died, and how long a turn begins with another commit. */
const looks = 15;
const diesAfter = 60_000;
const longestTurn = 40_000;

/** Commits of one class that something happened to. */
export type NamedCommits = Pick<CommitsForHost, 'repositoryClass' | 'commits'>;

/** The Git hosts of the configuration. */
export type HostsConfig = Pick<Config, 'repositories'> & { readonly alerts: Pick<Config['alerts'], 'gitHosts'> };

/**
 * The Git hosts, each to be told of those commits as a sink is of an alert.
 *
 * @param ports opened by those alone who tell one: others need no Git
 */
export function gitHostSinks(
  of: NamedCommits | undefined,
  { repositories, alerts }: HostsConfig,
  ports: () => Promise<TellPorts>,
): readonly { readonly name: string; readonly tell: () => Promise<'told' | 'unmeant'> }[] {
  if (of === undefined) return [];
  return alerts.gitHosts.map((host) => ({
    name: host.name,
    tell: async () => await tellGitHost({ host, ...of }, { repositories }, await ports()),
  }));
}

/**
 * Tells the Git hosts of a commit that was announced: it is pending. Never fails, as jobs were sent for it: what is not
 * told now, the next alert of the class tells.
 */
export async function tellCommitted(
  { repository: repositoryClass, commit }: ChangeCommitted,
  config: HostsConfig,
  ports: () => Promise<TellPorts>,
): Promise<void> {
  const sinks = gitHostSinks({ repositoryClass, commits: [commit] }, config, ports);
  await Promise.all(
    sinks.map(async ({ name, tell }) => {
      await tell().catch(async (error: unknown) => {
        const { log } = await ports();
        log('WARNING', 'a Git host was not told of a commit', { host: name, commit, error: describeError(error) });
      });
    }),
  );
}

/** The commits of which an alert may change what is true; none where it is of no environment. */
export function commitsOf(alert: ReceivedAlert): NamedCommits | undefined {
  if (alert.kind !== undefined) return undefined;
  const { repository: repositoryClass, cause, revision } = alert.data;
  const rollback = alert.topic === 'diff' ? alert.data.rollback : null;
  const named = [cause?.commit ?? '', commitOf(revision), rollback?.commit ?? ''];
  return { repositoryClass, commits: [...new Set(named)].filter((commit) => /^[0-9a-f]{40}$/.test(commit)) };
}

/**
 * Shows on a Git host what is true now of commits of one class, and of those that it was not through with. Nothing of it
 * rests on what led here: twice, late or in another order, the host shows the same in the end. One at a time tells a host
 * of a class, so that nothing older is shown after something newer. `unmeant`: the repository is not there.
 *
 * Throws as `GitHosts` and `commitStatus` do; `SinkUnavailable` (retry) where another one takes too long.
 */
export async function tellGitHost(
  { host, repositoryClass, commits }: CommitsForHost,
  { repositories }: Pick<Config, 'repositories'>,
  ports: TellPorts,
): Promise<'told' | 'unmeant'> {
  const settings = repositories[repositoryClass];
  const project = settings === undefined ? undefined : projectAt(host, { ...settings, repositoryClass });
  if (settings === undefined || project === undefined) return 'unmeant';
  const path = toldCommitsPath({ host: host.name, repositoryClass });
  await inTurn({ key: path, asked: commits, state: ports.state }, async (asked) => {
    const claim = await claimTurn({ path, asked, host }, ports);
    const { tls, proxy, proxySecretFile } = settings;
    const connection = { tls, proxy, proxySecretFile };
    const outcome = await tellAll({ host, connection, project, repositoryClass, ...claim }, ports);
    await endTurn({ path, claim, outcome }, ports);
    if (outcome.failure !== undefined) throw outcome.failure.error;
  });
  return 'told';
}

interface Turn {
  readonly generation: string;
  /** Milliseconds since 1970, by our clock. */
  readonly began: number;
  readonly commits: readonly ToldCommit[];
  /** Of the turns before it. */
  readonly failures: number;
}

/** Writes down what is asked, so that it is looked at whatever becomes of this turn. */
async function claimTurn(
  { path, asked, host }: { path: string; asked: readonly string[]; host: GitHostConfig },
  ports: TellPorts,
): Promise<Turn> {
  const writer = randomUUID();
  for (let look = 1; look <= looks; look++) {
    const found = await readState({ path, decode: decodeToldCommits }, ports);
    const record = valueOrNone(found);
    const age = found === undefined ? Number.POSITIVE_INFINITY : ageOf(found);
    // The answer of our own write was lost.
    const isOurs = record?.writer === writer;
    const isBusy = age < betweenWrites || (record !== undefined && record.writer !== null && age < diesAfter);
    if (isOurs && found !== undefined)
      return {
        generation: found.generation,
        began: ports.now().getTime(),
        commits: record.commits,
        failures: record.failures,
      };
    if (!isBusy) {
      const turn = { commits: withAsked(record?.commits ?? [], asked), failures: record?.failures ?? 0 };
      const ifGeneration: GenerationPrecondition = found === undefined ? 'absent' : { generation: found.generation };
      const written = await ports.state.write({ path, value: { version: 1, writer, ...turn }, ifGeneration });
      if (written !== 'conflict') return { generation: written.generation, began: ports.now().getTime(), ...turn };
    }
    await ports.sleep(betweenWrites);
  }
  throw unavailable(host, 'another instance is telling it of commits of the class');
}

function unavailable({ name }: GitHostConfig, message: string): ConvergeError {
  return new ConvergeError({ code: 'SinkUnavailable', subject: `alert sink ${name}`, message, disposition: 'retry' });
}

interface Told {
  readonly commits: readonly ToldCommit[];
  readonly failure?: { readonly error: unknown };
}

type Telling = Pick<CommitsForHost, 'host' | 'repositoryClass'> &
  Turn & { readonly project: string; readonly connection: Parameters<GitHosts['report']>[0]['connection'] };

/**
 * The newest first, as people look at that. Never fails: a refusal keeps no other commit from being told, and anything
 * else ends the turn.
 */
async function tellAll(telling: Telling, ports: TellPorts): Promise<Told> {
  const { host, began } = telling;
  const known = new Map(telling.commits.map(({ commit, shows }) => [commit, shows]));
  const due = telling.commits.map(({ commit }) => commit).toReversed();
  const result = (failure?: Told['failure']): Told => ({
    commits: [...known].map(([commit, shows]) => ({ commit, shows })),
    ...(failure === undefined ? {} : { failure }),
  });
  let refusal: Told['failure'];
  for (const commit of due) {
    if (ports.now().getTime() - began >= longestTurn)
      return result({ error: unavailable(host, 'there is more to tell it of commits than one turn takes') });
    try {
      const { further, shows } = await tellOne({ ...telling, commit, shows: known.get(commit) ?? null }, ports);
      if (shows === undefined) known.delete(commit);
      else known.set(commit, shows);
      for (const other of further) {
        if (known.has(other) || due.includes(other)) continue;
        known.set(other, null);
        due.push(other);
      }
    } catch (error) {
      known.set(commit, null);
      if (!(error instanceof ConvergeError) || error.disposition !== 'refuse') return result({ error });
      ports.log('WARNING', 'a Git host was not told of a commit', {
        host: host.name,
        commit,
        error: describeError(error),
      });
      refusal ??= { error };
    }
  }
  return result(refusal);
}

/** @returns shows what the host has of it now; undefined where nothing more is to be told. `further`: to be told as well */
async function tellOne(
  { host, connection, project, repositoryClass, commit, shows }: Telling & ToldCommit,
  ports: TellPorts,
): Promise<{ shows: string | undefined; further: readonly string[] }> {
  const found = await statusOf({ repository: repositoryClass, commit }, ports);
  if (found === undefined) return { shows: undefined, further: [] };
  const report = commitReport(found);
  const [hash, isOpen] = [reportHash(report), isOpenReport(report)];
  if (shows === hash) return { shows: isOpen ? hash : undefined, further: [] };
  const { branch } = ports.repository(repositoryClass);
  const { mergedBy } = await ports.gitHosts.report({ host, connection, project, branch, report });
  return { shows: isOpen ? hash : undefined, further: mergedBy };
}

/** Undefined for what is no recent commit of the branch, or none any more. */
async function statusOf(of: { repository: string; commit: string }, ports: TellPorts) {
  try {
    return await commitStatus(of, ports);
  } catch (error) {
    if (error instanceof ConvergeError && error.code === 'BadRequest') return undefined;
    throw error;
  }
}

/** Never fails: who comes next finds what was asked, and asks the host what it has. */
async function endTurn(
  { path, claim, outcome }: { path: string; claim: Turn; outcome: Told },
  ports: TellPorts,
): Promise<void> {
  const pause = restOf({ pause: betweenWrites, since: claim.began, now: ports.now() });
  if (pause > 0) await ports.sleep(pause);
  const failures = outcome.failure === undefined ? 0 : claim.failures + 1;
  const value = { version: 1, writer: null, commits: outcome.commits, failures };
  const written = await ports.state
    .write({ path, value, ifGeneration: { generation: claim.generation } })
    .catch((error: unknown) => ({ error }));
  if (written !== 'conflict' && !('error' in written)) return;
  const error = written === 'conflict' ? 'somebody else has written it' : describeError(written.error);
  ports.log('WARNING', 'what a Git host was told could not be written down', { path, error });
}
