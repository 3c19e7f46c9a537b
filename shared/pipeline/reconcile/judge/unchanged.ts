import { maskText } from '../../../drift/masking.ts';
import { beginRollout, isOver } from '../../../memory/rollout.ts';
import type { ObjectDiff } from '../../../drift/object-diff.ts';
import { divergenceOf, wholeObjectDiff } from '../../../drift/divergence.ts';
import { isFighting } from '../../../drift/fight.ts';
import { openIncidents } from '../../../memory/incidents.ts';
import { ignoredFields } from '../../../environment/ignore-rule.ts';
import { sameInputs } from '../../../environment/inputs.ts';
import { stillFrozen } from '../../../environment/frozen.ts';
import { policyOf } from '../../../environment/policy.ts';
import { assessHealth } from '../../../health/assess-health.ts';
import { bearingOf, type Bearing } from '../../../health/bearing.ts';
import { environmentHealth } from '../../../health/environment-health.ts';
import type { Health } from '../../../health/health.ts';
import { unchanged, type Confirmed } from '../../../memory/transitions/end.ts';
import type { Memory } from '../../../memory/memory.ts';
import { objectKey, type ObjectId } from '../../../objects/object-id.ts';
import { isAsRemembered } from '../../../plan/plan.ts';
import { countRolledOut } from '../../../plan/rolled-out.ts';
import { openClaims } from '../observe/claims.ts';
import { openExplanations } from '../observe/explain.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import { readInputs, renderKeyOf } from '../../common/render-inputs.ts';
import { noteCause } from '../run/note-cause.ts';
import { secondsSince, type RunResult, type Target } from '../run/target.ts';
import { diverge, tellConverged } from '../tell/tell.ts';

/** Whether Git and memory agree that a render would come to what converged last. */
export async function rendersAsBefore({ run, commit, environment, api }: Target): Promise<boolean> {
  // What its templates look up now is known by rendering only.
  if (environment.lookup === 'cluster') return false;
  const { converged, pending, objects } = run.memoryFile.memory();
  // What was left for now is asked for again.
  if (converged === undefined || pending !== undefined || !isOfAll({ converged, objects })) return false;
  const repository = run.ports.repository(run.repository);
  const inputs = await readInputs({ repository, commit: commit.id, paths: Object.keys(converged.inputs) });
  if (!sameInputs({ attempted: converged.inputs, current: inputs })) return false;
  return (
    converged.renderKey === renderKeyOf({ environment, inputs, api, renderer: await run.ports.renderer.version() })
  );
}

/** Whether what is remembered of objects is of all that converged: the version before tells by nothing how many. */
function isOfAll({ converged, objects }: { converged: NonNullable<Memory['converged']> } & Pick<Memory, 'objects'>) {
  const count = Object.keys(objects).length;
  return converged.count === undefined ? count > 0 : count === converged.count;
}

/**
 * Whether cluster and memory agree that this is what converged last: with a render as before, there is nothing to do.
 */
export function isUnchanged({ run, environment }: Target, observed: ObservedState): boolean {
  if (observed.parent === undefined) return false;
  const { objects, left } = run.memoryFile.memory();
  const known = new Set([...Object.keys(objects), ...left]);
  if (![...observed.objects.keys()].every((key) => known.has(key))) return false;
  return Object.entries(objects).every(([key, remembered]) => {
    const found = observed.objects.get(key);
    if (found === undefined) return remembered.shortLived === true;
    return isAsRemembered({
      object: found.object,
      remembered,
      ignored: ignoredFields({ rules: environment.ignore, id: found.id }),
    });
  });
}

/**
 * Nothing differs. What broke or mended by itself is told; otherwise nothing at all is written. What is neither broken
 * nor healthy is looked at again by the next checks, and told when it has lasted as long as a roll-out may.
 */
