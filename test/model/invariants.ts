import type { Facts, MemoryFacts, Noted } from './facts.ts';
import type { Key, Request, Seen } from './requests.ts';
import { changeRun, violated, type Draft, type Runner, type Stored, type World } from './world.ts';

/**
 * The most writes of the state by one run: it ends a dead one, claims, claims more, says what it waits for, then what it
 * came to, and tells. What makes a lease last longer is not counted.
 */
const mostWrites = 6;

interface WriteFacts {
  readonly index: number;
  readonly before: Stored | null;
  readonly after: Stored;
  readonly request: Extract<Request, { op: 'write' }>;
  readonly phase: string;
  readonly facts: Facts;
}

function countWrite(draft: Draft, { index, before, after, request }: WriteFacts): Runner | undefined {
  const run = draft.world.runs[index];
  if (run === undefined) return undefined;
  if (before?.recent === true) violated(draft, 'two writes of one name within a second');
  if ((before?.generation ?? null) !== request.expected)
    violated(draft, 'a write replaced what its writer had not read');
  const isRenewal = after.content === before?.content && String(after.symbols) === String(before.symbols);
  if (isRenewal) return run;
  if (run.writes >= mostWrites) violated(draft, `a run wrote the state more than ${mostWrites} times`);
  changeRun(draft, index, { writes: run.writes + 1 });
  return run;
}

export function wroteMemory(draft: Draft, wrote: WriteFacts): void {
  const { index, before, after, request, phase, facts } = wrote;
  const run = countWrite(draft, wrote);
  if (run === undefined) return;
  const is = facts.memory(after);
  const was = before === null ? undefined : facts.memory(before);
  const { world } = draft;
  if (!world.spoilt && (is.attempted ?? 0) < (was?.attempted ?? 0))
    violated(draft, 'the memory went back behind the revision attempted last');
  if (phase === 'commit' && !request.holds && run.overlapped)
    violated(draft, 'a look that overlapped the writes of another run said something');
  if (isMistaken(draft, { run, phase, incidents: is.incidents }))
    violated(draft, 'drift is told where nobody but Converge changed anything');
  noteIncidents(draft, is.incidents, ['named', 'incidents']);
  const said = [...new Set([...draft.world.said, ...is.outbox])].sort();
  draft.world = { ...draft.world, memory: after, said };
  endLease(draft, { index, ended: is.ended, facts });
  if (phase === 'commit' && isAllWell(is)) markSeen(draft, index);
}

function isAllWell({ attemptedInputs, convergedInputs, isWaiting, isOpen }: MemoryFacts): boolean {
  return convergedInputs !== undefined && convergedInputs === attemptedInputs && !isWaiting && !isOpen;
}

/** A newer run has found it converged: what was lost before may not change that any more. */
function markSeen(draft: Draft, index: number): void {
  const { runs, pending } = draft.world;
  draft.world = {
    ...draft.world,
    runs: runs.map((run, at) => (at !== index && run.ended === 1 ? { ...run, ended: 2 } : run)),
    pending: pending === null ? null : { ...pending, seen: true },
  };
}

function endLease(
  draft: Draft,
  { index, ended, facts }: { index: number; ended: string | undefined; facts: Facts },
): void {
  const { lease, runs } = draft.world;
  if (lease === null || ended === undefined || facts.lease(lease).nonce !== ended) return;
  draft.world = { ...draft.world, runs: runs.map((run, at) => (run.owns ? disowned(run, at === index) : run)) };
}

const disowned = (run: Runner, byItself: boolean): Runner => ({
  ...run,
  owns: false,
  ended: byItself || run.ended > 0 ? run.ended : 1,
});

export function wroteLease(draft: Draft, wrote: WriteFacts): void {
  const { index, after, facts } = wrote;
  const run = countWrite(draft, wrote);
  if (run === undefined) return;
  const { nonce, incidents } = facts.lease(after);
  const mistaken = nonce !== null && mistakes(draft, run, incidents);
  noteIncidents(draft, incidents, ['named']);
  const { world } = draft;
  const runs = world.runs.map((one, at) => {
    if (at === index) return { ...one, owns: nonce !== null };
    // Given back: nothing was done by it.
    if (run.owns && nonce === null) return { ...one, overlapped: false };
    return one.owns ? disowned(one, false) : one;
  });
  draft.world = { ...world, lease: { ...after, mistaken }, runs };
}

