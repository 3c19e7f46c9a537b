import { describe, expect, it } from 'vitest';
import { renderKeyAnnotation } from '../../../../shared/inventory/applyset.ts';
import { fenceAnnotation } from '../../../../shared/objects/fenced.ts';
import type { KubernetesObject } from '../../../../shared/objects/kubernetes-object.ts';
import { configMap, deployment, hookJob, list, release, shop } from './runs/files.ts';
import { alertInWords } from './runs/told.ts';
import { readied, unready } from './world/controllers.ts';
import { Killed, mortalPorts } from './world/mortal-ports.ts';
import type { Changes } from './world/repository.ts';
import { createWorld, type World } from './world/world.ts';

interface Scenario {
  readonly name: string;
  readonly before?: Changes;
  readonly commit?: Changes;
  readonly meets?: (world: World) => void;
  /**
   * Whether all of it is known without the memory: neither what a removed environment owned nor what to go back to is.
   */
  readonly needsMemory?: true;
}

const colors = configMap('colors');
const blue = configMap('colors', { color: 'blue' });
const hooks = [hookJob('before', 'pre-install,pre-upgrade'), hookJob('after', 'post-install,post-upgrade')];

const scenarios: readonly Scenario[] = [
  { name: 'installs a release', commit: release([...hooks, colors, deployment('web')]) },
  {
    name: 'adds, changes and removes objects',
    before: shop([colors, deployment('web'), configMap('old')]),
    commit: { 'manifests/shop/all.json': list(blue, configMap('new')) },
  },
  {
    name: 'heals drift',
    before: shop([colors, deployment('web')]),
    meets({ cluster }) {
      cluster.edit('ConfigMap acme/colors', 'rogue', (object) => ({ ...object, data: { color: 'green' } }));
      cluster.remove('Deployment acme/web');
    },
  },
  {
    name: 'tells a failure',
    before: shop([colors]),
    commit: { 'manifests/shop/all.json': list(blue, configMap('new')) },
    meets: ({ cluster }) =>
      void cluster.refusals.set('apply ConfigMap acme/new', { status: 403, message: 'exceeded quota' }),
  },
  {
    name: 'deletes what a removed environment owned',
    before: release([hookJob('first', 'pre-delete'), colors, deployment('web')], ['deletion: prune']),
    commit: { 'environments/shop.yaml': null },
    needsMemory: true,
  },
  {
    name: 'rolls back what failed',
    needsMemory: true,
    before: shop([deployment('web')], ['rollback: { onFailure: revert }', 'timeout: 20s']),
    commit: { 'manifests/shop/all.json': list(deployment('web', { image: 'shop:bad' })) },
    meets: ({ cluster }) =>
      void cluster.statuses.set('Deployment acme/web', (object) =>
        JSON.stringify(object).includes('shop:bad') ? unready(object) : readied(object),
      ),
  },
];

/** What a scenario leaves: in the cluster, in the memory, and told. */
interface Left {
  readonly effects: number;
  readonly objects: readonly unknown[];
  readonly memory: unknown;
  /** Each alert once, however often it was published. */
  readonly alerts: readonly string[];
  /** How many ids those alerts have. */
  readonly ids: number;
}

/**
 * Runs it, killed before one of its effects, then again until there is nothing more to do. @param loses whether the
 * memory is lost in between
 */
async function play(
  { before, commit, meets }: Scenario,
  { diesBefore, loses = false }: { diesBefore: number | undefined; loses?: boolean },
): Promise<Left> {
  const world = createWorld();
  if (before !== undefined) {
    world.git.add(before);
    await world.run();
    world.wait(60);
  }
  if (commit !== undefined) world.git.add(commit);
  meets?.(world);
  const since = world.published.length;
  const { ports, life } = mortalPorts(world.ports, { diesBefore });
  await world.run({}, ports).catch((error: unknown) => {
    if (!(error instanceof Killed)) throw error;
  });
  if (loses) await world.forget('shop');
  for (let look = 0; look < 3; look++) {
    world.wait(120);
    await world.run({ cause: 'schedule' });
  }
  const told = world.published.slice(since).filter(({ topic }) => topic !== 'reconcile');
  const { health, converged, incident, left, pending, held, waiting } = await world.memoryOf('shop');
  const memory = { health, converged: converged?.revision, reason: incident?.reason, left, pending, held, waiting };
  return {
    effects: life.effects,
    objects: world.cluster.all().map(timeless),
    memory: withoutCommits(memory),
    alerts: [...new Set(told.map((published) => withoutCounts(withoutCommits(alertInWords(published)))))],
    ids: new Set(told.map(({ event }) => event.id)).size,
  };
}

/** The id of a commit that the run made depends on when it made it. */
function withoutCommits<T>(value: T): T {
  return JSON.parse(JSON.stringify(value).replace(/[0-9a-f]{40}/g, 'commit'));
}

/** What a run had pruned that was killed before it could remember that is counted by nobody. */
function withoutCounts(alert: string): string {
  return alert.replace(/^converged: [^;]*/, 'converged');
}

/**
 * Without what differs from one run to the next. The inventory gets the key of its render back with the next commit
 * only.
 */
function timeless({ metadata, status: _status, ...object }: KubernetesObject): unknown {
  const { annotations = {}, labels } = metadata;
  const { [renderKeyAnnotation]: _key, [fenceAnnotation]: _fence, ...said } = annotations;
  return withoutCommits({ ...object, name: metadata.name, labels, annotations: said });
}

describe.each(scenarios)('a run that $name', (scenario) => {
  it('leaves the same whenever it is killed, and tells the same, each once', async () => {
    const { effects, ...whole } = await play(scenario, { diesBefore: undefined });
    for (let diesBefore = 1; diesBefore <= effects; diesBefore++) {
      const { effects: _effects, ...killed } = await play(scenario, { diesBefore });
      expect(killed, `killed before effect ${diesBefore} of ${effects}`).toEqual(whole);
    }
  });
});

describe.each(scenarios.filter(({ needsMemory }) => needsMemory !== true))('a run that $name', (scenario) => {
  it('leaves the same in the cluster where it is killed at any time and the memory is lost then', async () => {
    const { effects, objects } = await play(scenario, { diesBefore: undefined });
    for (let diesBefore = 1; diesBefore <= effects; diesBefore++) {
      const killed = await play(scenario, { diesBefore, loses: true });
      expect(killed.objects, `killed before effect ${diesBefore} of ${effects}`).toEqual(objects);
    }
  });
});