export async function confirmUnchanged(declared: Target, observed: ObservedState): Promise<RunResult> {
  const { run, revision, environment } = declared;
  const before = run.memoryFile.memory();
  // It is made of what was read when that converged, which is more than its file names.
  const { inputs } = before.converged ?? declared.attempted;
  const target: Target = { ...declared, attempted: { ...declared.attempted, inputs } };
  const assessed = await assess(target, observed);
  const unhealthy = assessed.filter(
    ({ bearing }) => bearing === 'late' || bearing === 'awaited' || bearing === 'failing',
  );
  const now = run.ports.now();
  const begun = before.rollout ?? beginRollout({ revision, now, timeout: environment.timeout });
  const rollout = unhealthy.length === 0 ? undefined : begun;
  const broken = unhealthy.filter(({ bearing }) => bearing === 'failing' || isOver({ rollout: begun, now }));
  if (broken.length > 0) {
    const objects = await explained(target, { broken, observed, remembered: before.objects });
    await noteCause(run, { commit: target.commit, paths: Object.keys(inputs), isAll: true });
    return diverge(run, {
      ...target,
      rollout,
      divergence: divergenceOf({ reason: 'Unhealthy', revision, objects }),
    });
  }
  const confirmed = { attempted: target.attempted, rollout, health: environmentHealth(assessed) };
  const { heals } = before;
  const open = openIncidents(before);
  const [incident] = open;
  if (incident === undefined || (unhealthy.length > 0 && open.some(({ reason }) => reason === 'Unhealthy'))) {
    run.memoryFile.remember(unchanged, confirmed);
    return { outcome: 'unchanged', revision };
  }
  if (isFighting({ heals, now: run.ports.now() })) {
    run.memoryFile.remember(unchanged, confirmed);
    return { outcome: 'diverged', revision, reason: incident.reason, summary: incident.summary };
  }
  await tellMended(target, { before, confirmed, observed });
  return { outcome: 'unchanged', revision };
}

/** What broke, each with its first cause, and the file that it was made of. */
async function explained(
  target: Target,
  {
    broken,
    observed,
    remembered,
  }: { broken: readonly AssessedObject[]; observed: ObservedState; remembered: Memory['objects'] },
): Promise<readonly ObjectDiff[]> {
  const objects = broken.map(({ id, health: { message } }) => {
    const key = objectKey(id);
    return { key, message, object: observed.objects.get(key)?.object };
  });
  const secrets = [...observed.objects.values()].map(({ object }) => object);
  const explanations = openExplanations(target, {
    api: target.api,
    hides: (text) => maskText({ text, objects: secrets }),
  });
  await explanations.renew(objects.flatMap(({ key, object }) => (object === undefined ? [] : [{ key, object }])));
  const said = await explanations.tell(objects, undefined);
  return broken.map(({ id, apiVersion, health: { message } }, index) => {
    const { source } = remembered[objectKey(id)] ?? {};
    return wholeObjectDiff({ id, apiVersion, change: 'unhealthy', message, source, ...said[index] });
  });
}

/** An object of the inventory, and how it does. */
interface AssessedObject {
  readonly id: ObjectId;
  readonly apiVersion: string;
  readonly health: Health;
  readonly bearing: Bearing;
}

async function assess(target: Target, { objects }: ObservedState): Promise<readonly AssessedObject[]> {
  const { health: expressions } = target.environment;
  const claims = openClaims(target);
  await claims.renew([...objects.values()].map(({ object }) => object));
  return [...objects.values()].map(({ id, object }) => {
    const health = assessHealth(object, expressions);
    const bearing = bearingOf({ object, health, expressions, waitsForConsumer: claims.waits(object) });
    return { id, apiVersion: object.apiVersion, health, bearing };
  });
}

/**
 * Tells what mended by itself, or by a heal that another run waited for; of a revision that was tried in between,
 * nothing is here.
 */
async function tellMended(
  { run, revision, cluster, environment }: Target,
  { before, confirmed, observed }: { before: Memory; confirmed: Confirmed; observed: ObservedState },
): Promise<void> {
  const isOfConverged =
    before.attempted !== undefined &&
    before.converged !== undefined &&
    sameInputs({ attempted: before.attempted.inputs, current: before.converged.inputs });
  const rolledOut = (isOfConverged ? before.rolledOut : undefined) ?? { created: [], configured: [], pruned: [] };
  const now = run.ports.now();
  const changes = countRolledOut({ rolledOut, desired: [...observed.objects.keys()], left: before.left });
  tellConverged(run, {
    reached: { reached: 'mended', ...confirmed },
    converged: {
      cluster: cluster.name,
      revision: before.converged?.revision ?? revision,
      seconds: secondsSince(run),
      changes,
      policy: policyOf(environment, now, stillFrozen(run.memoryFile.memory().frozen, now.getTime())),
      labels: environment.labels,
    },
  });
}
