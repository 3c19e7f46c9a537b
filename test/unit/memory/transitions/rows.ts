import type { Memory } from '../../../../shared/memory/memory.ts';
import {
  causeNoted,
  foundAgain,
  freezeFound,
  freezePassed,
  gateOpened,
  heldBack,
  lastDeclarationRecalled,
  leaveBegun,
  overrideEnded,
  ruleAccepted,
  suspended,
  suspensionPassed,
  thawed,
} from '../../../../shared/memory/transitions/accept.ts';
import type { Incident } from '../../../../shared/memory/incident.ts';
import { divergenceFound, incidentTold, runStopped } from '../../../../shared/memory/transitions/divergence.ts';
import {
  convergenceTold,
  driftStands,
  leftoversKept,
  namesTakenOver,
  unchanged,
  type Reached,
} from '../../../../shared/memory/transitions/end.ts';
import { creationUnanswered, suspected, suspectsTouched } from '../../../../shared/memory/transitions/fold.ts';
import { driftLeft, objectsSeen, surveyed, unprovenSeen } from '../../../../shared/memory/transitions/objects.ts';
import {
  quarantineEnded,
  quarantineFound,
  quarantineLifted,
  quarantineShared,
  rollbackDone,
} from '../../../../shared/memory/transitions/quarantine.ts';
import { requestDone } from '../../../../shared/memory/transitions/requests.ts';
import {
  changesMade,
  deletionAwaited,
  healedInPause,
  hooksPassed,
  rolloutBounded,
  leftWaiting,
  revisionBegun,
} from '../../../../shared/memory/transitions/roll-out.ts';
import { inputsId } from '../../../../shared/environment/inputs.ts';
import {
  attemptAt,
  colors,
  diff,
  earlier,
  incidentOf,
  later,
  now,
  old,
  remembered,
  revisionAt,
  states,
  web,
  type StateName,
} from './states.ts';

/** A transition, and what it makes of each state that it can meet. */
export interface Row {
  readonly transition: string;
  /** With which facts. */
  readonly when: string;
  readonly apply: (memory: Memory) => Memory;
  readonly meets: readonly StateName[] | 'any';
  readonly sets: Partial<Memory>;
  readonly clears: readonly (keyof Memory)[];
  /** What it sets, beside that or otherwise, from some states. */
  readonly but?: Readonly<Partial<Record<StateName, Partial<Memory>>>>;
}

const attempted = attemptAt('4');
const revision = revisionAt('4');
const rollout = { revision, since: now.toISOString(), until: later };
const rolledOut = { created: [colors], configured: [], pruned: [old] };
const unwell = { state: 'Progressing' as const, unawaited: 'Job acme/seed: is running' };
const well = { state: 'Healthy' as const, unawaited: undefined };
const sinceNow = { since: now.toISOString() };
const sinceEarlier = { since: earlier };
const confirmed = { '/ConfigMap/acme/colors': { at: ['2026-11-21T01:59:00.000Z'], managers: ['kubectl'] } };

const found = { commit: '4'.repeat(40), subject: 'Change', author: null, artifact: null, build: null, restores: null };
const cause = { found, inputs: attempted.inputs };
const incident = incidentOf('Drifted', { id: 'two', told: false });
const blocked = incidentOf('Blocked', { id: 'two', told: false });

/** What has passed of the drift that was open in a state. */
const passed = (of: StateName): Partial<Memory> => ({
  incident: incidentOf('Drifted', { ...states[of].incident, passed: true }),
});

/** By the states in which something was attempted. */
function eachAttempted(
  set: (last: NonNullable<Memory['attempted']>) => Partial<Memory>,
): Partial<Record<StateName, Partial<Memory>>> {
  return Object.fromEntries(
    Object.entries(states).flatMap(([name, memory]) =>
      memory.attempted === undefined ? [] : [[name, set(memory.attempted)] as const],
    ),
  );
}

