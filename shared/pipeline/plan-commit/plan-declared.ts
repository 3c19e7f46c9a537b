import type { Environment } from '../../environment/environment-file.ts';
import { declaredPaths } from '../../environment/inputs.ts';
import { environmentSuspension, environmentSuspensionWords } from '../../environment/suspension.ts';
import { suspensionWords } from '../../ownership/suspended-object.ts';
import { applySetOf, type ApplySet } from '../../inventory/applyset.ts';
import type { HookPhase } from '../../desired/hook.ts';
import { areHooksDue } from '../../inventory/hook-record.ts';
import { noSeed } from '../../inventory/seed-secret.ts';
import { failuresOf } from '../../plan/change-set.ts';
import { madeOf } from '../../memory/kept-plan.ts';
import type { PlannedAction } from '../../plan/plan.ts';
import type { Commit } from '../../ports/git.ts';
import { dependencyGraph } from '../common/declared-environments.ts';
import { both } from '../common/parallel.ts';
import { recallSome } from '../common/remembered-environments.ts';
import { unreadKind } from '../inspect/open-inspection.ts';
import { readOthers } from '../inspect/known-secrets.ts';
import { checkDependencies } from '../reconcile/accept/dependencies.ts';
import { beginFreeze } from '../reconcile/accept/freeze.ts';
import { refuseMove } from '../reconcile/accept/refuse-move.ts';
import { acceptRule } from '../reconcile/accept/trust.ts';
import { lookForReleases } from '../reconcile/judge/adopted-releases.ts';
import { comparePlan, withoutLeft } from '../reconcile/judge/compare-plan.ts';
import { hookRecordOf } from '../reconcile/judge/hook-record.ts';
import { judgeDrift } from '../reconcile/judge/judge-drift.ts';
import { lookAgain } from '../reconcile/judge/look-again.ts';
import { manifestLines } from '../reconcile/judge/manifest-lines.ts';
import { duePreviousNames, joined, lookAtPredecessor, refuseContestedNames } from '../reconcile/leave/succession.ts';
import { assertUnused, observe, type ObservedState } from '../reconcile/observe/observed-state.ts';
import { hasWritten, readOwnParent } from '../reconcile/observe/own-parent.ts';
import { openOtherEnvironments } from '../reconcile/others/other-environments.ts';
import { renderDesired, type DesiredState } from '../reconcile/render/desired-state.ts';
import { toAsk, type RenderFor } from '../reconcile/render/render-cache.ts';
import { seedIfThere } from '../reconcile/render/seed.ts';
import { attemptAt } from '../reconcile/run/attempt.ts';
import type { Run } from '../reconcile/run/run.ts';
import type { Target } from '../reconcile/run/target.ts';
import { atEndOf, heldBy } from './held-plan.ts';
import { nothingPlanned, type Planned, type PlannedObject } from './planned.ts';
import { apiFor, findNotThereYet, rehearseApply, type RehearsedApply } from './rehearse-apply.ts';
import { refusedBefore, rehearseHooks, withReach } from './rehearse-hooks.ts';
import { rehearsePrune, type PruneEnd } from './rehearse-prune.ts';
import { rehearse, type Rehearsal } from './rehearsal.ts';
import type { Sight } from './sight.ts';

interface Declared {
  readonly commit: Commit;
  readonly revision: string;
  readonly environment: Environment;
  /** Whether its templates may ask the cluster what no earlier render asked. */
  readonly asksCluster: boolean;
}

/**
 * What the next run would do, were the branch at a commit that declares the environment: in the order of a run, and by its
 * own steps. Throws what is refused of it.
 */
