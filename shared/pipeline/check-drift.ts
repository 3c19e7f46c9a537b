import { encodeReconcileRequested } from '../events/reconcile-requested.ts';
import { askRemembered } from './common/ask-remembered.ts';
import { listLeased } from './common/claims.ts';
import { clearOldLooks } from './common/recall-looks.ts';
import { pollBranch } from './common/poll-branch.ts';
import type { Ports } from '../ports/ports.ts';
import type { StateAccess } from './common/read-state.ts';
import { environmentsToLookAfter } from './common/remembered-environments.ts';

export interface CheckDriftResult {
  /** `<class>/<name>` of every environment that got a job. */
  readonly checked: readonly string[];
}

/**
 * One job for every environment of every repository, and for each that is remembered and no longer declared, or of which
 * something may still come to be. A push
 * that nobody announced is announced here. Where the branch cannot be read, each that is remembered is to say so.
 * Throws, once all is published, what kept a repository from being checked.
 */
export async function checkDrift(
  { repositories, tick }: { repositories: readonly string[]; tick: string },
  ports: StateAccess & Pick<Ports, 'now' | 'repository' | 'topics'>,
): Promise<CheckDriftResult> {
  const outcomes = await Promise.allSettled(
    [...repositories].sort().map(async (name) => {
      const branch = await pollBranch(name, ports).catch(
        async (error: unknown) =>
          await askRemembered({ repository: name, occasion: tick, cause: 'schedule', error, ports }),
      );
      const environments = branch?.environments ?? [];
      const publish = async (environment: string): Promise<void> => {
        const job = { repository: name, environment, cause: 'schedule', head: branch?.commit } as const;
        await ports.topics.publish('reconcile', encodeReconcileRequested({ job, occasion: tick, time: ports.now() }));
      };
      await Promise.all(environments.map(publish));
      const known = branch === undefined ? [] : await environmentsToLookAfter({ repository: name, state: ports.state });
      const leased = branch === undefined ? [] : await listLeased({ repository: name }, ports);
      const removed = [...new Set([...known, ...leased])]
        .sort()
        .filter((environment) => !environments.includes(environment));
      await Promise.all(removed.map(publish));
      await branch?.remember();
      await clearOldLooks({ repository: name }, ports);
      return [...environments, ...removed].map((environment) => `${name}/${environment}`);
    }),
  );
  // Every publish has ended by now: a repository that cannot be read keeps no other from being checked.
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  return { checked: outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : [])) };
}