/** An incident that was found from the states that know one: which is the gravest, and both. */
function beside(found: Incident): Partial<Record<StateName, Partial<Memory>>> {
  const both = (first: StateName, isGraver: boolean): Partial<Memory> => {
    const known = states[first].incident ?? found;
    const isFound = known.revision === found.revision && known.reason !== found.reason;
    const other = isFound ? known : { ...known, passed: true };
    return { incident: isGraver ? other : found, incidents: [other, found], ...sinceEarlier };
  };
  const isGraver = found.reason !== 'Blocked';
  return {
    ...{ failed: both('failed', true), 'is not healthy': both('is not healthy', isGraver) },
    ...{ drifted: both('drifted', false), 'is about to be healed': both('is about to be healed', false) },
    ...{ 'is fought over': both('is fought over', false), 'is rolling back': both('is rolling back', true) },
    ...{ 'was rolled back': both('was rolled back', true) },
    'waits for others that failed': both('waits for others that failed', isGraver),
    mended: { incident: found, incidents: [incidentOf('Failed', { closedAt: earlier }), found] },
  };
}

const override = { window: 'night', by: 'Anna', reason: 'a hole is closed', at: earlier };
const frozen = { until: later, window: 'night', waits: null };

const quarantine = { revision, inputs: attempted.inputs, reason: 'it is so', at: earlier, revert: null };

const accepting: readonly Row[] = [
  {
    transition: 'suspended',
    when: 'where the file says so',
    apply: (memory) => suspended(memory, { attempted }),
    meets: 'any',
    sets: { attempted },
    clears: ['held', 'waiting', 'rollout', 'retry', 'frozen', 'override'],
    but: { 'is rolling out': { health: 'Unknown' }, 'installs for the first time': { health: 'Unknown' } },
  },
  {
    transition: 'suspensionPassed',
    when: 'where nothing was told of that',
    apply: (memory) => suspensionPassed(memory),
    meets: 'any',
    sets: {},
    clears: [],
  },
  {
    transition: 'freezeFound',
    when: 'and a commit waits',
    apply: (memory) => freezeFound(memory, { attempted, frozen: { ...frozen, waits: revision } }),
    meets: 'any',
    sets: { attempted, frozen: { ...frozen, waits: revision } },
    clears: ['held', 'waiting', 'rollout', 'retry', 'override'],
    but: { 'is rolling out': { health: 'Unknown' }, 'installs for the first time': { health: 'Unknown' } },
  },
  {
    transition: 'freezeFound',
    when: 'and nothing waits',
    apply: (memory) => freezeFound(memory, { attempted: undefined, frozen }),
    meets: 'any',
    sets: { frozen },
    clears: ['override'],
  },
  {
    transition: 'thawed',
    when: 'at the end of a freeze',
    apply: thawed,
    meets: ['is frozen'],
    sets: {},
    clears: ['frozen'],
  },
  {
    transition: 'freezePassed',
    when: 'at the word of a person',
    apply: (memory) => freezePassed(memory, { override }),
    meets: 'any',
    sets: { override },
    clears: ['frozen'],
  },
  {
    transition: 'overrideEnded',
    when: 'by the run that ends what was begun so',
    apply: overrideEnded,
    meets: ['is rolling out'],
    sets: {},
    clears: ['override'],
  },
  {
    transition: 'heldBack',
    when: 'by what it depends on',
    apply: (memory) => heldBack(memory, { attempted, message: 'waits for platform', now }),
    meets: 'any',
    sets: { attempted, held: { revision, message: 'waits for platform' }, ...sinceNow },
    clears: [],
    but: { 'waits for others': sinceEarlier, 'waits for others that failed': sinceEarlier },
  },
  {
    transition: 'lastDeclarationRecalled',
    when: 'of what nobody can read any more',
    apply: (memory) => lastDeclarationRecalled(memory, { attempted }),
    meets: ['never ran, or lost its memory'],
    sets: { attempted },
    clears: [],
  },
  {
    transition: 'leaveBegun',
    when: 'its file is gone',
    apply: (memory) => leaveBegun(memory, { file: 'environments/acme.yaml' }),
    meets: 'any',
    sets: {},
    but: eachAttempted((last) => ({
      attempted: { ...last, inputs: { ...last.inputs, 'environments/acme.yaml': null } },
    })),
    clears: [],
  },
  {
    transition: 'causeNoted',
    when: 'of a new commit',
    apply: (memory) => causeNoted(memory, { cause }),
    meets: 'any',
    sets: { cause },
    clears: [],
  },
  {
    transition: 'gateOpened',
    when: 'after it waited',
    apply: gateOpened,
    meets: ['waits for others', 'waits for others that failed'],
    sets: {},
    clears: ['held'],
  },
  {
    transition: 'foundAgain',
    when: 'by a run that acts',
    apply: foundAgain,
    meets: 'any',
    sets: {},
    clears: ['endTold'],
  },
  {
    transition: 'ruleAccepted',
    when: 'with a new rule',
    apply: (memory) => ruleAccepted(memory, { verified: { commit: '4', openpgpKeys: 'a key' } }),
    meets: 'any',
    sets: { verified: { commit: '4', openpgpKeys: 'a key' } },
    clears: [],
  },
  {
    transition: 'ruleAccepted',
    when: 'with no rule any more',
    apply: (memory) => ruleAccepted(memory, { verified: undefined }),
    meets: 'any',
    sets: {},
    clears: ['verified'],
  },
];