export async function planDeclared(run: Run, { asksCluster, ...declared }: Declared, sight: Sight): Promise<Planned> {
  const { commit, environment } = declared;
  await acceptRule(run, { commit, environment });
  const suspension = environmentSuspension(environment, run.ports.now());
  if (suspension !== undefined)
    return nothingPlanned({
      outcome: 'suspended',
      cluster: environment.cluster,
      message: `${environmentSuspensionWords(suspension)} in its file: nothing is applied, pruned or healed until that ends`,
    });
  refuseMove(run, environment);
  await refuseContestedNames(run, { commit, environment });
  const attempted = await attemptAt(run, { commit, revision: declared.revision, paths: declaredPaths(environment) });
  const message = await wordsOf(run, declared);
  const frozen = await beginFreeze(run, { commit, environment, attempted });
  return frozen === undefined
    ? { ...(await planUnfrozen(run, { asksCluster, ...declared }, sight)), message }
    : heldBy(frozen, { ...(await planUnfrozen(atEndOf(frozen, run), { asksCluster, ...declared }, sight)), message });
}

async function planUnfrozen(run: Run, { asksCluster, ...declared }: Declared, sight: Sight): Promise<Planned> {
  const { commit, environment } = declared;
  const gate = await checkDependencies(run, { environment, commit: commit.id });
  const { target, previous } = await openTarget(run, { asksCluster, ...declared });
  sight.target = target;
  const memory = run.memoryFile.memory();
  const { cluster, api, applySet } = target;
  const parent = await readOwnParent({ ...target, memory, commit: commit.id });
  const [predecessor] = previous;
  const seed = predecessor === undefined ? toAsk.seed : seedOfBoth(predecessor.applySet);
  const renderFor: RenderFor = { ...toAsk, seed, asksCluster };
  const [own, rendered] = await both(
    observe({ cluster, api, applySet, remembered: memory.objects, parent }).then((seen) => (sight.observed = seen)),
    renderDesired(target, renderFor).then((seen) => (sight.desired = seen)),
  );
  const inventory =
    previous.length === 0 ? own : joined({ own, predecessors: previous, namespace: applySet.namespace });
  const observed = await lookForReleases(target, { desired: rendered, observed: inventory });
  if (observed.parent === undefined)
    await assertUnused({ ...target, desired: rendered.objects, hasWritten: hasWritten({ memory, cluster, applySet }) });
  const decided = await decide(target, { rendered, observed, renderFor });
  const planned = await rehearseRun(target, { ...decided, observed });
  return {
    ...planned,
    of: { inputs: decided.desired.inputs, from: madeOf(memory) },
    besides: await readOthers({ target, observed, desired: decided.desired.objects }),
    outcome: 'planned',
    message: '',
    waitsFor: gate.gate === 'open' ? [] : [gate.message],
    dependents: await dependentsOf(run, commit),
    unread: (observed.unserved ?? []).map(unreadKind),
  };
}

type Predecessors = readonly Awaited<ReturnType<typeof lookAtPredecessor>>[];

async function openTarget(
  run: Run,
  { commit, revision, environment, asksCluster }: Declared,
): Promise<{ target: Target; previous: Predecessors }> {
  const { repository, environment: name } = run;
  const { namespace, deletion } = environment;
  const cluster = await run.ports.cluster({ name: environment.cluster, repository, environment: name });
  const { url } = run.ports.repository(repository);
  const applySet = applySetOf({ repository, environment: name, namespace, deletion, url });
  const attempted = await attemptAt(run, { commit, revision, paths: declaredPaths(environment) });
  const asking = { run, commit, revision, attempted, environment, cluster, api: await cluster.api(), applySet };
  const recall = recallSome(run, run.ports);
  const previous: Awaited<ReturnType<typeof lookAtPredecessor>>[] = [];
  for (const one of duePreviousNames(run, environment))
    previous.push(await lookAtPredecessor(asking, { name: one, memory: (await recall(one)).memory }));
  return { target: { ...asking, others: openOtherEnvironments(asking, { asksCluster }) }, previous };
}

/** Random values of a renamed environment go on from the seed that it had. */
function seedOfBoth(previous: ApplySet): RenderFor['seed'] {
  return async (target) => {
    const own = await seedIfThere(target);
    return own === noSeed ? seedIfThere({ ...target, applySet: previous }) : own;
  };
}

interface Decided {
  readonly desired: DesiredState;
  readonly actions: readonly PlannedAction[];
  /** What differs and is not healed, by key: why. */
  readonly left: ReadonlyMap<string, string>;
}

