import { maskText } from '../../../drift/masking.ts';
import type { HealthExpressions } from '../../../health/expression-rule.ts';
import { assessHealth } from '../../../health/assess-health.ts';
import { bearingOf, type Bearing } from '../../../health/bearing.ts';
import { describeObjects, environmentHealth, type EnvironmentHealth } from '../../../health/environment-health.ts';
import type { Why } from '../../../health/first-cause.ts';
import type { Health } from '../../../health/health.ts';
import { beginRollout, endRollout, isOver, nextStep, type Rollout } from '../../../memory/rollout.ts';
import { extentOf } from '../../../inventory/applyset.ts';
import type { DesiredObject } from '../../../desired/desired.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { isShortLived } from '../../../objects/short-lived.ts';
import type { RememberedObjects } from '../../../plan/plan.ts';
import { objectIdOf, objectKey } from '../../../objects/object-id.ts';
import type { ClusterApi } from '../../../objects/cluster-api.ts';
import { openClaims, type Claims } from '../observe/claims.ts';
import { yieldLease } from './checkpoint.ts';
import { openExplanations, type Explanations } from '../observe/explain.ts';
import { listLabelled } from '../observe/observed-state.ts';
import { lookUntil } from '../run/look-until.ts';
import { isSuperseded } from '../run/superseded.ts';
import type { Target } from '../run/target.ts';

/** Milliseconds for which what was applied is looked at before the lease is ended: most is healthy by then. */
const looksWithLease = 5_000;
/** Milliseconds between two looks at the Pods of what is not healthy. */
const explainAgain = 1_000;

export interface UnhealthyObject {
  readonly desired: DesiredObject;
  readonly health: Health;
  readonly bearing: Bearing;
  /** The first cause, of one that is told. */
  readonly why?: Why;
}

export type Outcome =
  | { readonly outcome: 'healthy'; readonly health: EnvironmentHealth }
  | { readonly outcome: 'unhealthy'; readonly objects: readonly UnhealthyObject[]; readonly rollout: Rollout }
  | { readonly outcome: 'waiting'; readonly message: string; readonly rollout: Rollout }
  | { readonly outcome: 'superseded' };

/**
 * Waits until every object is healthy (or suspended, or shows what may never come), reading only the kinds that are
 * not, and their Pods. Ends early where a newer commit is there, where something fails steadily, and where this run has
 * waited long enough; a roll-out that is over is judged by one look.
 */
export async function awaitHealth(
  target: Target,
  {
    desired,
    observed,
    api,
    last,
  }: {
    desired: readonly DesiredObject[];
    observed: ReadonlyMap<string, KubernetesObject>;
    api: ClusterApi;
    last: Rollout | undefined;
  },
): Promise<Outcome> {
  const { run, revision, environment } = target;
  const remembered = run.memoryFile.memory().objects;
  const beganAt = run.ports.now().getTime();
  const latest = new Map(observed);
  const explanations = openExplanations(target, {
    api,
    hides: (text) => maskText({ text, objects: [...latest.values()] }),
  });
  const failing = openFailing();
  const claims = openClaims(target);
  const rollout = last ?? beginRollout({ revision, now: run.ports.now(), timeout: environment.timeout });
  // A controller that has just been told has made no Pods yet.
  let explainedAt = isOver({ rollout, now: run.ports.now() }) ? 0 : run.ports.now().getTime();
  let unhealthy: readonly UnhealthyObject[] = [];
  return await lookUntil<Outcome>(run, async () => {
    await readAnew(target, { latest, unhealthy, api, remembered });
    await claims.renew([...latest.values()]);
    const judged = judge({ desired, latest, expressions: environment.health, claims });
    unhealthy = judged.filter(({ bearing }) => bearing === 'awaited' || bearing === 'failing');
    if (unhealthy.length === 0) {
      const health = environmentHealth(judged.map(({ desired: { id }, ...said }) => ({ id, ...said })));
      return { end: { outcome: 'healthy', health } };
    }
    if (run.ports.now().getTime() - explainedAt >= explainAgain) {
      explainedAt = run.ports.now().getTime();
      await explanations.renew(unhealthy.flatMap(({ desired: { key } }) => latestOf(latest, key)));
    }
    const end = endingOf(target, { rollout, unhealthy, failing, explanations });
    if (end?.outcome === 'unhealthy') return { end: await withCauses(end, { latest, explanations }) };
    if (end !== undefined) return { end };
    if (run.ports.now().getTime() - beganAt >= looksWithLease)
      await yieldLease(target, { message: messageOf(unhealthy), rollout });
    return (await isSuperseded(target)) ? { end: { outcome: 'superseded' } } : 'again';
  });
}

function judge({
  desired,
  latest,
  expressions,
  claims,
}: {
  desired: readonly DesiredObject[];
  latest: ReadonlyMap<string, KubernetesObject>;
  expressions: readonly HealthExpressions[];
  claims: Pick<Claims, 'waits'>;
}): readonly UnhealthyObject[] {
  return desired.map((object) => {
    const known = latest.get(object.key);
    const health = healthOf({ desired: object, observed: known, expressions });
    const waitsForConsumer = known !== undefined && claims.waits(known);
    return {
      desired: object,
      health,
      bearing: bearingOf({ object: known, health, expressions, waitsForConsumer }),
    };
  });
}