const survey = {
  at: '2026-11-21T01:00:00.000Z',
  version: 'v1.36.3',
  undeclared: [],
  more: 2,
  unlisted: ['Secret'],
  deprecated: [],
};
const ofObjects: readonly Row[] = [
  {
    transition: 'objectsSeen',
    when: 'of one that is new and one that is known',
    apply: (memory) => objectsSeen(memory, { objects: { [web]: remembered('4'), [old]: remembered('4') } }),
    meets: 'any',
    sets: { objects: { [colors]: remembered('1'), [web]: remembered('4'), [old]: remembered('4') } },
    clears: [],
    but: {
      'never ran, or lost its memory': { objects: { [web]: remembered('4'), [old]: remembered('4') } },
    },
  },
  {
    transition: 'driftLeft',
    when: 'with a new fingerprint',
    apply: (memory) => driftLeft(memory, { attempted, renewed: { [web]: remembered('4') } }),
    meets: 'any',
    sets: { attempted, objects: { [colors]: remembered('1'), [web]: remembered('4') } },
    clears: [],
    but: { 'never ran, or lost its memory': { objects: { [web]: remembered('4') } } },
  },
  {
    transition: 'unprovenSeen',
    when: 'where something copied the label',
    apply: (memory) => unprovenSeen(memory, { unproven: { count: 3, objects: [] } }),
    meets: 'any',
    sets: { unproven: { count: 3, objects: [] } },
    clears: [],
  },
  {
    transition: 'unprovenSeen',
    when: 'where nothing did',
    apply: (memory) => unprovenSeen(memory, { unproven: undefined }),
    meets: 'any',
    sets: {},
    clears: ['unproven'],
  },
  {
    transition: 'surveyed',
    when: 'whatever was found',
    apply: (memory) => surveyed(memory, { survey }),
    meets: 'any',
    sets: { survey },
    clears: [],
  },
];

