import { ConvergeError } from '../../shared/base/errors.ts';
import { stateDataOf, stateFrom, type StateData } from './snapshot.ts';
import { openIncidents } from '../../shared/memory/incidents.ts';
import { beginRollout, rolloutOf } from '../../shared/memory/rollout.ts';
import { unchanged } from '../../shared/memory/transitions/end.ts';
import { creationUnanswered, suspected, suspectsTouched } from '../../shared/memory/transitions/fold.ts';
import { objectsSeen } from '../../shared/memory/transitions/objects.ts';
import { changesMade, leftWaiting, revisionBegun } from '../../shared/memory/transitions/roll-out.ts';
import { sameInputs } from '../../shared/environment/inputs.ts';
import { fingerprint } from '../../shared/drift/fingerprint.ts';
import type { ObservedObject, PlannedAction } from '../../shared/plan/plan.ts';
import { setOutFor } from '../../shared/plan/rolled-out.ts';
import { withoutOurOwn } from '../../shared/pipeline/reconcile/judge/without-our-own.ts';
import { writeTold } from '../../shared/pipeline/reconcile/run/claim.ts';
import type { Run } from '../../shared/pipeline/reconcile/run/run.ts';
import { commit, openState, publish, type State } from '../../shared/pipeline/reconcile/run/state.ts';
import { tellConverged, tellDivergence } from '../../shared/pipeline/reconcile/tell/tell.ts';
import { fenceSuspects } from '../../shared/pipeline/reconcile/write/fence-suspects.ts';
import {
  attemptAt,
  driftDivergence,
  inventoryOf,
  judge,
  keyNamed,
  objectKeys,
  revisionNamed,
  wanted,
} from './objects.ts';
import { begins, paths, resource, runOf, statePorts, type Stage } from './run-ports.ts';
import type { Key, Observed } from './requests.ts';
import { keys } from './requests.ts';
import type { Sym } from './symbols.ts';

/** What one run goes through: a phase ends where all that it knows is data, so that a run can be taken up there. */
export type Phase = 'open' | 'look' | 'touch' | 'plan' | 'claim' | 'write' | 'health' | 'commit' | 'told' | 'failed';

interface Planned {
  readonly key: Key;
  readonly to: number;
  /** Null where nothing is there. */
  readonly version: Sym | null;
}

export interface Snapshot {
  readonly phase: Phase;
  /** Generation that the message says was published. */
  readonly told?: Sym | undefined;
  readonly state?: StateData | undefined;
  readonly revision?: number | undefined;
  readonly observed?: Observed | undefined;
  readonly plan?: readonly Planned[] | undefined;
  /** Keys of what may be written yet though its request got no answer. */
  readonly unsettled?: readonly string[] | undefined;
  /** Whether a request that was to make an object got no answer. */
  readonly mayComeLate?: boolean | undefined;
  /** Whether it looked at health before. */
  readonly waited?: boolean | undefined;
  readonly goesOn?: boolean | undefined;
  readonly isStale?: boolean | undefined;
}
export type Next = Snapshot | 'end';

export async function play(stage: Stage, snapshot: Snapshot): Promise<Next> {
  if (snapshot.phase === 'open') return await open(stage, snapshot);
  const { state: data } = snapshot;
  if (data === undefined) throw new Error(`${snapshot.phase}: no state`);
  const state = stateFrom(data, statePorts(stage));
  stage.state = state;
  const { revision = 0, observed = { x: null, y: null, incidents: 0 } } = snapshot;
  const { run, unsettled, unansweredCreations } = runOf(stage, { state, revision, incidents: observed.incidents });
  const at: At = { stage, state, run, revision, observed, snapshot };
  const known = new Set(snapshot.unsettled ?? []);
  let next: Next;
  try {
    next = await steps[snapshot.phase](at);
  } catch (error) {
    if (snapshot.phase === 'failed' || !(error instanceof ConvergeError)) throw error;
    const isStale = error.code === 'StaleLook' || error.code === 'LeaseLost';
    if (snapshot.phase === 'told') return 'end';
    next = { ...snapshot, phase: 'failed', isStale };
  }
  if (next === 'end') return next;
  const all = [...new Set([...known, ...unsettled])].sort();
  return {
    ...next,
    state: stateDataOf(state, stage.stood()),
    ...(all.length === 0 ? {} : { unsettled: all }),
    ...(snapshot.mayComeLate === true || unansweredCreations.size > 0 ? { mayComeLate: true } : {}),
  };
}

interface At {
  readonly stage: Stage;
  readonly state: State;
  readonly run: Run;
  readonly revision: number;
  readonly observed: Observed;
  readonly snapshot: Snapshot;
}
type Step = (at: At) => Promise<Next>;

