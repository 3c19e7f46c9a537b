import { describe, expect, it } from 'vitest';
import { configSchema } from '../../../shared/config/config.ts';
import { freezeSchema } from '../../../shared/config/freeze.ts';
import { diffFields } from '../../../shared/drift/field-diff.ts';
import { hookOfLabel } from '../../../shared/inventory/applyset.ts';
import type { KubernetesObject } from '../../../shared/objects/kubernetes-object.ts';
import { objectIdOf, objectTitle } from '../../../shared/objects/object-id.ts';
import { planAnswerSchema, type PlanAnswer } from '../../../shared/pipeline/inspect/answers.ts';
import { convergedSchema, type Converged } from '../../../shared/events/alert.ts';
import { keepPlan } from '../../../shared/pipeline/plan-commit/keep-plan.ts';
import { planProposed } from '../../../shared/pipeline/plan-proposed.ts';
import { planCommit } from '../../../shared/pipeline/plan-commit.ts';
import { drawFrom, type Draw } from '../../seeded-draw.ts';
import {
  configMap,
  definition,
  deployment,
  environment,
  hookJob,
  list,
  type Declared,
} from './reconcile/runs/files.ts';
import { createWorld, type World } from './reconcile/world/world.ts';

/*
 * What a plan says of a commit is what the run of that commit then does, whatever the commit changes.
 * `CONVERGE_PLANS=200` draws that many; `CONVERGE_PLANS=17-17` plays one again.
 */

const [first = 1, last = first] = rangeOf(process.env['CONVERGE_PLANS'] ?? '20');
const limits = configSchema.shape.limits.parse({});

function rangeOf(said: string): number[] {
  const numbers = said.split('-').map(Number);
  return numbers.length === 1 ? [1, ...numbers] : numbers;
}

/** A repository as far as the draw changes it. */
interface Wanted {
  readonly name: 'shop' | 'store';
  readonly objects: ReadonlyMap<string, Declared>;
  readonly hooks: readonly Declared[];
  readonly spec: readonly string[];
}

function drawObject(draw: Draw, name: string): Declared {
  const annotations = {
    ...(draw.chance(10) ? { 'converge.dev/prune': draw.one(['true', 'false'] as const) } : {}),
    ...(draw.chance(15) ? { 'converge.dev/replace': draw.one(['true', 'false'] as const) } : {}),
    ...(draw.chance(8) ? { 'converge.dev/reconcile': 'disabled' } : {}),
  };
  const metadata = { name, annotations, labels: { tier: draw.one(['a', 'b'] as const) } };
  const value = String(draw.below(4));
  switch (draw.below(6)) {
    case 0:
      return { ...deployment(name, { image: `shop:${value}` }) };
    case 1:
      return {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata,
        data: { password: Buffer.from(`secret ${value}`).toString('base64') },
      };
    case 2:
      return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata, spec: { size: value } };
    case 3:
      return { apiVersion: 'v1', kind: 'Service', metadata, spec: { port: value, selector: { app: 'web' } } };
    default:
      return configMap(name, { v: value, ...(draw.chance(50) ? { extra: value } : {}) }, metadata);
  }
}

const hooksOf = (draw: Draw): Declared[] =>
  (['pre-install', 'post-install', 'pre-upgrade', 'post-upgrade', 'pre-delete'] as const).flatMap((event) =>
    draw.chance(25) ? [hookJob(`hook-${event}`, event)] : [],
  );

const specOf = (draw: Draw): string[] => [
  ...(draw.chance(20) ? ['replace: true'] : []),
  ...(draw.chance(10) ? ['prune: false'] : []),
  ...(draw.chance(20) ? ['selfHeal: false'] : []),
  ...(draw.chance(20) ? ['deletion: prune'] : []),
];

function drawWanted(draw: Draw): Wanted {
  const names = Array.from({ length: 3 + draw.below(12) }, (_one, index) => `o${index}`);
  return {
    name: 'shop',
    objects: new Map(names.map((name) => [name, drawObject(draw, name)])),
    hooks: hooksOf(draw),
    spec: specOf(draw),
  };
}

/** Fields, kinds, new and old objects, hooks, the environment's own file and its name. */
function change(draw: Draw, before: Wanted): Wanted | undefined {
  if (draw.chance(7)) return undefined;
  const objects = new Map(before.objects);
  const [few, many] = [25, 70];
  const goes = draw.chance(15) ? many : few;
  for (const [name] of before.objects) {
    if (objects.size > 1 && draw.chance(goes)) objects.delete(name);
    else if (draw.chance(35)) objects.set(name, drawObject(draw, name));
  }
  for (const name of ['n0', 'n1', 'n2', 'foreign', 'others'])
    if (draw.chance(25)) objects.set(name, drawObject(draw, name));
  if (draw.chance(12)) {
    objects.set('definition', definition);
    objects.set('w', { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name: 'w' }, spec: {} });
  }
  if (draw.chance(12)) {
    objects.set('annex', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'annex' } });
    objects.set('inside', configMap('inside', {}, { namespace: 'annex' }));
  }
  return {
    name: draw.chance(12) ? 'store' : before.name,
    objects,
    hooks: draw.chance(30) ? hooksOf(draw) : before.hooks,
    spec: draw.chance(25) ? [...specOf(draw), ...(draw.chance(20) ? ['suspend: true'] : [])] : before.spec,
  };
}