const begun = { cluster: 'next', namespace: 'acme-next', attempted, rolledOut };
const rollingOut: readonly Row[] = [
  {
    transition: 'revisionBegun',
    when: 'with other inputs than those that converged',
    apply: (memory) => revisionBegun(memory, { ...begun, inputs: attempted.inputs, isUnderWay: true, rollout }),
    meets: 'any',
    sets: {
      ...{ ...begun, rollout, health: 'Progressing', converged: { ...attemptAt('1'), renderKey: '' } },
      rolledOutFor: inputsId(attempted.inputs),
    },
    clears: ['unawaited', 'endTold'],
    but: {
      'never ran, or lost its memory': { converged: undefined },
      'installs for the first time': { converged: undefined },
    },
  },
  {
    transition: 'revisionBegun',
    when: 'with the inputs that converged, where nothing is written',
    apply: (memory) =>
      revisionBegun(memory, {
        ...begun,
        inputs: attemptAt('1').inputs,
        isUnderWay: false,
        rollout: memory.rollout,
      }),
    meets: 'any',
    sets: { ...begun, rolledOutFor: inputsId(attemptAt('1').inputs) },
    clears: ['endTold'],
  },
  {
    transition: 'rolloutBounded',
    when: 'to as long as they take',
    apply: (memory) => rolloutBounded(memory, { timeout: 2 * 3_600_000 }),
    meets: 'any',
    sets: {},
    clears: [],
  },
  {
    transition: 'rolloutBounded',
    when: 'to less',
    apply: (memory) => rolloutBounded(memory, { timeout: 30 * 60_000 }),
    meets: ['is rolling out', 'installs for the first time', 'is being removed'],
    sets: { rollout: { revision: revisionAt('2'), since: earlier, until: '2026-11-21T01:30:00.000Z' } },
    clears: [],
  },
  {
    transition: 'hooksPassed',
    when: 'before it applies',
    apply: (memory) => hooksPassed(memory, { rollout }),
    meets: 'any',
    sets: { rollout },
    clears: [],
  },
  {
    transition: 'changesMade',
    when: 'with nothing left for later',
    apply: (memory) => changesMade(memory, { committed: [], rolledOut, pending: [] }),
    meets: 'any',
    sets: { rolledOut },
    clears: [],
    but: { 'is about to be healed': { heals: confirmed } },
  },
  {
    transition: 'changesMade',
    when: 'with something left for later, of what a commit changed',
    apply: (memory) => changesMade(memory, { committed: [colors], rolledOut, pending: [old, web] }),
    meets: 'any',
    sets: { rolledOut, left: [old, web] },
    clears: [],
    but: {
      'has something left to prune': { left: [colors, old, web] },
      drifted: { heals: {} },
      'is about to be healed': { heals: {} },
      'is fought over': { heals: {} },
    },
  },
  {
    transition: 'leftWaiting',
    when: 'in its roll-out',
    apply: (memory) => leftWaiting(memory, { revision, attempted, message: 'waits for web', rollout, id: 'job' }),
    meets: 'any',
    sets: { attempted, rollout, health: 'Progressing', waiting: { revision, message: 'waits for web', id: 'job' } },
    clears: ['unawaited'],
  },
  {
    transition: 'leftWaiting',
    when: 'for a hook, before or after its roll-out',
    apply: (memory) =>
      leftWaiting(memory, { revision, attempted, message: 'waits for a hook', rollout: undefined, id: undefined }),
    meets: 'any',
    sets: { attempted, health: 'Progressing', waiting: { revision, message: 'waits for a hook' } },
    clears: ['unawaited', 'rollout'],
  },
  {
    transition: 'deletionAwaited',
    when: 'once its file is gone',
    apply: (memory) => deletionAwaited(memory, { revision, message: 'waits for colors', rollout, id: 'job' }),
    meets: 'any',
    sets: { rollout, waiting: { revision, message: 'waits for colors', id: 'job' } },
    clears: [],
  },
  {
    transition: 'healedInPause',
    when: 'after it was told that it drifted',
    apply: (memory) => healedInPause(memory, { isHealed: true }),
    meets: ['failed', 'drifted', 'is about to be healed', 'is fought over'],
    sets: {},
    clears: [],
    but: {
      drifted: passed('drifted'),
      'is about to be healed': { ...passed('is about to be healed'), heals: confirmed },
      'is fought over': passed('is fought over'),
    },
  },
];

const ended = { attempted, incident };
const stop = { ...ended, now, health: 'Unknown' as const };
const notStopped = { rollout: undefined, retry: undefined, quarantine: undefined };
const retry = { revision, count: 1, notBefore: later, healing: true };
const diverging: readonly Row[] = [
  {
    transition: 'divergenceFound',
    when: 'that is told, and the run goes on',
    apply: (memory) => divergenceFound(memory, { ...ended, now, heals: undefined }),
    meets: 'any',
    sets: { ...ended, ...sinceNow },
    clears: ['held', 'waiting'],
    but: beside(incident),
  },
  {
    transition: 'divergenceFound',
    when: 'that it sets out to heal',
    apply: (memory) => divergenceFound(memory, { ...ended, now, heals: confirmed }),
    meets: 'any',
    sets: { ...ended, heals: confirmed, ...sinceNow },
    clears: ['held', 'waiting'],
    but: beside(incident),
  },
  {
    transition: 'runStopped',
    when: 'by what is refused',
    apply: (memory) => runStopped(memory, { ...stop, ...notStopped }),
    meets: 'any',
    sets: { ...ended, health: 'Unknown', ...sinceNow },
    clears: ['held', 'waiting', 'rollout', 'retry'],
    but: beside(incident),
  },
  {
    transition: 'runStopped',
    when: 'by others that failed',
    apply: (memory) => runStopped(memory, { ...stop, incident: blocked, ...notStopped }),
    meets: ['waits for others', 'waits for others that failed'],
    sets: { attempted, incident: blocked, health: 'Unknown', ...sinceNow },
    clears: [],
    but: { 'waits for others that failed': beside(blocked)['waits for others that failed'] },
  },
  {
    transition: 'runStopped',
    when: 'by what is tried again',
    apply: (memory) => runStopped(memory, { ...stop, ...notStopped, retry }),
    meets: 'any',
    sets: { ...ended, health: 'Unknown', retry, ...sinceNow },
    clears: ['held', 'waiting', 'rollout'],
    but: beside(incident),
  },
  {
    transition: 'runStopped',
    when: 'by what is rolled back',
    apply: (memory) => runStopped(memory, { ...stop, health: 'Degraded', rollout, retry: undefined, quarantine }),
    meets: 'any',
    sets: { ...ended, health: 'Degraded', rollout, quarantine, ...sinceNow },
    clears: ['held', 'waiting', 'retry'],
    but: beside(incident),
  },
  {
    transition: 'incidentTold',
    when: 'with its alert in the outbox',
    apply: incidentTold,
    meets: ['converged', 'failed', 'is rolling back', 'was rolled back'],
    sets: {},
    clears: [],
    but: {
      'is rolling back': {
        incident: incidentOf('Failed', { told: true, diff }),
        outbox: [{ topic: 'diff', time: earlier, data: diff }],
      },
    },
  },
];