/** What a run would set out to do: by dry runs of what may differ, without what it would leave as it is. */
async function decide(
  target: Target,
  { rendered, observed, renderFor }: { rendered: DesiredState; observed: ObservedState; renderFor: RenderFor },
): Promise<Decided> {
  const { run, environment, revision } = target;
  const memory = run.memoryFile.memory();
  const compared = await comparePlan(target, { desired: rendered, observed, memory });
  const relooked = await lookAgain(target, rendered, renderFor);
  const drift = [...compared.drift, ...relooked.drift];
  if (drift.length === 0) return { desired: rendered, actions: compared.actions, left: new Map() };
  const judged = judgeDrift(run, { environment, revision, drift, request: undefined });
  const why =
    environment.selfHeal === true
      ? 'differs, and is not healed now'
      : `differs, and is left as it is: spec.selfHeal is ${environment.selfHeal}`;
  const alone = new Map(drift.map(({ key, diff }) => [key, diff.suspended] as const));
  const left = new Map(
    [...judged.left].map((key) => {
      const suspended = alone.get(key);
      return [key, suspended === undefined ? why : `differs, and is ${suspensionWords(suspended)}`] as const;
    }),
  );
  const follows = relooked.drift.length > 0 && relooked.drift.every(({ key }) => !left.has(key));
  if (!follows || relooked.desired === undefined)
    return { desired: rendered, actions: withoutLeft(compared.actions, judged.left), left };
  const { desired } = relooked;
  const again = await comparePlan(target, { desired, observed, memory });
  return { desired, actions: withoutLeft(again.actions, judged.left), left };
}

/** Applies and prunes on a cluster that rehearses. */
async function rehearseRun(
  target: Target,
  { desired, actions, left, observed }: Decided & { observed: ObservedState },
): Promise<Pick<Planned, 'cluster' | 'objects' | 'hooks' | 'unchanged' | 'applySets' | 'lines' | 'secrets'>> {
  const known = new Map([...observed.objects].map(([key, { object }]) => [key, object] as const));
  const rehearsal = rehearse({ open: target.cluster, known });
  const acting: Target = { ...target, cluster: rehearsal.cluster };
  const record = hookRecordOf(target, { desired, observed });
  const { releases } = desired;
  const notThereYet = await findNotThereYet(target, { actions, observed });
  const api = await apiFor(target, actions);
  const due = await rehearseHooks(target, { releases, record, api, desired, notThereYet });
  const refusedHook = refusedBefore(due);
  const apply = await rehearseApply(acting, {
    ...{ actions, notThereYet, refusedHook },
    areHooksDue: areHooksDue({ releases, record }),
  });
  const isFailing = failuresOf(apply.done.changes).length > 0 || refusedHook !== undefined;
  const pruned = await rehearsePrune(acting, { actions, desired, observed, apply, isFailing });
  const stops = new Set<HookPhase>([
    ...(apply.isKeptFromHooks ? (['pre', 'post'] as const) : []),
    ...(isFailing || pruned.isFailing ? (['post'] as const) : []),
  ]);
  const hooks = withReach(due, { stops });
  const applied = actions.flatMap((planned) => appliedOf(planned, { apply, rehearsal }));
  const ends = observed.previousSets === undefined || left.size > 0 ? pruned.ends : withoutPrevious(pruned.ends);
  const objects: PlannedObject[] = [
    ...applied,
    ...ends.map((end) => prunedOf(end, rehearsal)),
    ...leftObjects({ left, desired, observed }),
  ];
  const all = [...desired.objects, ...releases.flatMap((release) => release.hooks.map((hook) => hook.desired))];
  const befores = [...rehearsal.written.values()].flatMap(({ before }) => before ?? []);
  return {
    ...{ cluster: target.cluster.name, objects, hooks },
    unchanged: desired.objects.length - applied.length - objects.filter(isLeftOfGit).length,
    applySets: [target.applySet, ...(observed.previousSets ?? [])],
    lines: await manifestLines(
      target,
      objects.flatMap((one) => one.desired ?? []),
    ),
    secrets: [...known.values(), ...befores, ...all.map(({ object }) => object)],
  };
}

