import { encodeReconcileRequested, type ReconcileRequested } from '../../events/reconcile-requested.ts';
import { isAboutBranch } from './fetch-branch.ts';
import type { Ports } from '../../ports/ports.ts';
import { rememberedEnvironments } from './remembered-environments.ts';

/**
 * Has every environment that is remembered look at a branch that cannot be read: which of them it declares is not
 * known, and each tells that it is not what was converged any more. Throws the error, whatever it is about.
 */
export async function askRemembered({
  repository,
  occasion,
  cause,
  error,
  ports,
}: {
  repository: string;
  /** What the messages are named by, beside their environment. */
  occasion: string;
  cause: ReconcileRequested['cause'];
  error: unknown;
  ports: Pick<Ports, 'now' | 'state' | 'topics'>;
}): Promise<never> {
  if (isAboutBranch(error)) {
    const environments = await rememberedEnvironments({ repository, state: ports.state });
    await Promise.all(
      environments.map(async (environment) => {
        const job = { repository, environment, cause } as const;
        // Not the occasion alone: once the branch is back, the job of the same commit is no double of this one.
        const unread = `${occasion} unread`;
        await ports.topics.publish('reconcile', encodeReconcileRequested({ job, occasion: unread, time: ports.now() }));
      }),
    );
  }
  throw error;
}
