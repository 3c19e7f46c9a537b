import { describe, expect, it } from 'vitest';
import { ConvergeError } from '../../../shared/base/errors.ts';
import { diffType } from '../../../shared/events/alert.ts';
import {
  dependencyReachableSchema,
  dependencyUnreachableSchema,
  reachableType,
  unreachableType,
} from '../../../shared/events/dependency-alert.ts';
import { watchDependencies } from '../../../shared/pipeline/common/watch-dependencies.ts';
import { parseConfig } from '../../../shared/config/config.ts';
import { statusNow } from '../../../shared/pipeline/status.ts';
import type { Ports } from '../../../shared/ports/ports.ts';
import { configMap, environment, list } from './reconcile/runs/files.ts';
import { recordingCluster } from './reconcile/world/cluster.ts';
import { createWorld } from './reconcile/world/world.ts';

const configuration = parseConfig({
  file: 'converge.yaml',
  text: `project: p\nstate: { bucket: s }\nrepositories: { master: { url: "https://git.example.com/m", bucket: family-master } }
clusters: {}\nchecks: { interval: 5m }\n`,
});
const settings = { classOfBucket: new Map([['family-master', 'master']]), unreachableAfter: 120_000 };
/** Seconds between two ticks of the schedule. */
const interval = 300;
/** Of Pub/Sub, in seconds, as `terraform/topics.tf` has it. */
const backoff = { minimum: 10, maximum: 600 };
const crowd = Array.from({ length: 20 }, (_one, index) => `crowd-${String(index).padStart(2, '0')}`);
const everybody = [...crowd, 'lonely'];

interface Message {
  readonly id: string;
  readonly environment: string;
  readonly due: number;
  readonly tries: number;
}

/** Twenty environments on `sandbox` and one on `elsewhere`, looked at by three instances, with messages that come again. */
function fleet() {
  const world = createWorld();
  const elsewhere = recordingCluster({ name: 'elsewhere', now: world.ports.now });
  const api = { isFrozen: false };
  const beginning = world.ports.now().getTime();
  const seconds = (): number => (world.ports.now().getTime() - beginning) / 1000;
  const cluster: Ports['cluster'] = async (asked) => {
    if (asked.name === 'elsewhere') return elsewhere;
    if (!api.isFrozen) return await world.ports.cluster(asked);
    const facts = {
      subject: 'cluster sandbox',
      message: 'GET /api got no answer in 2 tries',
      disposition: 'retry',
    } as const;
    throw new ConvergeError({ code: 'ClusterUnavailable', ...facts });
  };
  const instances = [0, 1, 2].map(() => watchDependencies(settings, { ...world.ports, topics: world.topics }));
  const queue: Message[] = [];
  const told: { type: string; at: number }[] = [];
  let messages = 0;

  world.git.add(
    Object.fromEntries(
      everybody.flatMap((name) => [
        [
          `environments/${name}.yaml`,
          environment(name, [`namespace: ${name}`, ...(name === 'lonely' ? ['cluster: elsewhere'] : [])]),
        ],
        [`manifests/${name}/all.json`, list(configMap('colors'))],
      ]),
    ),
  );

  /** One job, as the function does it. */
  async function look({ id, environment: name, tries }: Message): Promise<void> {
    const before = world.published.length;
    const watch = instances[messages++ % instances.length] ?? instances[0];
    if (watch === undefined) throw new Error('unexpected');
    const span = watch.begin();
    try {
      await world.run(
        { environment: name, cause: 'schedule' },
        { ...world.ports, cluster: watch.cluster(cluster) },
        id,
      );
    } catch {
      const pause = Math.min(backoff.minimum * 2 ** tries, backoff.maximum);
      queue.push({ id, environment: name, tries: tries + 1, due: seconds() + pause });
    } finally {
      await span.tell();
    }
    for (const { event } of world.published.slice(before)) told.push({ type: event.type, at: seconds() });
  }

  return {
    ...{ world, elsewhere, api, told, seconds },
    tick: (names: readonly string[] = everybody): void => {
      for (const name of names)
        queue.push({ id: `tick-${seconds()}-${name}`, environment: name, due: seconds(), tries: 0 });
    },
    /** Delivers what is due until then, one after the other; or so many messages alone. */
    async deliver(until: number, most = Number.POSITIVE_INFINITY): Promise<void> {
      for (let looks = 0; looks < most; looks++) {
        queue.sort((a, b) => a.due - b.due);
        const [next] = queue;
        if (next === undefined || next.due > until) break;
        queue.shift();
        if (next.due > seconds()) world.wait(next.due - seconds());
        await look(next);
      }
      if (most === Number.POSITIVE_INFINITY && until > seconds()) world.wait(until - seconds());
    },
    async shown(): Promise<Readonly<Record<string, string>>> {
      const { environments } = await statusNow(configuration, world.ports);
      return Object.fromEntries(environments.map(({ name, state, health }) => [name, `${state}, ${health}`]));
    },
    dependencies: () =>
      world.published.flatMap(({ topic, event: { type, data, id } }) =>
        type === unreachableType || type === reachableType ? [{ topic, type, data, id }] : [],
      ),
  };
}