function filesOf(wanted: Wanted | undefined): Record<string, string | null> {
  const file = (name: string) => `environments/${name}.yaml`;
  if (wanted === undefined) return { [file('shop')]: null };
  const { name, objects, hooks, spec } = wanted;
  const sources = 'sources: [{ helm: { chart: charts/shop, release: shop } }]';
  const previously = name === 'shop' ? {} : { previously: 'shop' };
  return {
    ...(name === 'shop' ? {} : { [file('shop')]: null }),
    [file(name)]: environment(name, [sources, ...spec], previously),
    'charts/shop/all.json': list(...objects.values(), ...hooks),
  };
}

/** What others do in the cluster: they edit, delete, make and hold. */
function disturb(draw: Draw, { cluster }: World): void {
  for (const object of cluster.all()) {
    const { kind, metadata } = object;
    const title = objectTitle(objectIdOf(object));
    const isOurs = /^[on]\d/.test(metadata.name ?? '');
    if (!isOurs) continue;
    if (draw.chance(8)) cluster.immutable.add(title);
    if (draw.chance(8)) cluster.refusals.set(`apply ${title}`, { status: 403, message: `a policy denies ${title}` });
    if (draw.chance(6)) cluster.refusals.set(`delete ${title}`, { status: 403, message: `a policy keeps ${title}` });
    if (draw.chance(6)) cluster.remove(title);
    else if (draw.chance(12) && kind === 'ConfigMap')
      cluster.edit(title, 'kubectl-edit', (live) => ({ ...live, data: { v: 'by hand', beside: 'x' } }));
  }
  if (draw.chance(40)) {
    const metadata = { name: 'foreign', namespace: 'acme', labels: { theirs: 'yes' } };
    cluster.put(
      { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { v: '9', theirs: 'x' } },
      'kubectl-client-side-apply',
    );
  }
  if (draw.chance(15)) cluster.refusals.set('apply Job acme/hook-pre-upgrade', { status: 403, message: 'no Jobs' });
  if (draw.chance(20)) cluster.refusals.set('apply ConfigMap acme/n0', { status: 403, message: 'a policy denies n0' });
}

type Snapshot = ReadonlyMap<string, KubernetesObject>;

async function snapshotOf({ cluster }: World): Promise<Snapshot> {
  // Controllers answer what was written until now.
  await cluster.api({ refresh: true });
  const kept = cluster.all().filter(({ kind, metadata: { name = '', labels = {} } }) => {
    const isState = name.startsWith('converge-') || (kind === 'Namespace' && name === 'acme');
    return !isState && labels[hookOfLabel] === undefined;
  });
  return new Map(kept.map((object) => [objectTitle(objectIdOf(object)), object]));
}

/** As far as somebody has to have written it. */
function written(
  { metadata, status: _status, ...object }: KubernetesObject,
  { withManagers }: { withManagers: boolean },
): unknown {
  const { resourceVersion: _version, managedFields = [], ...others } = metadata;
  const managers = managedFields.map(({ time: _time, ...entry }) => JSON.stringify(entry)).sort();
  return { ...object, others, managers: withManagers ? managers : [] };
}

/**
 * By title, what became of what is there.
 *
 * @param rejected of these, nothing but who owns which field changes: that is written before the apply that is refused
 */
function effectOf(before: Snapshot, after: Snapshot, rejected: ReadonlySet<string>): Record<string, string> {
  const effect: Record<string, string> = {};
  for (const [title, object] of after) {
    const was = before.get(title);
    if (was === undefined) effect[title] = 'create';
    else if (was.metadata.uid !== object.metadata.uid) effect[title] = 'replace';
    else {
      const [one, other] = [was, object].map((of) => written(of, { withManagers: !rejected.has(title) }));
      if (JSON.stringify(one) !== JSON.stringify(other)) effect[title] = 'update';
    }
  }
  for (const title of before.keys()) if (!after.has(title)) effect[title] = 'prune';
  return effect;
}

/** By title, what was said to become of it; what is released changes, and stays. */
function saidIn({ objects }: PlanAnswer): Record<string, string> {
  const said = objects.flatMap(({ action, kind, namespace, name, verdict }) => {
    const title = objectTitle({ kind, namespace: namespace ?? undefined, name });
    if (action === 'left' || verdict === 'rejected') return [];
    return [[title, action === 'release' ? 'update' : action] as const];
  });
  return Object.fromEntries(said);
}