const rolledBack = { ...quarantine, revert: '5'.repeat(40) };
const note = 'rolled back to 1';
const rollback = { to: revisionAt('1'), commit: '5'.repeat(40) };
const toldOf = (rolled: typeof rollback | null): Memory['incident'] =>
  incidentOf('Failed', {
    summary: `it is so; ${note}`,
    told: false,
    diff: { ...diff, summary: `it is so; ${note}`, rollback: rolled },
  });
const quarantined: readonly Row[] = [
  {
    transition: 'quarantineFound',
    when: 'of a memory that was lost',
    apply: (memory) => quarantineFound(memory, { quarantine: rolledBack }),
    meets: ['never ran, or lost its memory'],
    sets: { quarantine: rolledBack },
    clears: [],
  },
  {
    transition: 'quarantineShared',
    when: "with another environment's rollback",
    apply: (memory) => quarantineShared(memory, { quarantine: rolledBack }),
    meets: ['never ran, or lost its memory'],
    sets: { quarantine: rolledBack },
    clears: [],
  },
  {
    transition: 'quarantineEnded',
    when: 'by other inputs',
    apply: quarantineEnded,
    meets: ['was rolled back', 'never ran, or lost its memory'],
    sets: {},
    clears: ['quarantine'],
  },
  {
    transition: 'quarantineLifted',
    when: 'by a commit',
    apply: (memory) => quarantineLifted(memory, { commit: '6'.repeat(40) }),
    meets: ['was rolled back', 'never ran, or lost its memory'],
    sets: {},
    clears: [],
    but: { 'was rolled back': { quarantine: { ...states['was rolled back'].quarantine, lifted: '6'.repeat(40) } } },
  },
  {
    transition: 'rollbackDone',
    when: 'with a commit',
    apply: (memory) => rollbackDone(memory, { quarantine: rolledBack, rollback, note }),
    meets: ['is rolling back', 'failed'],
    sets: { quarantine: rolledBack },
    clears: [],
    but: { 'is rolling back': { incident: toldOf(rollback) } },
  },
  {
    transition: 'rollbackDone',
    when: 'where a run that died has said so',
    apply: (memory) =>
      rollbackDone(incidentTold(rollbackDone(memory, { quarantine: rolledBack, rollback, note })), {
        ...{ quarantine: rolledBack, rollback, note },
      }),
    meets: ['is rolling back'],
    sets: { quarantine: rolledBack },
    clears: [],
    but: {
      'is rolling back': (({ incident, outbox }) => ({ incident, outbox }))(
        incidentTold({ ...states['is rolling back'], incident: toldOf(rollback) }),
      ),
    },
  },
  {
    transition: 'rollbackDone',
    when: 'with nothing to do',
    apply: (memory) => rollbackDone(memory, { quarantine: undefined, rollback: null, note }),
    meets: ['is rolling back'],
    sets: { incident: toldOf(null) },
    clears: ['quarantine'],
  },
];