const rows = (of: string) => Object.fromEntries(crowd.map((name) => [name, of]));

describe('an API server that is frozen for five minutes', () => {
  it('is one incident, told within 2 m 30 s and closed by the first look after its return, and delays nobody else', async () => {
    const { world, elsewhere, api, told, seconds, tick, deliver, shown, dependencies } = fleet();
    tick();
    await deliver(interval);
    expect(await shown()).toEqual({ ...rows('Converged, Healthy'), lonely: 'Converged, Healthy' });
    const frozenAt = seconds();
    api.isFrozen = true;
    tick();
    await deliver(frozenAt + 60);
    expect(dependencies()).toEqual([]);

    // Somebody else's drift is found by its next look.
    elsewhere.edit('ConfigMap lonely/colors', 'rogue', (object) => ({ ...object, data: { color: 'blue' } }));
    tick(['lonely']);
    const driftedAt = seconds();
    await deliver(frozenAt + 150);
    expect(told.filter(({ type, at }) => type === diffType && at - driftedAt <= 5)).toHaveLength(1);

    const [opened] = dependencies();
    expect(opened).toMatchObject({ topic: 'diff', type: unreachableType });
    expect(dependencyUnreachableSchema.parse(opened?.data)).toMatchObject({
      ...{ subject: 'cluster/sandbox', kind: 'cluster', name: 'sandbox', code: 'ClusterUnavailable' },
      message: 'GET /api got no answer in 2 tries',
      ...{ environments: crowd.map((name) => `master/${name}`), count: 20 },
    });
    expect(await shown()).toEqual({ ...rows('Unknown, Unknown'), lonely: 'Converged, Healthy' });

    await deliver(frozenAt + 299);
    api.isFrozen = false;
    tick();
    await deliver(frozenAt + interval, 1);
    expect(dependencies()).toHaveLength(2);
    const closed = dependencyReachableSchema.parse(dependencies()[1]?.data);
    const { incident } = dependencyUnreachableSchema.parse(opened?.data);
    expect(closed).toMatchObject({ subject: 'cluster/sandbox', incident, outcome: 'answered', count: 20 });
    expect(dependencies()[1]).toMatchObject({ topic: 'converged', type: reachableType });

    await deliver(frozenAt + 2 * interval);
    expect(dependencies()).toHaveLength(2);
    expect(await shown()).toEqual({ ...rows('Converged, Healthy'), lonely: 'Converged, Healthy' });
    // None of those behind it is told to differ, nor to converge.
    const others = told.filter(({ type, at }) => at > frozenAt && type !== unreachableType && type !== reachableType);
    expect(others.map(({ type }) => type)).toEqual([diffType, 'dev.converge.environment.converged.v1']);
    expect([...world.state.keys()].filter((path) => path.startsWith('unreachable/'))).toEqual([]);
  });

  it('for a minute is told to nobody, and forgotten', async () => {
    const { world, api, tick, deliver, dependencies, seconds } = fleet();
    tick();
    await deliver(interval);
    api.isFrozen = true;
    tick();
    await deliver(seconds() + 60);
    expect([...world.state.keys()].filter((path) => path.startsWith('unreachable/'))).toHaveLength(1);
    api.isFrozen = false;
    await deliver(seconds() + interval);
    expect(dependencies()).toEqual([]);
    expect([...world.state.keys()].filter((path) => path.startsWith('unreachable/'))).toEqual([]);
  });
});