async function open(stage: Stage, { told }: Snapshot): Promise<Next> {
  const opening = { paths, event: 'job', told };
  stage.believeTold = (generation) => {
    const isFlag = stage.broken === 'told is a flag' && told !== undefined;
    if (isFlag || stage.broken === 'the outbox is dropped untold') opening.told = generation;
  };
  const found = await openState(opening, statePorts(stage));
  if (found.opened === 'held') return 'end';
  const { state } = found;
  stage.state = state;
  return { phase: 'look', state: stateDataOf(state, stage.stood()) };
}

/** What an earlier run said, and died before it was told; then the branch, then the cluster. */
const look: Step = async ({ stage, state }) => {
  await publish(state, statePorts(stage));
  const head = await stage.ask({ op: 'head' });
  const seen = await stage.ask({ op: 'observe' });
  if (!('head' in head && 'observed' in seen)) throw new Error('no look');
  return { phase: 'touch', revision: head.head, observed: seen.observed };
};

const touch: Step = async ({ stage, run, revision, observed }) => {
  const { suspects } = run.memoryFile.memory();
  if (stage.broken === 'suspects are not touched' || suspects === undefined)
    return { phase: 'plan', revision, observed };
  const cluster = await run.ports.cluster({ name: 'model', repository: 'master', environment: 'acme' });
  const extent = { groupKinds: [], additionalNamespaces: [] };
  const before = { parent: undefined, extent, objects: inventoryOf(observed), unproven: new Map() };
  const { objects } = await fenceSuspects({ run, cluster, api: await cluster.api() }, before);
  return planned({ stage, run, revision, observed, objects, suspects });
};

const plan: Step = async ({ stage, run, revision, observed }) => {
  const { suspects } = run.memoryFile.memory();
  return planned({ stage, run, revision, observed, objects: inventoryOf(observed), suspects });
};

/** What differs, what of it is drift, and what is to be written. */
function planned({
  stage,
  run,
  revision,
  observed,
  objects,
  suspects,
}: Pick<At, 'stage' | 'run' | 'revision' | 'observed'> & {
  objects: ReadonlyMap<string, ObservedObject>;
  suspects: Record<string, string> | undefined;
}): Next {
  const memory = run.memoryFile.memory();
  const attempted = attemptAt(revision);
  const isRendered =
    memory.converged !== undefined &&
    sameInputs({ attempted: memory.converged.inputs, current: attempted.inputs }) &&
    memory.converged.renderKey !== '';
  const verified = judge({ revision, objects, remembered: memory.objects });
  const isQuiet = verified.actions.every(({ action }) => action === 'keep');
  const known = Object.keys(memory.objects);
  const isUnchanged = isRendered && isQuiet && [...objects.keys()].every((key) => known.includes(key));
  if (isUnchanged && known.length === objects.size && stage.broken !== 'a check always claims')
    return { phase: 'health', revision, observed };
  const { drift } =
    stage.broken === 'our own is drift'
      ? verified
      : withoutOurOwn(verified, { memory: { ...memory, suspects }, now: new Date(begins), objects });
  if (drift.length > 0)
    tellDivergence(run, {
      ...{ divergence: driftDivergence(revision, drift), cluster: 'model', attempted, action: 'healing' },
      environment: {
        diffAfter: 0,
        convergedAfter: 0,
        suspend: false,
        selfHeal: true,
        prune: true,
        ignore: [],
        labels: {},
      },
    });
  begin(run, { revision, actions: verified.actions, isQuiet: isRendered && isQuiet });
  return { phase: 'claim', revision, observed, plan: verified.actions.flatMap(writeOf) };
}

function writeOf(action: PlannedAction): Planned[] {
  const desired = action.action === 'prune' ? undefined : action.desired;
  const key = keyNamed((action.action === 'prune' ? action.observed : action.desired).key);
  if (action.action === 'keep' || key === undefined) return [];
  const live = 'observed' in action ? action.observed?.object : undefined;
  const to = desired === undefined ? 0 : Number(JSON.stringify(desired.object['data']).replaceAll(/\D/g, ''));
  return [{ key, to, version: live?.metadata.resourceVersion ?? null }];
}

