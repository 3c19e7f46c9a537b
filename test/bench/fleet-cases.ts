import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Pipeline } from '../../local/pipeline.ts';
import type { KubernetesObject } from '../../shared/objects/kubernetes-object.ts';
import { asApplied, pushFleet, repository, selectorOf, type Fleet } from './fleet.ts';
import { inTurns, noRounds, secondsOf, summarise, type Case, type CaseName } from './measure.ts';
import type { RawApi } from './raw-api.ts';
import { withReconciler, type Reconciler } from './reconciler.ts';

/**
 * Between two runs of one environment. Cloud Storage takes one write a second of one object beyond a burst, locally
 * too, and a run writes its lease twice: checks without a pause would measure the 429s.
 */
export const pauseMilliseconds = 2000;

export interface FleetBench {
  /** First applies of all objects, beside as many raw server-side applies of equal ones. */
  apply(name: CaseName): Promise<Case>;
  /** A run with nothing to do, beside the raw LISTs of those objects. */
  unchanged(name: CaseName, look: Look): Promise<Case>;
  /**
   * A check that finds ten edited ConfigMaps and names them, in an environment that does not heal, beside the raw LISTs
   * of its objects.
   */
  drifted(name: CaseName): Promise<Case>;
  /** A commit that changes one object, beside the raw LISTs and the raw apply of one. */
  changeOne(name: CaseName): Promise<Case>;
}

export type Look = { readonly cause: 'commit' } | { readonly cause: 'schedule' };

/** How long a raw apply of these objects takes, up to the state that the product waits for. */
export type FloorOf = (api: RawApi, objects: readonly KubernetesObject[], namespace: string) => Promise<void>;

export const applyOnly: FloorOf = async (api, objects) => api.apply(objects);