/** How a look ends the wait, where it does. */
function endingOf(
  { run }: Target,
  {
    rollout,
    unhealthy,
    failing,
    explanations,
  }: { rollout: Rollout; unhealthy: readonly UnhealthyObject[]; failing: Failing; explanations: Explanations },
): Outcome | undefined {
  const now = run.ports.now();
  const failed = failedOf(unhealthy, explanations);
  const failingSince = failing.since(failed, now);
  const explained = (objects: readonly UnhealthyObject[]) => objects.map((object) => withReason(object, explanations));
  switch (nextStep({ rollout, failingSince, waitUntil: run.waitUntil(), now })) {
    case 'failed':
      return {
        outcome: 'unhealthy',
        objects: failed.length > 0 ? failed : unhealthy,
        rollout: endRollout({ rollout, now }),
      };
    case 'checkpoint':
      return { outcome: 'waiting', message: messageOf(explained(unhealthy)), rollout };
    case 'look again':
      return undefined;
  }
}

/** What was not healthy at the last look; before the first, all is as it was observed. */
async function readAnew(
  { cluster, applySet }: Target,
  {
    latest,
    unhealthy,
    api,
    remembered,
  }: {
    latest: Map<string, KubernetesObject>;
    unhealthy: readonly UnhealthyObject[];
    api: ClusterApi;
    remembered: RememberedObjects;
  },
): Promise<void> {
  if (unhealthy.length === 0) return;
  const ids = unhealthy.map((object) => object.desired.id);
  const extent = extentOf({ ids, parentNamespace: applySet.namespace });
  for (const { desired: object } of unhealthy) latest.delete(object.key);
  for (const object of await listLabelled({ cluster, api, applySet, extent, remembered }))
    latest.set(objectKey(objectIdOf(object)), object);
}

function latestOf(
  latest: ReadonlyMap<string, KubernetesObject>,
  key: string,
): { key: string; object: KubernetesObject }[] {
  const object = latest.get(key);
  return object === undefined ? [] : [{ key, object }];
}

/**
 * What waiting will not mend: workloads whose Pods say so, and, where nothing else is left to wait for, what says so
 * itself. A custom resource is often degraded for as long as what it needs is still rolling out: what time may heal is
 * waited for.
 */
function failedOf(unhealthy: readonly UnhealthyObject[], explanations: Explanations): readonly UnhealthyObject[] {
  const stuck = unhealthy.filter(({ desired }) => explanations.of(desired.key)?.verdict === 'failing');
  if (stuck.length > 0) return stuck;
  return unhealthy.every(({ bearing }) => bearing === 'failing') ? unhealthy : [];
}

interface Failing {
  /** Since when one of them is failing without a pause. */
  since(failed: readonly UnhealthyObject[], now: Date): Date | undefined;
}

function openFailing(): Failing {
  let known = new Map<string, Date>();
  return {
    since(failed, now) {
      known = new Map(failed.map(({ desired: { key } }) => [key, known.get(key) ?? now]));
      return [...known.values()].reduce<Date | undefined>(
        (first, since) => (first === undefined || since < first ? since : first),
        undefined,
      );
    },
  };
}

async function withCauses(
  end: Extract<Outcome, { outcome: 'unhealthy' }>,
  { latest, explanations }: { latest: ReadonlyMap<string, KubernetesObject>; explanations: Explanations },
): Promise<Outcome> {
  const objects = end.objects.map(({ desired: { key }, health: { message } }) => ({
    ...{ key, message },
    object: latest.get(key),
  }));
  const said = await explanations.tell(objects, end.rollout.since);
  return {
    ...end,
    objects: end.objects.map((object, index) => {
      const { message = object.health.message, ...cause } = said[index] ?? {};
      return { ...object, ...cause, health: { ...object.health, message } };
    }),
  };
}

function withReason(unhealthy: UnhealthyObject, explanations: Explanations): UnhealthyObject {
  const trouble = explanations.of(unhealthy.desired.key);
  return trouble === undefined
    ? unhealthy
    : { ...unhealthy, health: { ...unhealthy.health, message: trouble.message } };
}

/** `waits for Deployment acme/web: 1 of 3 ready, and 2 more objects` */
function messageOf(unhealthy: readonly UnhealthyObject[]): string {
  return `waits for ${describeObjects(unhealthy.map(({ desired: { id }, health }) => ({ id, health })))}`;
}

function healthOf({
  desired,
  observed,
  expressions,
}: {
  desired: DesiredObject;
  observed: KubernetesObject | undefined;
  expressions: readonly HealthExpressions[];
}): Health {
  if (observed !== undefined) return assessHealth(observed, expressions);
  return isShortLived(desired.object)
    ? { state: 'Healthy', message: 'it ended, and was cleaned up' }
    : { state: 'Missing', message: 'is not there' };
}