/** As a run sets out, before its first write. */
function begin(
  run: Run,
  { revision, actions, isQuiet }: { revision: number; actions: readonly PlannedAction[]; isQuiet: boolean },
): void {
  if (isQuiet) return;
  const before = run.memoryFile.memory();
  const { inputs, ...attempted } = attemptAt(revision);
  const isSame = before.attempted !== undefined && sameInputs({ attempted: before.attempted.inputs, current: inputs });
  const writes = actions.some(({ action }) => action !== 'keep' && action !== 'prune');
  const rollout = rolloutOf({
    ...{ last: before.rollout, revision: revisionNamed(revision), commits: writes && !isSame, heals: writes },
    ...{ sameInputs: isSame, now: new Date(begins), timeout: 600_000 },
  });
  run.memoryFile.remember(revisionBegun, {
    ...{ cluster: 'model', namespace: 'acme', attempted: { ...attempted, inputs }, inputs },
    ...{ isUnderWay: writes || rollout !== before.rollout, rollout, rolledOut: setOutFor(actions) },
  });
}

const claimIt: Step = async ({ stage, state, run, revision, observed, snapshot: { plan: writes = [] } }) => {
  const always = stage.broken === 'a check always claims';
  if (writes.length === 0 && !always) return { phase: 'health', revision, observed, plan: [] };
  if (stage.broken === 'claim on the lease as it is now') await readLeaseAgain(stage, state);
  const intent = { attempted: attemptAt(revision), keys: writes.map(({ key }) => objectKeys[key]) };
  await run.lease.claim(intent);
  if (stage.broken === 'the clock starts with the answer' && state.hold !== undefined)
    state.hold.askedAt = begins + stage.stood();
  return { phase: 'write', revision, observed, plan: writes };
};

async function readLeaseAgain(stage: Stage, state: State): Promise<void> {
  const answer = await stage.ask({ op: 'generation', name: 'lease' });
  if ('generation' in answer) state.lease.generation = answer.generation ?? undefined;
}

/** One write, or the look at what somebody else made of it, and one more. */
const write: Step = async ({ run, revision, observed, snapshot }) => {
  const [next, ...rest] = snapshot.plan ?? [];
  if (next === undefined) return { phase: 'health', revision, observed, plan: [] };
  const cluster = await run.ports.cluster({ name: 'model', repository: 'master', environment: 'acme' });
  const name = next.key;
  let { version } = next;
  for (let tries = 1; ; tries++) {
    const done = await put(cluster, { ...next, version });
    if (done) break;
    if (tries === 2) throw conflict(name);
    const live = await cluster.get({ resource, namespace: 'acme', name });
    await run.lease.assertHeld('now');
    version = live?.metadata.resourceVersion ?? null;
  }
  if (next.key === 'y' && next.to === 0) forgetPruned(run);
  else remember(run, { revision, key: next.key });
  return { phase: 'write', revision, observed, plan: rest };
};

function conflict(subject: string): ConvergeError {
  return new ConvergeError({ code: 'ClusterUnavailable', subject, message: 'changes', disposition: 'retry' });
}

async function put(
  cluster: Awaited<ReturnType<Run['ports']['cluster']>>,
  { key, to, version }: Planned,
): Promise<boolean> {
  const isGone = key === 'y' && to === 0;
  if (isGone && version === null) return true;
  if (isGone) {
    const deleted = await cluster.delete({
      ...{ resource, namespace: 'acme', name: key, uid: version ?? '', resourceVersion: version ?? '' },
    });
    return deleted.outcome === 'deleted';
  }
  const metadata = { name: key, namespace: 'acme', resourceVersion: version ?? '1' };
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { value: String(to) } };
  const applied = await cluster.apply({ resource, object, dryRun: false });
  return applied.outcome === 'applied';
}

function forgetPruned(run: Run): void {
  const rolledOut = { created: [], configured: [], pruned: [objectKeys.y] };
  run.memoryFile.remember(changesMade, { committed: [], pending: [], rolledOut });
}

function remember(run: Run, { revision, key }: { revision: number; key: Key }): void {
  const objects = rememberedAt(revision, [key]);
  run.memoryFile.remember(objectsSeen, { objects });
  run.memoryFile.remember(suspectsTouched, { touched: Object.keys(objects), now: new Date(begins) });
}

function rememberedAt(revision: number, which: readonly Key[]): ReturnType<Run['memoryFile']['memory']>['objects'] {
  const want = wanted(revision);
  return Object.fromEntries(
    which.flatMap((key) => {
      if (key === 'y' && want.y === 0) return [];
      const seen = { value: want[key], version: '', foreign: false };
      const [object] = [...inventoryOf({ x: null, y: null, incidents: 0, [key]: seen }).values()];
      const observed = object === undefined ? '' : (fingerprint(object.object) ?? '');
      return [[objectKeys[key], { desired: `${key} ${want[key]}`, observed, apiVersion: 'v1' }]];
    }),
  );
}

