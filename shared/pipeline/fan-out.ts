import type { ChangeCommitted } from '../events/change-committed.ts';
import { encodeReconcileRequested, encodeTryAgain } from '../events/reconcile-requested.ts';
import { inDependencyOrder } from '../memory/gate.ts';
import type { Memory } from '../memory/memory.ts';
import { isMadeOf, sameInputs } from '../environment/inputs.ts';
import { isOpen } from '../memory/incident.ts';
import { inputsUnderWay, listClaims } from './common/claims.ts';
import { askRemembered } from './common/ask-remembered.ts';
import { dependencyGraph, listEnvironments } from './common/declared-environments.ts';
import { fetchBranch } from './common/fetch-branch.ts';
import { recentCommits } from './commit-status.ts';
import { withoutEvidence } from '../memory/evidence.ts';
import type { Ports } from '../ports/ports.ts';
import type { Commit, Repository } from '../ports/git.ts';
import { artifactUri, pathOfArtifact, type ArtifactId } from '../source/artifact.ts';
import { parseProvenance } from '../source/commit-message.ts';
import { readInputs } from './common/render-inputs.ts';
import { recallMemories } from './common/remembered-environments.ts';
import { tellUnused } from './common/tell-unused.ts';

/** How far behind the head the commit of an announcement is looked for. Milliseconds. */
const lookBack = 24 * 3_600_000;

export interface FanOutResult {
  readonly commit: string | undefined;
  /** The environments that got a job, and the ones the change does not touch. */
  readonly due: readonly string[];
  readonly untouched: readonly string[];
  /** Environments that are remembered and no longer declared: they got a job, too. */
  readonly removed: readonly string[];
  /** Environments that failed, and are tried again because what they are made of was uploaded once more: they got a job. */
  readonly again: readonly string[];
  /** Paths of the uploads of which nothing comes, which was told. */
  readonly unused: readonly string[];
}

/**
 * One job for each environment that a change affects: where the Git object id of an input differs from the one that is
 * attempted by a run that is at work, or else was attempted last; what failed there is tried again by the schedule. The head of the branch is what is compared: it
 * is the announced commit, or a later one.
 *
 * An upload that made no commit, because Git has its content, changes nothing: it asks that what failed of it is tried
 * again, as something may have been mended that is not in Git.
 *
 * An environment file that cannot be read is due like any other that changed: its own run says what is wrong with it.
 * Jobs of environments that others depend on are sent first, which spares these a look; each holds its own gate. Once
 * all are sent, it is told of what uploads nothing comes.
 *
 * Throws `BranchMissing`, `UnreadableObject` (refuse) once every environment that is remembered was asked to say so.
 */
export async function fanOut(
  change: ChangeCommitted,
  ports: Pick<Ports, 'now' | 'log' | 'repository' | 'state' | 'topics'>,
): Promise<FanOutResult> {
  const repository = ports.repository(change.repository);
  const ask = async (error: unknown) =>
    await askRemembered({ repository: change.repository, occasion: change.commit, cause: 'commit', error, ports });
  const head = await fetchBranch({ repository, state: ports.state }).catch(ask);
  if (head === undefined) return { commit: undefined, due: [], untouched: [], removed: [], again: [], unused: [] };
  const environments = await listEnvironments({ repository, commit: head.id }).catch(ask);
  const claims = await listClaims({ repository: change.repository, state: ports.state });
  const remembered = await recallMemories({ repository: change.repository }, ports, (memory) =>
    withoutEvidence(memory, () => false),
  );
  const verdicts = await Promise.all(
    environments.map(async (environment) => {
      const of = { repository: change.repository, environment };
      const memory = remembered.get(environment)?.memory;
      const underWay = await inputsUnderWay(of, { claim: claims.get(environment), memory }, ports);
      return { environment, due: await isDue({ memory, underWay, repository, commit: head.id }) };
    }),
  );
  const due = verdicts.filter((verdict) => verdict.due).map((verdict) => verdict.environment);
  const dependsOn =
    due.length > 1 ? await dependencyGraph({ repository, commit: head.id }) : new Map<string, readonly string[]>();
  for (const group of inDependencyOrder({ names: due, dependsOn })) {
    await Promise.all(
      group.map(async (environment) => {
        const job = { repository: change.repository, environment, cause: 'commit', head: head.id } as const;
        await ports.topics.publish(
          'reconcile',
          encodeReconcileRequested({ job, occasion: head.id, time: ports.now() }),
        );
      }),
    );
  }
  const isDeclared = new Set(environments);
  // A lease without a memory: that was deleted.
  const known = [...new Set([...remembered.keys(), ...claims.keys()])].sort();
  const removed = known.filter((name) => !isDeclared.has(name));
  await Promise.all(
    removed.map(async (environment) => {
      const job = { repository: change.repository, environment, cause: 'commit', head: head.id } as const;
      await ports.topics.publish('reconcile', encodeReconcileRequested({ job, occasion: head.id, time: ports.now() }));
    }),
  );
  const failed = environments.flatMap((environment) => {
    const memory = remembered.get(environment)?.memory;
    const of = due.includes(environment)
      ? []
      : change.artifacts.filter((artifact) => hasFailedOf({ memory, artifact }));
    return of.length === 0 ? [] : [{ environment, of }];
  });
  const copied = failed.length === 0 ? new Set<string>() : await copiedBy({ commit: change.commit, head, repository });
  const again = failed.flatMap(({ environment, of }) => {
    const artifact = of.map(artifactUri).find((uri) => !copied.has(uri));
    return artifact === undefined ? [] : [{ environment, artifact }];
  });
  await Promise.all(
    again.map(async ({ environment, artifact }) => {
      const asked = { repository: change.repository, environment, head: head.id, artifact, time: ports.now() };
      await ports.topics.publish('reconcile', encodeTryAgain(asked));
    }),
  );
  const untouched = environments.filter((environment) => !due.includes(environment));
  const unused = await tellUnused({ change, head: head.id, repository, remembered }, ports);
  return {
    commit: head.id,
    due,
    removed,
    untouched,
    again: again.map(({ environment }) => environment),
    unused: unused.map(({ path }) => path),
  };
}

async function isDue({
  memory,
  underWay,
  repository,
  commit,
}: {
  memory: Memory | undefined;
  underWay: Awaited<ReturnType<typeof inputsUnderWay>>;
  repository: Repository;
  commit: string;
}): Promise<boolean> {
  const attempted = underWay ?? memory?.attempted?.inputs;
  if (attempted === undefined || attempted === 'unknown') return true;
  const current = await readInputs({ repository, commit, paths: Object.keys(attempted) });
  return !sameInputs({ attempted, current });
}

/** The uploads that a commit of the branch names: it had the content of others before they came. */
async function copiedBy({
  commit: id,
  head,
  repository,
}: {
  commit: string;
  head: Commit;
  repository: Repository;
}): Promise<ReadonlySet<string>> {
  const commits = head.id === id ? [head] : await recentCommits({ repository, head, milliseconds: lookBack });
  const commit = commits.find((one) => one.id === id);
  return new Set(commit === undefined ? [] : parseProvenance(commit.message).artifacts.map(artifactUri));
}

function hasFailedOf({ memory, artifact }: { memory: Memory | undefined; artifact: ArtifactId }): boolean {
  const path = pathOfArtifact(artifact);
  if (memory === undefined || path === undefined || !isOpen(memory.incident)) return false;
  const { converged, attempted } = memory;
  const inputs = [...Object.keys(attempted?.inputs ?? {}), ...Object.keys(converged?.inputs ?? {})];
  return isMadeOf(inputs, path);
}
