import { expect } from 'vitest';
import { convergedSchema, diffSchema, type Converged, type Diff } from '../../shared/events/alert.ts';
import type { InProcess } from './in-process.ts';
import type { RepositoryClass } from './world.ts';

/** Runs in the process of the test, and what they told. */
export interface Runs {
  /** Runs each once, in this order: it converges, or has nothing to do. */
  converge(this: void, ...environments: readonly string[]): Promise<void>;
  /** In the order in which they were published. */
  diffsOf(this: void, environment: string, repository?: RepositoryClass): Diff[];
  convergedOf(this: void, environment: string, repository?: RepositoryClass): Converged[];
  /** Throws where there is none. */
  lastDiff(this: void, environment: string): Diff;
  lastConverged(this: void, environment: string): Converged;
}

/** `stage` is called at each use: a test's world starts after its module is read. */
export function runsOf(stage: () => InProcess): Runs {
  const published = (topic: 'diff' | 'converged', subject: string): unknown[] =>
    stage().published.flatMap(({ topic: of, event }) =>
      of === topic && event.subject === subject ? [event.data] : [],
    );
  const diffsOf: Runs['diffsOf'] = (environment, repository = 'master') =>
    published('diff', `${repository}/${environment}`).map((data) => diffSchema.parse(data));
  const convergedOf: Runs['convergedOf'] = (environment, repository = 'master') =>
    published('converged', `${repository}/${environment}`).map((data) => convergedSchema.parse(data));
  return {
    async converge(...environments) {
      for (const environment of environments) {
        const result = await stage().run(environment);
        expect(result, JSON.stringify({ environment, result })).toMatchObject({
          outcome: expect.stringMatching(/^(converged|unchanged)$/),
        });
      }
    },
    diffsOf,
    convergedOf,
    lastDiff: (environment) => last(environment, diffsOf(environment)),
    lastConverged: (environment) => last(environment, convergedOf(environment)),
  };
}

function last<T>(environment: string, alerts: readonly T[]): T {
  const alert = alerts.at(-1);
  if (alert === undefined) throw new Error(`nothing was told of ${environment}`);
  return alert;
}
