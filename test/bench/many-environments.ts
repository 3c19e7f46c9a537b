import { dump } from 'js-yaml';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pipeline } from '../../local/pipeline.ts';
import type { KubernetesObject } from '../../shared/objects/kubernetes-object.ts';
import { asApplied, repository, selectorOf } from './fleet.ts';
import { pauseMilliseconds } from './fleet-cases.ts';
import { inTurns, noRounds, secondsOf, summarise, type Case, type CaseName } from './measure.ts';
import { someObjects } from './objects.ts';
import { isKind, type RawApi } from './raw-api.ts';
import { withReconciler, type Reconciler } from './reconciler.ts';
import { createWorkTree } from './work-tree.ts';

export interface ManyEnvironments {
  /** A check of all of them, 8 runs at a time, beside the raw LISTs of their objects, as many at a time. */
  checkAll(name: CaseName): Promise<Case>;
  /**
   * A commit that changes one object of one of them, from its announcement, beside the raw LISTs of that one and one
   * raw apply.
   */
  changeOne(name: CaseName): Promise<Case>;
}

const runsAtOnce = 8;
const main = 'refs/heads/main';

/**
 * Many environments of 25 objects of six kinds, each in a namespace and of manifests of its own, in one repository and
 * one cluster.
 */
export async function prepareManyEnvironments({
  pipeline,
  raw,
  count,
  rounds: roundCount,
}: {
  pipeline: Pipeline;
  raw: RawApi;
  count: number;
  rounds: number;
}): Promise<ManyEnvironments> {
  const tree = await createWorkTree({
    folder: join(pipeline.folder, `tree-many-${randomUUID()}`),
    remote: pipeline.git.path(repository),
  });
  const objects = someObjects();
  const kinds = [...new Set(objects.map(({ kind }) => kind))].filter(isKind);
  const environments = Array.from({ length: count }, (_, index) => `many-${String(index + 1).padStart(3, '0')}`);
  const write = async (environment: string, content: readonly KubernetesObject[]): Promise<void> =>
    tree.write({
      path: `manifests/${environment}/all.yaml`,
      content: content.map((object) => dump(object)).join('---\n'),
    });
  for (const environment of environments) {
    const spec = {
      cluster: pipeline.cluster,
      namespace: environment,
      sources: [{ manifests: `manifests/${environment}` }],
    };
    await tree.write({
      path: `environments/${environment}.yaml`,
      content: dump({ apiVersion: 'converge.dev/v1', kind: 'Environment', metadata: { name: environment }, spec }),
    });
    await write(environment, objects);
  }
  let head = await tree.push(main);
  const listOne = async (environment: string): Promise<void> =>
    raw.list({ kinds, namespace: environment, labelSelector: selectorOf(environment) });

  const converged = withReconciler(pipeline, (reconciler) =>
    atOnce(environments, (environment) =>
      reconciler.run({ job: { repository, environment, cause: 'commit' }, expected: ['converged'] }),
    ),
  );
  await converged;

  /** In place of what another case left. */
  const pushAgain = async (): Promise<string> => {
    await tree.follow();
    head = await tree.push(main);
    return head;
  };

  // As the schedule asks for it: with the head that it saw.
  const check = async (reconciler: Reconciler): Promise<void> =>
    atOnce(environments, (environment) =>
      reconciler.run({ job: { repository, environment, cause: 'schedule', head }, expected: ['unchanged'] }),
    );

  return {
    async checkAll(name) {
      const rounds = noRounds();
      await pushAgain();
      return await withReconciler(pipeline, async (reconciler) => {
        await check(reconciler);
        let others = { git: 0, state: 0 };
        for (let round = 0; round < roundCount; round++) {
          await sleep(pauseMilliseconds);
          await inTurns(round, {
            even: async () => {
              const before = { api: await raw.countRequests(), ...reconciler.calls() };
              rounds.seconds.push(await secondsOf(() => check(reconciler)));
              rounds.calls.push((await raw.countRequests()) - before.api);
              others = difference(reconciler, before);
            },
            odd: async () => {
              rounds.floor.push(await secondsOf(() => atOnce(environments, listOne)));
            },
          });
        }
        return {
          ...summarise({
            name,
            objects: count * objects.length,
            rounds,
            peakRssMiB: reconciler.peakRssMiB(),
            state: reconciler.state(),
          }),
          gitCalls: others.git,
          stateCalls: others.state,
        };
      });
    },
    async changeOne(name) {
      const rounds = noRounds();
      const change = {
        repository,
        url: pipeline.facts.repositories.develop,
        branch: 'main',
        commit: await pushAgain(),
        previous: null,
        artifacts: [],
      };
      const [first = ''] = environments;
      const [settings, ...rest] = objects;
      if (settings === undefined) throw new Error('there is no object to change');
      const one = asApplied({ objects: [settings], environment: first, namespace: `one-${first}` });
      await raw.createNamespace(`one-${first}`);
      return await withReconciler(pipeline, async (reconciler) => {
        // Environments that other cases left are torn down first.
        await reconciler.spread({ change, expected: 'anything' });
        await check(reconciler);
        let others = { git: 0, state: 0 };
        for (let round = 0; round < roundCount; round++) {
          await sleep(pauseMilliseconds);
          const data = { 'settings.properties': `round=${round + 1}\n` };
          await write(first, [{ ...settings, data }, ...rest]);
          const commit = await tree.push(main);
          await inTurns(round, {
            even: async () => {
              const before = { api: await raw.countRequests(), ...reconciler.calls() };
              rounds.seconds.push(await reconciler.spread({ change: { ...change, commit }, expected: ['converged'] }));
              rounds.calls.push((await raw.countRequests()) - before.api);
              others = difference(reconciler, before);
            },
            odd: async () => {
              rounds.floor.push(
                await secondsOf(async () => [
                  await listOne(first),
                  await raw.apply(one.map((object) => ({ ...object, data }))),
                ]),
              );
            },
          });
        }
        return {
          ...summarise({
            name,
            objects: count * objects.length,
            rounds,
            peakRssMiB: reconciler.peakRssMiB(),
            state: reconciler.state(),
          }),
          gitCalls: others.git,
          stateCalls: others.state,
        };
      });
    },
  };
}

function difference(reconciler: Reconciler, before: { git: number; state: number }): { git: number; state: number } {
  const { git, state } = reconciler.calls();
  return { git: git - before.git, state: state - before.state };
}

/** So many at a time as one instance's worth of runs each. */
export async function atOnce<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const queue = items.values();
  const worker = async (): Promise<void> => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: runsAtOnce }, worker));
}
