import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { dump } from 'js-yaml';
import type { Pipeline } from '../../local/pipeline.ts';
import { applySetOf, memberMarks } from '../../shared/inventory/applyset.ts';
import type { KubernetesObject } from '../../shared/objects/kubernetes-object.ts';
import { inTurns, median, secondsOf, type Case } from './measure.ts';
import type { RawApi } from './raw-api.ts';
import type { Reconciler } from './reconciler.ts';
import { createWorkTree } from './work-tree.ts';

const objects = 1000;
const dataBytes = 1000;
const repository = 'develop';
const applyRounds = 3;
const readRounds = 9;
/**
 * Between two runs of one environment. Cloud Storage takes one write a second of one object beyond a burst, locally too, and a
 * run writes its lease twice: checks without a pause would measure the 429s.
 */
const pauseMilliseconds = 2000;

/** An environment of 1,000 ConfigMaps, in a namespace of its own. */
interface Environment {
  readonly name: string;
  readonly namespace: string;
}

export interface ConfigMapBench {
  /** First applies of 1,000 ConfigMaps, beside as many raw server-side applies of equal ones. */
  apply(): Promise<Case>;
  /** A run with nothing to do, beside the raw LIST of those objects. */
  noop(): Promise<Case>;
  /** A drift check that finds none, beside the same. */
  drift(): Promise<Case>;
}

/** Pushes the environments to the develop repository past the Git server, so that nobody is told and no function runs. */
export async function prepareConfigMaps(parts: { pipeline: Pipeline; raw: RawApi; reconciler: Reconciler }): Promise<ConfigMapBench> {
  const { pipeline, raw, reconciler } = parts;
  const environments = Array.from({ length: applyRounds }, (_, index) => ({ name: `bench-${index + 1}`, namespace: `bench-${index + 1}` }));
  await pushEnvironments({ pipeline, environments });
  const applied = new Set<Environment>();

  async function applyFirst(environment: Environment): Promise<number> {
    const job = { repository, environment: environment.name, mode: 'reconcile', cause: 'commit' } as const;
    const seconds = await reconciler.run({ job, expected: 'converged' });
    applied.add(environment);
    return seconds;
  }

  async function convergedEnvironment(): Promise<Environment> {
    const [environment] = environments;
    if (environment === undefined) throw new Error('there is no environment to measure');
    if (!applied.has(environment)) await applyFirst(environment);
    return environment;
  }

  async function measureUnchanged(name: Case['name'], look: { mode: 'reconcile' | 'check'; cause: 'commit' | 'schedule' }): Promise<Case> {
    const environment = await convergedEnvironment();
    const labelSelector = selectorOf(environment);
    const seconds: number[] = [];
    const floor: number[] = [];
    const calls: number[] = [];
    for (let round = 0; round < readRounds; round++) {
      await sleep(pauseMilliseconds);
      await inTurns(round, {
        even: async () => {
          const before = await raw.countRequests();
          seconds.push(await reconciler.run({ job: { repository, environment: environment.name, ...look }, expected: 'unchanged' }));
          calls.push((await raw.countRequests()) - before);
        },
        odd: async () => {
          floor.push(await secondsOf(() => raw.listConfigMaps({ namespace: environment.namespace, labelSelector })));
        },
      });
    }
    return { name, objects, seconds: median(seconds), floorSeconds: median(floor), apiCalls: Math.max(...calls) };
  }

  return {
    async apply() {
      const seconds: number[] = [];
      const floor: number[] = [];
      const calls: number[] = [];
      for (const [round, environment] of environments.entries()) {
        const namespace = `floor-${round + 1}`;
        await raw.createNamespace(namespace);
        const equal = configMaps().map((object) => withMarks({ object, environment, namespace }));
        await inTurns(round, {
          even: async () => {
            const before = await raw.countRequests();
            seconds.push(await applyFirst(environment));
            calls.push((await raw.countRequests()) - before);
          },
          odd: async () => {
            floor.push(await secondsOf(() => raw.applyConfigMaps(equal)));
          },
        });
      }
      const name = 'apply-configmaps-1000';
      return { name, objects, seconds: median(seconds), floorSeconds: median(floor), apiCalls: Math.max(...calls) };
    },
    noop: () => measureUnchanged('noop-configmaps-1000', { mode: 'reconcile', cause: 'commit' }),
    drift: () => measureUnchanged('drift-configmaps-1000', { mode: 'check', cause: 'schedule' }),
  };
}

async function pushEnvironments({ pipeline, environments }: { pipeline: Pipeline; environments: readonly Environment[] }): Promise<void> {
  const tree = await createWorkTree({ folder: join(pipeline.folder, 'develop'), remote: pipeline.git.path(repository) });
  for (const object of configMaps()) await tree.write({ path: `manifests/settings/${object.metadata.name}.yaml`, content: dump(object) });
  for (const { name, namespace } of environments) {
    const file = {
      apiVersion: 'converge.dev/v1',
      kind: 'Environment',
      metadata: { name },
      spec: { cluster: pipeline.cluster, namespace, sources: [{ manifests: 'manifests/settings' }] },
    };
    await tree.write({ path: `environments/${name}.yaml`, content: dump(file) });
  }
  await tree.push('refs/heads/main');
}

function configMaps(): KubernetesObject[] {
  return Array.from({ length: objects }, (_, index) => {
    const name = `settings-${String(index + 1).padStart(4, '0')}`;
    const settings = `id=${name}\n`.padEnd(dataBytes, '0123456789');
    return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { 'settings.properties': settings } };
  });
}

/** The object as the product applies it, in another namespace: a member of an inventory weighs more than it does in Git. */
function withMarks({ object, environment, namespace }: {
  object: KubernetesObject;
  environment: Environment;
  namespace: string;
}): KubernetesObject {
  const marks = memberMarks(applySetOf({ repository, environment: environment.name, namespace }));
  return { ...object, metadata: { ...object.metadata, namespace, ...marks } };
}

function selectorOf({ name, namespace }: Environment): string {
  const { labels } = memberMarks(applySetOf({ repository, environment: name, namespace }));
  return Object.entries(labels).map(([key, value]) => `${key}=${value}`).join(',');
}