function titlesOf({ objects }: PlanAnswer, is: (one: PlanAnswer['objects'][number]) => boolean): string[] {
  return objects
    .filter(is)
    .map(({ kind, namespace, name }) => objectTitle({ kind, namespace: namespace ?? undefined, name }));
}

/** Plans a commit as a pull request, keeps that as `planChange` does, and answers whether there is anything to keep. */
async function keepPlanOf(
  world: World,
  { commit, environment: name }: { commit: string; environment: string },
): Promise<boolean> {
  const [base, head] = await Promise.all([world.git.fetchHead(), world.git.findCommit(commit)]);
  if (base === undefined || head === undefined) throw new Error('no commit');
  const proposal = { number: 7, base, head, planned: head, standing: 'ahead', since: base.id } as const;
  const asked = { repository: 'master', environment: name, limits, freeze: world.freeze, proposal };
  const { keep } = await planProposed(asked, world.ports);
  if (keep !== undefined) await keepPlan(keep, world.ports);
  return keep !== undefined;
}

/** What the last convergence said of the plan. */
function saidOfPlan({ published }: World): Converged['plan'] {
  const last = published.filter(({ topic }) => topic === 'converged').at(-1);
  return last === undefined ? undefined : convergedSchema.parse(last.event.data).plan;
}

async function play(seed: number): Promise<{ said: unknown; done: unknown }> {
  const draw = drawFrom(seed);
  const world = createWorld();
  const wanted = drawWanted(draw);
  world.git.add({
    ...filesOf(wanted),
    'environments/other.yaml': environment('other'),
    'manifests/other/all.json': list(configMap('others', { v: '1' })),
  });
  for (const name of ['shop', 'other']) await world.run({ environment: name });
  world.wait(60);
  await world.run({ cause: 'schedule' });
  disturb(draw, world);
  world.wait(60);
  const next = change(draw, wanted);
  const was = await world.git.head();
  const made = await world.git.commit({
    ...{ parent: await world.git.head(), message: 'Change' },
    changes: Object.entries(filesOf(next)).map(([path, text]) => ({
      ...{ path, executable: false },
      content: text === null ? undefined : Buffer.from(text),
    })),
  });
  const commit = made === 'unchanged' ? ((await world.git.head()) ?? '') : made.id;
  world.git.refs.set('refs/heads/proposal', commit);
  const name = next?.name ?? 'shop';
  const isFrozen = draw.chance(25);
  if (isFrozen) world.freeze = freezeSchema.parse([{ name: 'night', cron: '0 0 * * *', length: '6h' }]);
  const before = await snapshotOf(world);
  const asked = { repository: 'master', environment: name, limits, freeze: world.freeze, tree: { revision: commit } };
  const plan = planAnswerSchema.parse(await planCommit(asked, world.ports));
  const isKept = await keepPlanOf(world, { commit, environment: name });
  expect(await snapshotOf(world)).toEqual(before);

  world.git.reset(commit);
  const calls = world.cluster.writes.length;
  if (plan.outcome === 'frozen') {
    await world.run({ environment: name });
    expect(world.cluster.writes.slice(calls).filter((call) => !call.startsWith('dry-run '))).toEqual([]);
    world.wait(6 * 3_600);
  }
  const result = await world.run({ environment: name });
  const isNew = commit !== was;
  if (isKept && isNew && result.outcome === 'converged')
    expect(saidOfPlan(world)).toMatchObject({ asPlanned: true, pullRequest: 7, objects: [] });
  const after = await snapshotOf(world);
  const hooks = world.cluster.writes
    .slice(calls)
    .flatMap((call) => /^apply Job acme\/(hook-\S+)$/.exec(call)?.[1] ?? []);
  const fields = plan.objects.filter(({ action, verdict }) => action === 'update' && verdict === 'accepted');
  const shown = fields.map(({ kind, namespace, name: of, fields: told }) => ({
    title: objectTitle({ kind, namespace: namespace ?? undefined, name: of }),
    paths: told.map(({ path }) => path),
  }));
  return {
    said: {
      effect: saidIn(plan),
      hooks: plan.hooks.flatMap(({ name: of, verdict }) => (verdict === 'rejected' ? [] : [of])),
      fields: shown,
    },
    done: {
      effect: effectOf(before, after, new Set(titlesOf(plan, (one) => one.verdict === 'rejected'))),
      hooks,
      fields: shown.map(({ title }) => ({ title, paths: changedPaths(before.get(title), after.get(title)) })),
    },
  };
}

function changedPaths(observed: KubernetesObject | undefined, desired: KubernetesObject | undefined): string[] {
  return observed === undefined || desired === undefined
    ? []
    : diffFields({ desired, observed }).map(({ path }) => path);
}

describe('what a plan says', () => {
  it.each(Array.from({ length: last - first + 1 }, (_one, index) => first + index))(
    'is what the run then does (seed %i)',
    async (seed) => {
      const { said, done } = await play(seed);
      expect(said).toEqual(done);
    },
  );
});