const closed = (of: StateName): Partial<Memory> => {
  const { incident: open }: Memory = states[of];
  return open === undefined ? {} : { incident: { ...open, closedAt: now.toISOString() }, ...sinceNow };
};
/** That revision 4 converged, an hour after a run set out for it. */
const took = [{ revision, at: now.toISOString(), seconds: 3600 }];
/** What ended, as what is past. */
const past = (of: StateName, convergences: typeof took = []): Pick<Memory, 'past'> => {
  const { incident: open, converged: before, since }: Memory = states[of];
  const ended =
    open === undefined || open.closedAt !== undefined || of === 'is fought over'
      ? []
      : [
          {
            ...{ id: 'one', reason: open.reason, since: earlier, until: now.toISOString(), times: 1 },
            ...{ revision: open.revision, summary: 'it is so', by: [], healed: false, cause: null },
          },
        ];
  if (ended.length + convergences.length === 0) return {};
  return { past: { from: before === undefined ? since : now.toISOString(), incidents: ended, convergences } };
};
const withPast = (
  sets: Partial<Record<StateName, Partial<Memory>>>,
  convergences?: typeof took,
): Partial<Record<StateName, Partial<Memory>>> =>
  Object.fromEntries(
    Object.keys(states)
      .filter((name): name is StateName => name in states)
      .map((name) => [name, { ...sets[name], ...past(name, convergences) }]),
  );
/** What ends with a convergence, from each state. */
const closing: Partial<Record<StateName, Partial<Memory>>> = {
  'never ran, or lost its memory': sinceNow,
  'installs for the first time': sinceNow,
  failed: closed('failed'),
  'is not healthy': closed('is not healthy'),
  drifted: closed('drifted'),
  'waits for others that failed': closed('waits for others that failed'),
  'is rolling back': closed('is rolling back'),
  'was rolled back': closed('was rolled back'),
};
/** Heals that nobody has confirmed are of no time. */
const unconfirmed = { ...closed('is about to be healed'), heals: undefined };
const line = { commit: '4'.repeat(40), text: 'converged again' };
const convergedAlert = {
  topic: 'converged' as const,
  time: now.toISOString(),
  data: {
    ...{ environment: 'shop', repository: 'master', cluster: 'sandbox', revision: revisionAt('4'), seconds: 1 },
    ...{ incident: null, occurrence: null, since: null, cause: null, policy: null },
    changes: { created: 0, configured: 1, unchanged: 0, pruned: 0 },
  },
};
const converged = { ...attempted, renderKey: 'four' };
const revisionReached: Reached = {
  ...{ reached: 'revision', cluster: 'next', namespace: 'acme-next', converged, previous: attemptAt('1') },
  ...{ desired: [web], left: [old], pending: [old], unwanted: [], health: unwell },
};
const withLeft = { left: [colors, old], pending: [colors] };

const ending: readonly Row[] = [
  {
    transition: 'leftoversKept',
    when: 'before they are told',
    apply: (memory) => leftoversKept(memory, withLeft),
    meets: 'any',
    sets: withLeft,
    clears: [],
  },
  {
    transition: 'leftoversKept',
    when: 'with nothing to look at again',
    apply: (memory) => leftoversKept(memory, { left: [], pending: undefined }),
    meets: 'any',
    sets: { left: [] },
    clears: ['pending'],
  },
  {
    transition: 'driftStands',
    when: 'when all else is done',
    apply: (memory) => driftStands(memory, { ...withLeft, health: unwell }),
    meets: 'any',
    sets: { ...withLeft, health: unwell.state, unawaited: unwell.unawaited },
    clears: ['rollout', 'retry', 'waiting'],
  },
  {
    transition: 'unchanged',
    when: 'and not healthy yet',
    apply: (memory) => unchanged(memory, { attempted, rollout, health: unwell }),
    meets: 'any',
    sets: { attempted, rollout, health: unwell.state, unawaited: unwell.unawaited },
    clears: ['retry', 'waiting'],
  },
  {
    transition: 'convergenceTold',
    when: 'of a revision, with a line in its note',
    apply: (memory) => convergenceTold(memory, { reached: revisionReached, note: line, alerts: [convergedAlert], now }),
    meets: 'any',
    sets: {
      ...{ cluster: 'next', namespace: 'acme-next', previous: attemptAt('1'), left: [old], pending: [old] },
      converged: { ...converged, count: 1 },
      ...{ unwanted: [], health: unwell.state, unawaited: unwell.unawaited, objects: { [web]: remembered('1') } },
      notes: [{ commit: '1'.repeat(40), text: 'converged' }, line],
      outbox: [convergedAlert],
    },
    clears: ['rollout', 'rolledOut', 'retry', 'waiting', 'heals'],
    but: withPast(
      {
        ...closing,
        'never ran, or lost its memory': {
          ...{ ...sinceNow, notes: [line], objects: {} },
          converged: { ...converged, count: 0 },
        },
        'installs for the first time': { ...sinceNow, notes: [line] },
        drifted: { ...closing.drifted, heals: states.drifted.heals },
        'is about to be healed': unconfirmed,
        'is fought over': { heals: states['is fought over'].heals },
      },
      took,
    ),
  },
  {
    transition: 'convergenceTold',
    when: 'of what mended by itself',
    apply: (memory) =>
      convergenceTold(memory, {
        reached: { reached: 'mended', attempted, rollout: undefined, health: well },
        note: undefined,
        alerts: [],
        now,
      }),
    meets: ['failed', 'is not healthy', 'drifted', 'is about to be healed', 'was rolled back', 'is rolling out'],
    sets: { attempted, health: 'Healthy' },
    clears: ['rollout', 'rolledOut', 'retry', 'waiting', 'heals'],
    but: withPast({
      ...closing,
      drifted: { ...closing.drifted, heals: states.drifted.heals },
      'is about to be healed': unconfirmed,
    }),
  },
  {
    transition: 'convergenceTold',
    when: 'of its removal',
    apply: (memory) => convergenceTold(memory, { reached: { reached: 'removal' }, note: undefined, alerts: [], now }),
    meets: 'any',
    sets: {},
    clears: ['heals', 'notes'],
    but: Object.fromEntries(
      Object.keys(states)
        .filter((name): name is StateName => name in states)
        .map((name) => {
          const { attempted: last }: Memory = states[name];
          const isHealed = name === 'is about to be healed' || name === 'is fought over';
          return [name, { ...(isHealed ? closed(name) : closing[name]), endTold: last?.revision }];
        }),
    ),
  },
  {
    transition: 'namesTakenOver',
    when: 'for the first time',
    apply: (memory) => namesTakenOver(memory, { names: ['store', 'boutique'] }),
    meets: 'any',
    sets: { succeeded: ['boutique', 'store'] },
    clears: [],
  },
];

