import { encodeReconcileRequested } from '../events/reconcile-requested.ts';
import type { Ports } from './ports.ts';
import { listEnvironments } from './fan-out.ts';

export interface CheckDriftResult {
  /** `<class>/<name>` of every environment that got a job. */
  readonly checked: readonly string[];
}

/**
 * One job with `mode: check` for every environment of every repository. The job looks at the head of the branch, so a push
 * that nobody announced is found here too.
 */
export async function checkDrift(
  { repositories, tick }: { repositories: readonly string[]; tick: string },
  ports: Pick<Ports, 'now' | 'repository' | 'topics'>,
): Promise<CheckDriftResult> {
  const checked = await Promise.all(
    [...repositories].sort().map(async (name) => {
      const repository = ports.repository(name);
      const head = await repository.fetchHead();
      const environments = head === undefined ? [] : await listEnvironments({ repository, commit: head.id });
      await Promise.all(
        environments.map(async (environment) => {
          const job = { repository: name, environment, mode: 'check', cause: 'schedule' } as const;
          await ports.topics.publish('reconcile', encodeReconcileRequested({ job, occasion: tick, time: ports.now() }));
        }),
      );
      return environments.map((environment) => `${name}/${environment}`);
    }),
  );
  return { checked: checked.flat() };
}
