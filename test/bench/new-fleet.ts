import { setTimeout as sleep } from 'node:timers/promises';
import type { Pipeline } from '../../local/pipeline.ts';
import { withFarGit } from './far-git.ts';
import { asApplied, pushFleet, repository, selectorOf, type Fleet } from './fleet.ts';
import { pauseMilliseconds } from './fleet-cases.ts';
import { atOnce } from './many-environments.ts';
import { noRounds, secondsOf, summarise, type Case, type CaseName, type Rounds } from './measure.ts';
import { fourObjects } from './objects.ts';
import type { RawApi } from './raw-api.ts';
import { withReconciler, type Reconciler } from './reconciler.ts';

export interface NewFleet {
  /** The first convergence of all of them, 8 runs at a time, beside the raw applies of their objects. */
  install(name: CaseName): Promise<Case>;
  /** A commit that changes one object of each, beside the raw LISTs of their objects and a raw apply for each. */
  upgrade(name: CaseName): Promise<Case>;
}

interface Parts {
  readonly pipeline: Pipeline;
  readonly raw: RawApi;
}

/** Many environments of four objects each, whose convergences are written back to Git. */
export async function prepareNewFleet({
  pipeline,
  raw,
  name,
  count,
}: Parts & { name: string; count: number }): Promise<NewFleet> {
  const fleet = await pushFleet({ pipeline, name, count, objects: fourObjects(), perFile: 4 });
  let isInstalled = false;

  async function converge(reconciler: Reconciler): Promise<void> {
    await atOnce(fleet.environments, (environment) =>
      reconciler.run({
        job: { repository, environment, cause: 'commit', head: fleet.head() },
        expected: ['converged'],
      }),
    );
    isInstalled = true;
  }

  return {
    async install(caseName) {
      const rounds = noRounds();
      const others = await withReconciler(
        pipeline,
        async (reconciler) => ({
          ...(await counted({ reconciler, raw, rounds, work: converge })),
          peakRssMiB: reconciler.peakRssMiB(),
        }),
        { writeback: true },
      );
      rounds.floor.push(await rawInstall({ raw, fleet }));
      return caseOf({ name: caseName, fleet, rounds, ...others });
    },
    async upgrade(caseName) {
      await fleet.push();
      const rounds = noRounds();
      const others = await withReconciler(
        pipeline,
        async (reconciler) => {
          if (!isInstalled) await converge(reconciler);
          await sleep(pauseMilliseconds);
          await fleet.changeOne('upgraded=true\n');
          return {
            ...(await counted({ reconciler, raw, rounds, work: converge })),
            peakRssMiB: reconciler.peakRssMiB(),
          };
        },
        { writeback: true },
      );
      rounds.floor.push(await rawUpgrade({ raw, fleet }));
      return caseOf({ name: caseName, fleet, rounds, ...others });
    },
  };
}

/** The first convergence of 60 environments whose Git host takes 150 ms for each request. */
export async function measureFarGit({ pipeline, raw }: Parts): Promise<Case> {
  const fleet = await pushFleet({ pipeline, name: 'far', count: 60, objects: fourObjects(), perFile: 4 });
  return await withFarGit({ pipeline, milliseconds: 150 }, async (config) => {
    const rounds = noRounds();
    const others = await withReconciler(
      pipeline,
      async (reconciler) => {
        const work = async (): Promise<void> =>
          atOnce(fleet.environments, (environment) =>
            reconciler.run({
              job: { repository, environment, cause: 'commit', head: fleet.head() },
              expected: ['converged'],
            }),
          );
        return { ...(await counted({ reconciler, raw, rounds, work })), peakRssMiB: reconciler.peakRssMiB() };
      },
      { writeback: true, config },
    );
    return caseOf({ name: 'fleet-far-git-60', fleet, rounds, ...others });
  });
}

async function counted({
  reconciler,
  raw,
  rounds,
  work,
}: {
  reconciler: Reconciler;
  raw: RawApi;
  rounds: Rounds;
  work: (reconciler: Reconciler) => Promise<void>;
}): Promise<{ gitCalls: number; stateCalls: number }> {
  const before = { api: await raw.countRequests(), ...reconciler.calls() };
  rounds.seconds.push(await secondsOf(() => work(reconciler)));
  rounds.calls.push((await raw.countRequests()) - before.api);
  const { git, state } = reconciler.calls();
  return { gitCalls: git - before.git, stateCalls: state - before.state };
}

function caseOf({
  name,
  fleet,
  rounds,
  peakRssMiB,
  ...others
}: {
  name: CaseName;
  fleet: Fleet;
  rounds: Rounds;
  peakRssMiB: number;
  gitCalls: number;
  stateCalls: number;
}): Case {
  const environments = fleet.environments.length;
  const objects = environments * fleet.objects.length;
  return { ...summarise({ name, objects, rounds, peakRssMiB }), ...others, environments };
}

async function rawInstall({ raw, fleet }: { raw: RawApi; fleet: Fleet }): Promise<number> {
  return await secondsOf(() =>
    atOnce(fleet.environments, async (environment) => {
      const namespace = `floor-${environment}`;
      await raw.createNamespace(namespace);
      await raw.apply(asApplied({ objects: fleet.objects, environment, namespace }));
    }),
  );
}

async function rawUpgrade({ raw, fleet }: { raw: RawApi; fleet: Fleet }): Promise<number> {
  const { kinds, objects } = fleet;
  await atOnce(fleet.environments, (environment) => raw.createNamespace(`one-${environment}`));
  return await secondsOf(() =>
    atOnce(fleet.environments, async (environment) => {
      await raw.list({ kinds, namespace: environment, labelSelector: selectorOf(environment) });
      await raw.apply(asApplied({ objects: objects.slice(0, 1), environment, namespace: `one-${environment}` }));
    }),
  );
}