/** Drift that the memory did not say yet, though nobody but Converge did that when the run looked. */
function mistakes({ world: { incidents, spoilt } }: Draft, run: Runner, found: readonly Noted[]): boolean {
  const isNew = ({ id }: Noted): boolean => !spoilt && !incidents.includes(id);
  return found.some((one) => isNew(one) && one.drifted.some((key) => !run.foreign.includes(key)));
}

/** Whoever ends a run tells what that one saw. */
function isMistaken(
  draft: Draft,
  { run, phase, incidents }: { run: Runner; phase: string; incidents: readonly Noted[] },
): boolean {
  const { lease, incidents: known } = draft.world;
  if (phase !== 'open') return mistakes(draft, run, incidents);
  return lease?.mistaken === true && incidents.some(({ id }) => !known.includes(id));
}

function noteIncidents(draft: Draft, found: readonly Noted[], lists: readonly ('named' | 'incidents')[]): void {
  for (const list of lists) {
    const all = [...new Set([...draft.world[list], ...found.map(({ id }) => id)])].sort();
    draft.world = { ...draft.world, [list]: all };
  }
}

export type PutBy =
  | { readonly run: number; readonly drifted: readonly Key[] }
  | { readonly pending: true; readonly seen: boolean };

interface PutFacts {
  readonly key: Key;
  readonly to: number | 'touch';
  readonly before: Seen;
  readonly after: Seen;
  readonly by: PutBy;
  readonly facts: Facts;
  /** Whether the branch wants something else by now. */
  readonly isUnwanted: boolean;
}

export function wroteObject(draft: Draft, put: PutFacts): void {
  const { key, before, after, by } = put;
  const isChange = before.value !== after.value;
  if ('pending' in by) {
    if (isChange) judgeLate(draft, { ...put, isSeen: by.seen });
    return;
  }
  const run = draft.world.runs[by.run];
  if (run === undefined) return;
  const isLate = run.ended > 0 || run.slept;
  if (isLate && run.late > 0)
    violated(draft, 'a run whose lease was over sent more than the request that was on its way');
  if (isLate) changeRun(draft, by.run, { late: run.late + 1 });
  if (isChange && run.ended > 0) judgeLate(draft, { ...put, isSeen: run.ended === 2 });
  if (isChange && before.foreign && by.drifted.includes(key)) draft.world = { ...draft.world, owed: true };
}

/** A late write puts nothing wrong that a newer run has found right; what it makes is suspect. */
function judgeLate(
  draft: Draft,
  { key, before, after, facts, isUnwanted, isSeen }: PutFacts & { isSeen: boolean },
): void {
  const { memory, lease, spoilt } = draft.world;
  if (!isUnwanted || spoilt) return;
  const isCreate = key === 'y' && before.value === 0 && after.value === 1;
  if (isSeen && !isCreate) return violated(draft, 'a late write changed what a newer run had found converged');
  const suspects = memory === null ? [] : facts.memory(memory).suspects;
  const nonce = lease === null ? null : facts.lease(lease).nonce;
  const isEnded = memory !== null && facts.memory(memory).ended === nonce;
  const intent = lease === null || nonce === null || isEnded ? [] : facts.lease(lease).intent;
  const isMarked = [...suspects, ...intent].some((one) => one === key || one === '*');
  const isExpected = isCreate && memory !== null && facts.memory(memory).mayComeLate;
  if (!isMarked && !isExpected) violated(draft, 'a late write changed what nothing marks as suspect');
}

/** What must not be, whatever happened. @param drifts how often somebody else changed the cluster, at most */
export function violationIn(
  world: World,
  { isGood, acting, drifts }: { isGood: boolean; acting: number; drifts: number },
): string | null {
  if (world.bad !== null) return world.bad;
  if (acting > 1) return 'two runs act that both believe to hold the lease';
  if (world.spoilt) return null;
  const told = new Set(world.published.filter((alert) => alert.startsWith('diff')).map(incidentIn));
  const closed = new Set(world.published.filter((alert) => alert.startsWith('converged')).map(incidentIn));
  if (told.size > drifts) return 'one divergence was told under two names';
  if (!isGood) return null;
  if (world.owed && told.size === 0) return 'drift was healed and never told';
  if ([...told].some((incident) => !closed.has(incident))) return 'an incident was told, and its end was not';
  return null;
}

const incidentIn = (alert: string): string => alert.split(' ')[1] ?? '';