/** Once all of a renamed environment is through, what its previous sets still hold is given up; see `succession.ts`. */
function withoutPrevious(ends: readonly PruneEnd[]): readonly PruneEnd[] {
  if (ends.some((one) => one.end === 'rejected' || (one.end === 'left' && one.isGuarded))) return ends;
  return ends.map((one) => (one.end === 'left' ? { ...one, end: 'released' } : one));
}

const isLeftOfGit = ({ action, desired }: PlannedObject): boolean => action === 'left' && desired !== undefined;

function appliedOf(
  planned: PlannedAction,
  { apply: { done, groundwork, undecided }, rehearsal }: { apply: RehearsedApply; rehearsal: Rehearsal },
): PlannedObject[] {
  if (planned.action === 'prune' || planned.action === 'keep' || planned.action === 'leave') return [];
  const { desired } = planned;
  const { key, id } = desired;
  const there = 'observed' in planned ? planned.observed.object : groundwork.present.get(key);
  const rehearsed = rehearsal.written.get(key);
  const observed = there === undefined ? undefined : { id, object: there };
  const of = { desired, observed, rehearsed };
  const usual = there === undefined ? ('create' as const) : ('update' as const);
  const why = undecided.get(key);
  if (why !== undefined) return [{ ...of, action: usual, verdict: 'undecided', message: why }];
  const change = done.changes.find((one) => one.id === id);
  switch (change?.did) {
    case 'created':
      return [{ ...of, action: 'create', verdict: 'accepted', message: '' }];
    case 'configured':
      return [
        { ...of, action: rehearsed?.isDeleted === true ? 'replace' : 'update', verdict: 'accepted', message: '' },
      ];
    case 'failed':
    case 'blocked':
      return [{ ...of, action: usual, verdict: 'rejected', message: change.message }];
    default:
      return [];
  }
}

function prunedOf(pruned: PruneEnd, { written }: Rehearsal): PlannedObject {
  const { observed, end, message } = pruned;
  const of = { desired: undefined, observed, rehearsed: written.get(observed.key), message };
  switch (end) {
    case 'pruned':
      return { ...of, action: 'prune', verdict: 'accepted' };
    case 'rejected':
      return { ...of, action: 'prune', verdict: 'rejected' };
    case 'released':
      return { ...of, action: 'release', verdict: 'accepted' };
    case 'left':
      return { ...of, action: 'left', verdict: 'accepted', isGuarded: pruned.isGuarded };
  }
}

function leftObjects({
  left,
  desired,
  observed,
}: Pick<Decided, 'left' | 'desired'> & { observed: ObservedState }): PlannedObject[] {
  return [...left].flatMap(([key, message]): PlannedObject[] => {
    const object = desired.objects.find((one) => one.key === key);
    const there = observed.objects.get(key);
    if (object === undefined && there === undefined) return [];
    return [{ action: 'left', desired: object, observed: there, verdict: 'accepted', message, rehearsed: undefined }];
  });
}

/** What is to be known beside the objects. */
async function wordsOf(run: Run, { commit, environment }: Omit<Declared, 'asksCluster'>): Promise<string> {
  const { attempted, verified } = run.memoryFile.memory();
  const words: string[] = [];
  if (attempted !== undefined && attempted.commit !== commit.id) {
    const repository = run.ports.repository(run.repository);
    if (!(await repository.isAncestor({ ancestor: attempted.commit, descendant: commit.id })))
      words.push(`the commit is no descendant of ${attempted.revision}, which was attempted last`);
  }
  if (verified === undefined && environment.verify !== undefined) words.push('from here on, commits have to be signed');
  return words.join('; ');
}

/** The environments that wait for this one. */
async function dependentsOf({ ports, repository, environment }: Run, { id }: Commit): Promise<string[]> {
  const graph = await dependencyGraph({ repository: ports.repository(repository), commit: id });
  return [...graph].flatMap(([name, dependsOn]) => (dependsOn.includes(environment) ? [name] : [])).sort();
}