const health: Step = async ({ stage, run, revision, observed, snapshot }) => {
  const answer = await stage.ask({ op: 'health' });
  if (!('healthy' in answer)) throw new Error('no health');
  const memory = run.memoryFile.memory();
  const attempted = attemptAt(revision);
  const isConfirmed = snapshot.plan === undefined && isSettled(run, revision) && memory.waiting === undefined;
  const now = new Date(begins);
  if (isConfirmed && openIncidents(memory).length === 0) {
    const begun = memory.rollout ?? beginRollout({ revision: revisionNamed(revision), now, timeout: 600_000 });
    const rollout = answer.healthy ? undefined : begun;
    const state_ = answer.healthy ? ('Healthy' as const) : ('Progressing' as const);
    run.memoryFile.remember(unchanged, { attempted, rollout, health: { state: state_, unawaited: undefined } });
    return { phase: 'commit', revision, observed };
  }
  if (!answer.healthy) {
    run.memoryFile.remember(leftWaiting, {
      ...{ revision: revisionNamed(revision), attempted, message: 'waits for X', rollout: memory.rollout, id: 'job' },
    });
    return { phase: 'commit', revision, observed, goesOn: true, waited: snapshot.waited };
  }
  concludeAt(run, { revision, isMended: isConfirmed });
  return { phase: 'commit', revision, observed };
};

/** Whether memory and Git agree. */
function isSettled(run: Run, revision: number): boolean {
  const { converged } = run.memoryFile.memory();
  return (
    converged !== undefined &&
    converged.renderKey !== '' &&
    sameInputs({ attempted: converged.inputs, current: attemptAt(revision).inputs })
  );
}

function concludeAt(run: Run, { revision, isMended }: { revision: number; isMended: boolean }): void {
  const attempted = attemptAt(revision);
  const fine = { state: 'Healthy' as const, unawaited: undefined };
  const memory = run.memoryFile.memory();
  const there = wanted(revision).y === 1 ? keys : keys.filter((key) => key !== 'y');
  run.memoryFile.remember(objectsSeen, { objects: rememberedAt(revision, there) });
  tellConverged(run, {
    reached: isMended
      ? { reached: 'mended', attempted, rollout: undefined, health: fine }
      : {
          ...{ reached: 'revision', cluster: 'model', namespace: 'acme', previous: undefined, health: fine },
          converged: { ...attempted, renderKey: 'key' },
          desired: there.map((key) => objectKeys[key]),
          ...{ left: [], pending: undefined, unwanted: undefined },
        },
    converged: {
      ...{ cluster: 'model', seconds: 0, policy: null },
      revision: isMended ? (memory.converged?.revision ?? revisionNamed(revision)) : revisionNamed(revision),
      changes: { created: 0, configured: 0, unchanged: 0, pruned: 0 },
    },
  });
  // No rule asks what happened long ago: with it, no two worlds would be the same.
  run.memoryFile.remember((told) => ({ ...told, past: undefined }));
}

const commitIt: Step = async ({ stage, state, run, revision, observed, snapshot }) => {
  suspectUnsettled(run, snapshot);
  await brokenBefore(stage, state);
  await commit(state);
  if (snapshot.goesOn !== true) return { phase: 'told', revision, observed };
  if (snapshot.waited !== true) return { phase: 'health', revision, observed, plan: [], waited: true };
  await stage.ask({ op: 'send', told: state.told ?? null });
  return 'end';
};

/** Alerts that leave before the memory says them. */
async function brokenBefore(stage: Stage, state: State): Promise<void> {
  if (stage.broken === 'alerts before the memory') {
    const before = { ...state, memory: { ...state.memory, value: state.current } };
    await publish(before, statePorts(stage));
  }
}

const tell: Step = async ({ state }) => {
  await writeTold(state);
  return 'end';
};

/** What was found and done is remembered, and the lease ended. */
const failed: Step = async ({ state, run, snapshot }) => {
  suspectUnsettled(run, snapshot);
  if (state.hold === undefined && snapshot.isStale === true) return 'end';
  try {
    await commit(state);
  } catch {
    // What it did could not be remembered.
  }
  return 'end';
};

function suspectUnsettled(run: Run, { unsettled = [], mayComeLate = false }: Snapshot): void {
  if (unsettled.length > 0) run.memoryFile.remember(suspected, { keys: [...unsettled], now: new Date(begins) });
  if (mayComeLate) run.memoryFile.remember(creationUnanswered, { now: new Date(begins) });
}

const steps: Readonly<Record<Exclude<Phase, 'open'>, Step>> = {
  ...{ look, touch, plan, health, write, failed },
  ...{ claim: claimIt, commit: commitIt, told: tell },
};
