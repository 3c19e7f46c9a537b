import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { dump } from 'js-yaml';
import { z } from 'zod';
import { startPipeline, type Pipeline } from '../../local/pipeline.ts';
import { statusSchema } from '../../shared/pipeline/common/environment-status.ts';
import type { KubernetesObject } from '../../shared/objects/kubernetes-object.ts';
import { asApplied, repository, selectorOf } from './fleet.ts';
import { atOnce } from './many-environments.ts';
import { inTurns, noRounds, secondsOf, summarise, type Case } from './measure.ts';
import { fiftyObjects } from './objects.ts';
import { connectRaw, isKind, type RawApi } from './raw-api.ts';
import { createWorkTree, type WorkTree } from './work-tree.ts';

const rounds = 5;
const environments = Array.from({ length: 10 }, (_, index) => `planned-${index + 1}`);
/** Milliseconds. Generous: a plan that takes longer is broken, not slow. */
const patience = 300_000;

/**
 * A pull request that changes each of the 50 objects of ten environments, from its opening until the check and the comment
 * are there, in a pipeline of its own. The floor: the LISTs of those environments, and a raw dry run of each object.
 */
export async function measurePlan({ folder, programs }: Pipeline): Promise<Case> {
  const pipeline = await startPipeline({
    ...{ folder: join(folder, 'plan'), programs, scheduleSeconds: 0, chaos: 'none', platform: 'absent' },
    ...{ cluster: 'kubeconfig', pullRequests: 'served' },
  });
  const raw = connectRaw({ kubeconfig: pipeline.kubernetes.kubeconfig, token: pipeline.kubernetes.token });
  try {
    const tree = await createWorkTree({
      folder: join(pipeline.folder, 'tree'),
      remote: pipeline.facts.repositories[repository],
    });
    await install(pipeline, tree);
    const measured = noRounds();
    for (let round = 0; round < rounds; round++) {
      const label = `round-${round}`;
      const branch = `topic-${round}`;
      await write(tree, labelled(label));
      const head = await tree.push(`refs/heads/${branch}`);
      await inTurns(round, {
        even: async () => {
          const before = await raw.countRequests();
          measured.seconds.push(await secondsOf(() => planned(pipeline, { branch, head })));
          measured.calls.push((await raw.countRequests()) - before);
        },
        odd: async () => {
          measured.floor.push(await secondsOf(() => withoutProduct(raw, labelled(label))));
        },
      });
    }
    const objects = fiftyObjects().length * environments.length;
    return summarise({ name: 'plan-pull-request', objects, rounds: measured, peakRssMiB: null });
  } finally {
    await raw.close();
    await pipeline.stop();
  }
}

async function install({ facts, cluster }: Pipeline, tree: WorkTree): Promise<void> {
  for (const environment of environments) {
    const spec = { cluster, namespace: environment, sources: [{ manifests: `manifests/${environment}` }] };
    await tree.write({
      path: `environments/${environment}.yaml`,
      content: dump({ apiVersion: 'converge.dev/v1', kind: 'Environment', metadata: { name: environment }, spec }),
    });
  }
  await write(tree, fiftyObjects());
  await tree.push('refs/heads/main');
  const deadline = Date.now() + patience;
  for (;;) {
    const answer = await fetch(facts.status);
    const found = statusSchema.parse(await answer.json()).environments.filter(({ state }) => state === 'Converged');
    if (found.length === environments.length) return;
    if (Date.now() > deadline) throw new Error(`${found.length} of ${environments.length} environments converged`);
    await sleep(200);
  }
}

async function write(tree: WorkTree, objects: readonly KubernetesObject[]): Promise<void> {
  const content = objects.map((object) => dump(object)).join('---\n');
  for (const environment of environments) await tree.write({ path: `manifests/${environment}/all.yaml`, content });
}

function labelled(label: string): KubernetesObject[] {
  return fiftyObjects().map((object) => ({ ...object, metadata: { ...object.metadata, labels: { label } } }));
}

async function planned(
  { facts, pullRequests }: Pipeline,
  { branch, head }: { branch: string; head: string },
): Promise<void> {
  if (pullRequests === undefined) throw new Error('the pipeline has no pull requests');
  const signal = AbortSignal.timeout(patience);
  const opened = await fetch(`${pullRequests.api}/repos/${repository}/pulls`, {
    method: 'POST',
    headers: { authorization: `Bearer ${pullRequests.token}` },
    body: JSON.stringify({ title: branch, head: branch, base: 'main' }),
  });
  const { number } = z.object({ number: z.number() }).parse(await opened.json());
  const shown = { repository, commit: head };
  const check = () => pullRequests.statuses(shown).find(({ context }) => context === `converge/plan/${repository}`);
  while (check() === undefined || pullRequests.comments({ repository, number }).length === 0)
    await pullRequests.next(signal);
  const found = check();
  const expected = `${environments.length} of ${environments.length} environments would change`;
  if (found?.state !== 'success' || !found.description.includes(expected))
    throw new Error(`the plan is ${found?.state}: ${found?.description}; ${facts.log} says more`);
}

async function withoutProduct(raw: RawApi, objects: readonly KubernetesObject[]): Promise<void> {
  const kinds = [...new Set(objects.map(({ kind }) => kind))].filter(isKind);
  await atOnce(environments, async (namespace) => {
    await raw.list({ kinds, namespace, labelSelector: selectorOf(namespace) });
    await raw.rehearse(asApplied({ objects, environment: namespace, namespace }));
  });
}
