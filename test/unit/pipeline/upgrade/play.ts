import { z } from 'zod';
import { configSchema } from '../../../../shared/config/config.ts';
import { convergedSchema, diffSchema } from '../../../../shared/events/alert.ts';
import { reconcileRequestedSchema, type ReconcileRequested } from '../../../../shared/events/reconcile-requested.ts';
import { fenceAnnotation } from '../../../../shared/objects/fenced.ts';
import { partOfLabel, renderKeyAnnotation } from '../../../../shared/inventory/applyset.ts';
import { isOpen } from '../../../../shared/memory/incident.ts';
import { statePaths } from '../../../../shared/memory/state-paths.ts';
import type { KubernetesObject } from '../../../../shared/objects/kubernetes-object.ts';
import { reconcile } from '../../../../shared/pipeline/reconcile.ts';
import type { ReconcilePorts } from '../../../../shared/pipeline/reconcile/run/run.ts';
import type { Published } from '../ports.ts';
import { alertInWords } from '../reconcile/runs/told.ts';
import { Killed, mortalPorts } from '../reconcile/world/mortal-ports.ts';
import { createWorld, type World } from '../reconcile/world/world.ts';
import type { Scenario } from './scenarios.ts';
import type { VersionBefore } from './version-before.ts';

/** What becomes of a process: it dies before an effect, counted from 1, or is awaited before each. */
export type Fate = Parameters<typeof mortalPorts>[1];

/** One look by a version. Returns how it ended. */
export type Version = (
  world: World,
  look: Fate & { cause: ReconcileRequested['cause']; environment?: string },
) => Promise<{ readonly ended: string; readonly effects: number }>;

const limits = configSchema.shape.limits.parse({});

export const versionNow: Version = versionBy(async (job, ports, { event }) => {
  const { outcome } = await reconcile(job, ports, { limits, event, writeback: true });
  return outcome;
});

export function versionOf(before: VersionBefore): Version {
  return versionBy(async (job, ports, { event }) => await before.reconcile(job, ports, { event, limits }));
}

/** How many looks there were in a world, of any version. */
const looks = new WeakMap<World, number>();

function versionBy(
  look: (job: ReconcileRequested, ports: ReconcilePorts, message: { event: string }) => Promise<string>,
): Version {
  return async (world, { cause, environment = 'shop', ...fate }) => {
    const number = (looks.get(world) ?? 0) + 1;
    looks.set(world, number);
    const { ports, life } = mortalPorts({ ...world.ports, topics: world.topics }, fate);
    const event = `job-${number}`;
    const ended = await endOf(async () => await look(jobOf(world, { cause, environment }), ports, { event }));
    return { ended, effects: life.effects };
  };
}

/** A request is the message that goes on with the run before, where there is one. */
function jobOf(
  { published }: World,
  { cause, environment }: Pick<ReconcileRequested, 'cause' | 'environment'>,
): ReconcileRequested {
  const last = published.findLast(({ topic }) => topic === 'reconcile')?.event.data;
  if (cause === 'request' && last !== undefined) return reconcileRequestedSchema.parse(last);
  return { repository: 'master', environment, cause };
}

async function endOf(look: () => Promise<string>): Promise<string> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof Killed) return 'killed';
    // Each version has a class of its own.
    if (error instanceof Error && 'disposition' in error && 'code' in error) return `throws ${String(error.code)}`;
    throw error;
  }
}

type Act = Omit<Scenario, 'told' | 'writes'>;

/** What the first version leaves. */
export interface FirstAct {
  readonly world: World;
  readonly told: readonly Told[];
  readonly effects: number;
}
export interface Told {
  readonly id: string;
  readonly alert: string;
}

/** What became of it all. */
export interface Ending {
  readonly told: readonly string[];
  readonly writes: readonly string[];
  readonly ends: Scenario['ends'];
  readonly objects: readonly unknown[];
  /** Of them, what is in an inventory. */
  readonly members: readonly unknown[];
  /** How many incidents were told whose end was not. */
  readonly unended: number;
  /** What is kept of an environment that is forgotten, by path. */
  readonly leftovers: readonly string[];
}

const start = Date.parse('2026-11-21T01:00:00Z');
const hour = 3600;

/** So that the next act begins at the same time, whatever the last one took. */
function waitForHour({ ports, wait }: World, hours: number): void {
  wait(hours * hour - (ports.now().getTime() - start) / 1000);
}

/** @param fate of its last look */
export async function playFirst(scenario: Act, first: Version, fate: Fate = {}): Promise<FirstAct> {
  const world = await prepare(scenario, first);
  const { effects } = await first(world, { cause: 'commit', ...fate });
  return { world, told: toldIn(world.published), effects };
}

async function prepare({ before, commit, meets }: Act, first: Version): Promise<World> {
  const world = createWorld({ namesVersions: false });
  world.git.add(before);
  await first(world, { cause: 'commit' });
  waitForHour(world, 1);
  if (commit !== undefined) world.git.add(commit);
  meets?.(world);
  return world;
}