const suspectUntil = '2026-11-21T02:15:00.000Z';
const forgotten = { objects: { [colors]: remembered('1') } };
const distrusted: Partial<Record<StateName, Partial<Memory>>> = {
  'never ran, or lost its memory': { objects: {}, converged: undefined },
  'installs for the first time': { converged: undefined },
};
const ofSuspects: readonly Row[] = [
  {
    transition: 'suspected',
    when: 'of objects that may be written yet',
    apply: (memory) => suspected(memory, { keys: [web], now }),
    meets: Object.keys(states).filter((name): name is StateName => name !== 'was rolled back'),
    sets: {
      ...forgotten,
      suspects: { [web]: suspectUntil },
      lateUntil: suspectUntil,
      converged: { ...attemptAt('1'), renderKey: '' },
    },
    clears: [],
    but: distrusted,
  },
  {
    transition: 'creationUnanswered',
    when: 'of an object that may be made yet',
    apply: (memory) => creationUnanswered(memory, { now }),
    meets: 'any',
    sets: { lateUntil: suspectUntil },
    clears: [],
  },
  {
    transition: 'suspectsTouched',
    when: 'with some that are not there',
    apply: (memory) =>
      suspectsTouched(
        { ...memory, suspects: { [web]: suspectUntil, [colors]: suspectUntil, [old]: earlier } },
        { touched: [colors], now },
      ),
    meets: 'any',
    sets: { suspects: { [web]: suspectUntil } },
    clears: [],
  },
];

const request = (id: string) => ({
  ...{ id, action: 'reconcile' as const, by: 'Olga Ops', at: later, outcome: 'converged' as const, message: '' },
});
const many = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'].map(request);
const requesting: readonly Row[] = [
  {
    transition: 'requestDone',
    when: 'for the first time',
    apply: (memory) => requestDone(memory, { done: request('a') }),
    meets: 'any',
    sets: { requests: [request('a')] },
    clears: [],
  },
  {
    transition: 'requestDone',
    when: 'after ten others, of which one is the same',
    apply: (memory) =>
      requestDone(requestDone({ ...memory, requests: many }, { done: request('3') }), { done: request('a') }),
    meets: 'any',
    sets: { requests: [...many.filter(({ id }) => id !== '3' && id !== '0'), request('3'), request('a')] },
    clears: [],
  },
];

export const rows: readonly Row[] = [
  ...requesting,
  ...ofSuspects,
  ...accepting,
  ...ofObjects,
  ...rollingOut,
  ...diverging,
  ...quarantined,
  ...ending,
];