export async function prepareFleet({
  pipeline,
  raw,
  floorOf = applyOnly,
  applyRounds,
  readRounds,
  ...load
}: {
  pipeline: Pipeline;
  raw: RawApi;
  name: string;
  objects: readonly KubernetesObject[];
  perFile: number;
  applyRounds: number;
  readRounds: number;
  floorOf?: FloorOf;
  spec?: Readonly<Record<string, unknown>>;
}): Promise<FleetBench> {
  const fleet: Fleet = await pushFleet({ pipeline, count: applyRounds, ...load });
  const [first = ''] = fleet.environments;
  const applied = new Set<string>();
  const objects = fleet.objects.length;

  async function applyFirst(reconciler: Reconciler, environment: string): Promise<number> {
    const seconds = await reconciler.run({
      job: { repository, environment, cause: 'commit' },
      expected: ['converged'],
    });
    applied.add(environment);
    return seconds;
  }

  const listAll = async (): Promise<void> =>
    raw.list({ kinds: fleet.kinds, namespace: first, labelSelector: selectorOf(first) });

  /** Brings the first environment there, in a process of its own, whose memory is not this case's. */
  async function convergeFirst(): Promise<void> {
    await fleet.push();
    if (!applied.has(first)) await withReconciler(pipeline, (reconciler) => applyFirst(reconciler, first));
  }

  return {
    async apply(name) {
      const rounds = noRounds();
      return await withReconciler(pipeline, async (reconciler) => {
        for (const [round, environment] of fleet.environments.entries()) {
          const namespace = `floor-${environment}`;
          await raw.createNamespace(namespace);
          const equal = asApplied({ objects: fleet.objects, environment, namespace });
          await inTurns(round, {
            even: async () => {
              const before = await raw.countRequests();
              rounds.seconds.push(await applyFirst(reconciler, environment));
              rounds.calls.push((await raw.countRequests()) - before);
            },
            odd: async () => {
              rounds.floor.push(await secondsOf(() => floorOf(raw, equal, namespace)));
            },
          });
        }
        return summarise({ name, objects, rounds, peakRssMiB: reconciler.peakRssMiB(), state: reconciler.state() });
      });
    },
    async unchanged(name, look) {
      await convergeFirst();
      const rounds = noRounds();
      const job = { repository, environment: first, ...look };
      return await withReconciler(pipeline, async (reconciler) => {
        await reconciler.run({ job, expected: ['unchanged'] });
        for (let round = 0; round < readRounds; round++) {
          await sleep(pauseMilliseconds);
          await inTurns(round, {
            even: async () => {
              const before = await raw.countRequests();
              rounds.seconds.push(await reconciler.run({ job, expected: ['unchanged'] }));
              rounds.calls.push((await raw.countRequests()) - before);
            },
            odd: async () => {
              rounds.floor.push(await secondsOf(listAll));
            },
          });
        }
        return summarise({ name, objects, rounds, peakRssMiB: reconciler.peakRssMiB(), state: reconciler.state() });
      });
    },
    async drifted(name) {
      await convergeFirst();
      const rounds = noRounds();
      const job = { repository, environment: first, cause: 'schedule' } as const;
      const edited = fleet.objects.slice(0, 10);
      const names = edited.map(({ metadata }) => metadata.name ?? '');
      const restore = async (): Promise<void> => {
        for (const object of edited)
          await raw.editData({ names: [object.metadata.name ?? ''], namespace: first, data: dataOf(object) });
      };
      return await withReconciler(pipeline, async (reconciler) => {
        // The first look that finds something renders it all: what an instance keeps is measured.
        for (let round = -1; round < readRounds; round++) {
          await sleep(pauseMilliseconds);
          await raw.editData({ names, namespace: first, data: { 'settings.properties': `edited=${round}` } });
          const before = await raw.countRequests();
          const seconds = await reconciler.run({ job, expected: ['diverged'] });
          const calls = (await raw.countRequests()) - before;
          if (round >= 0) {
            rounds.seconds.push(seconds);
            rounds.calls.push(calls);
            rounds.floor.push(await secondsOf(listAll));
          }
          await restore();
          await sleep(pauseMilliseconds);
          await reconciler.run({ job, expected: ['unchanged', 'converged'] });
        }
        return summarise({ name, objects, rounds, peakRssMiB: reconciler.peakRssMiB(), state: reconciler.state() });
      });
    },
    async changeOne(name) {
      await convergeFirst();
      const rounds = noRounds();
      const job = { repository, environment: first, cause: 'commit' } as const;
      const one = asApplied({ objects: fleet.objects.slice(0, 1), environment: first, namespace: `one-${first}` });
      await raw.createNamespace(`one-${first}`);
      return await withReconciler(pipeline, async (reconciler) => {
        await reconciler.run({ job, expected: ['unchanged', 'converged'] });
        for (let round = 0; round < readRounds; round++) {
          await sleep(pauseMilliseconds);
          await fleet.changeOne(`round=${round + 1}\n`);
          await inTurns(round, {
            even: async () => {
              const before = await raw.countRequests();
              rounds.seconds.push(await reconciler.run({ job, expected: ['converged'] }));
              rounds.calls.push((await raw.countRequests()) - before);
            },
            odd: async () => {
              const changed = one.map((object) => ({
                ...object,
                data: { 'settings.properties': `round=${round + 1}\n` },
              }));
              rounds.floor.push(await secondsOf(async () => [await listAll(), await raw.apply(changed)]));
            },
          });
        }
        return summarise({ name, objects, rounds, peakRssMiB: reconciler.peakRssMiB(), state: reconciler.state() });
      });
    },
  };
}

function dataOf({ data }: KubernetesObject): Readonly<Record<string, string>> {
  return z.record(z.string(), z.string()).parse(data);
}

/** Until every Deployment has its replica, looked at as often as the product's first looks are apart. */
export const rolledOut: FloorOf = async (api, objects, namespace) => {
  await api.apply(objects);
  while ((await api.countReady(namespace)) < objects.length) await sleep(100);
};