/**
 * The first version stands still before an effect of its last look, wakes when the second one has looked, and goes on as
 * if nothing had been.
 *
 * @param meets.hours after which the second one looks
 * @returns also how that look ended
 */
export async function playFrozen(
  scenario: Act,
  { first, second, freezesBefore, hours }: { first: Version; second: Version; freezesBefore: number; hours: number },
): Promise<Ending & { readonly met: string }> {
  const world = await prepare(scenario, first);
  const asleep = Promise.withResolvers<void>();
  const awake = Promise.withResolvers<void>();
  const frozen = first(world, {
    cause: 'commit',
    async freezes(effect) {
      if (effect !== freezesBefore) return;
      asleep.resolve();
      await awake.promise;
    },
  });
  await Promise.race([asleep.promise, frozen]);
  world.wait(hours * hour);
  const { ended: met } = await second(world, { cause: 'schedule' });
  awake.resolve();
  const { effects } = await frozen;
  return { met, ...(await playSecond(scenario, { world, told: toldIn(world.published), effects }, second)) };
}

/** Goes on with what the first version left, an hour later. */
export async function playSecond(
  { afterwards, looksAt = ['shop'] }: Act,
  { world, told }: FirstAct,
  second: Version,
): Promise<Ending> {
  waitForHour(world, 2);
  const since = { writes: world.cluster.writes.length, alerts: world.published.length };
  await second(world, { cause: 'request' });
  afterwards?.(world);
  for (let look = 3; look < 6; look++) {
    waitForHour(world, look);
    for (const environment of looksAt) await second(world, { cause: 'schedule', environment });
  }
  const isKept = world.state.has(statePaths({ repository: 'master', environment: 'shop' }).memory);
  const { health, incident } = await world.memoryOf('shop');
  const open = isOpen(incident) ? { incident: incident.reason } : {};
  return {
    told: once([...told, ...toldIn(world.published.slice(since.alerts))]),
    writes: world.cluster.writes.slice(since.writes).filter((call) => !/^fence | acme\/converge-/.test(call)),
    ends: isKept ? { health, ...open } : null,
    unended: unendedIn(world.published),
    leftovers: isKept ? [] : [...world.state.keys()].filter((path) => path.startsWith('environments/master/shop/')),
    objects: world.cluster.all().map(timeless),
    members: world.cluster
      .all()
      .flatMap((one) => (one.metadata.labels?.[partOfLabel] === undefined ? [] : [timeless(one)])),
  };
}

const bucketSchema = z.object({
  told: z.array(z.object({ id: z.string(), alert: z.string() })),
  objects: z.record(z.string(), z.unknown()),
});

/** What the first version told, and the state bucket that it left, as text. */
export function bucketOf({ world, told }: FirstAct): string {
  return `${JSON.stringify({ told, objects: Object.fromEntries(world.state) }, undefined, 2)}\n`;
}

/** The first act as if its version had left that bucket. */
export async function withBucket({ world, effects }: FirstAct, text: string): Promise<FirstAct> {
  const { told, objects } = bucketSchema.parse(JSON.parse(text));
  const { state } = world.ports;
  for (const { path, generation } of await state.list('')) await state.delete({ path, generation });
  for (const [path, value] of Object.entries(objects)) await world.writeState(path, value);
  return { world, told, effects };
}

export function toldIn(published: readonly Published[]): Told[] {
  const alerts = published.filter(({ topic }) => topic === 'diff' || topic === 'converged');
  return alerts.map((one) => ({ id: one.event.id, alert: withoutCommits(alertInWords(one)) }));
}

function unendedIn(published: readonly Published[]): number {
  const alerts = published.filter(({ topic }) => topic === 'diff' || topic === 'converged');
  const told = alerts.flatMap(({ topic, event }) => (topic === 'diff' ? diffSchema.parse(event.data).incident : []));
  const ended = alerts.flatMap(({ topic, event }) =>
    topic === 'converged' ? (convergedSchema.parse(event.data).incident ?? []) : [],
  );
  return new Set(told.filter((incident) => !ended.includes(incident))).size;
}

/** What is published twice under one id is told once. */
function once(told: readonly Told[]): string[] {
  return [...new Map(told.map(({ id, alert }) => [id, alert])).values()];
}

/** The id of a commit that a run made depends on when it made it. */
function withoutCommits(text: string): string {
  return text.replace(/[0-9a-f]{40}/g, 'commit');
}

/** Without what differs from one run to the next, and from one version to the next. */
function timeless({ metadata, status: _status, ...object }: KubernetesObject): unknown {
  const { annotations = {}, labels } = metadata;
  const { [renderKeyAnnotation]: _key, [fenceAnnotation]: _fence, ...said } = annotations;
  const shown = { ...object, name: metadata.name, labels, annotations: said };
  const parsed: unknown = JSON.parse(withoutCommits(JSON.stringify(shown)));
  return parsed;
}
