import type { Converged, Diff } from '../../shared/events/alert.ts';
import { eventually, type World } from './world.ts';

/** How a test waits for what subscribers are told. */
export interface Alerts {
  /**
   * The first `converged` of an environment at a commit of `main`. Where none comes, the error has the diffs of the
   * environment.
   */
  convergedAt(this: void, environment: string, commit: string): Promise<Converged>;
  /** The first `diff` of an environment at a commit of `main`, of those that are meant where that is asked. */
  diffAt(this: void, environment: string, commit: string, isMeant?: (diff: Diff) => boolean): Promise<Diff>;
}

/** `world` is called at each wait: a test's world starts after its module is read. */
export function alertsOf(world: () => World): Alerts {
  const at = (environment: string, commit: string) => (alert: Converged | Diff) =>
    alert.environment === environment && alert.revision === `main@sha1:${commit}`;
  return {
    async convergedAt(environment, commit) {
      try {
        return await eventually(`${environment} converged at ${commit}`, () =>
          world().converged.find(at(environment, commit)),
        );
      } catch (error) {
        const told = world().diffs.filter((diff) => diff.environment === environment);
        throw new Error(`told were ${JSON.stringify(told.map(({ summary }) => summary))}`, { cause: error });
      }
    },
    async diffAt(environment, commit, isMeant = () => true) {
      const isAt = at(environment, commit);
      return eventually(`${environment} has a diff at ${commit}`, () =>
        world().diffs.find((diff) => isAt(diff) && isMeant(diff)),
      );
    },
  };
}
