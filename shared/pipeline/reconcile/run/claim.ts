import { randomUUID } from 'node:crypto';
import {
  actsFor,
  claimOf,
  covers,
  givenBack,
  joinIntents,
  noLease,
  renewAfter,
  toldLease,
  type Evidence,
  type Intent,
} from '../../../memory/lease.ts';
import { isOpenAndTold, isToBeTold } from '../../../memory/incident.ts';
import { incidentsOf } from '../../../memory/incidents.ts';
import { foundAgain } from '../../../memory/transitions/accept.ts';
import { memoryFileOf } from './memory-file.ts';
import { assertUndisturbed, lost, owesTold, staleLook, writeLease, type Hold, type State } from './state.ts';

/** Milliseconds for which the lease is taken for held without a look at it. */
const freshFor = 2_000;

/**
 * Claims the right to act, on the generation that was read before the look: so the look was one under the lease. Then
 * memory and head are looked at once more, since who only says something claims nothing. A claim that covers this one
 * already stands.
 *
 * Throws `StaleLook` (retry) where somebody else claimed it, or said something: it is given back.
 */
export async function claim(
  state: State,
  intent: Intent,
  { isHead }: { isHead: () => Promise<boolean> },
): Promise<void> {
  const { hold } = state;
  state.recordsOnly = false;
  if (hold !== undefined) {
    if (!covers(hold.intent, intent))
      await writeClaim(state, { nonce: hold.nonce, intent: joinIntents(hold.intent, intent) });
    return;
  }
  // Whoever ended this run would tell its evidence, which is of the past where it is of an older memory.
  if (evidenceOf(state).outbox.length > 0 && (await generationOf(state)) !== state.memory.generation)
    throw staleLook(state.memory.path);
  const { attempted = state.current.attempted, keys } = intent;
  await writeClaim(state, { nonce: randomUUID(), intent: { attempted, keys } });
  const isSame = (await generationOf(state)) === state.memory.generation;
  if (!isSame || !(await isHead())) {
    await giveBack(state);
    throw staleLook(state.memory.path);
  }
  const memoryFile = memoryFileOf(state);
  // Whoever has but to forget it claims nothing.
  memoryFile.remember(foundAgain);
}

async function writeClaim(state: State, { nonce, intent }: { nonce: string; intent: Intent }): Promise<void> {
  const { ports, event, lease } = state;
  const { rollout, rolledOut } = state.current;
  const claimed = claimOf({
    ...{ nonce, event, intent: { ...intent, rollout, rolledOut } },
    // Who claims knows what was published at least as well as the lease, which may be lost.
    last: state.told === undefined ? lease.value : { ...(lease.value ?? noLease), told: state.told },
    base: state.memory.generation ?? '0',
    evidence: evidenceOf(state),
  });
  const askedAt = ports.now().getTime();
  if ((await writeLease(state, claimed, { isOver: false })) === 'conflict') {
    state.hold = undefined;
    throw staleLook(lease.path);
  }
  state.hold = { nonce, intent, askedAt, checkedAt: askedAt };
}

/** What the run found and nobody has been told yet, and whose end is owed: whoever ends the run tells it. */
function evidenceOf({ current }: State): Evidence {
  const { outbox = [] } = current;
  const named = new Set(outbox.map(({ data }) => data.incident));
  const incidents = incidentsOf(current).filter(
    (incident) => named.has(incident.id) || isOpenAndTold(incident) || isToBeTold(incident),
  );
  return incidents.length === 0 ? { incidents, outbox: [] } : { incidents, outbox };
}

/**
 * Leaves what the run came to know under its lease, and is about to publish, with the lease: a run whose own writes end
 * what it tells of is not found out by the next look, where the memory is lost before the lease tells.
 *
 * Throws `StaleLook` (retry) where somebody else claimed it.
 */
export async function leaveEvidence(state: State): Promise<void> {
  const { hold, lease } = state;
  if (hold === undefined) return;
  const { incidents, outbox } = evidenceOf(state);
  const left = lease.value?.evidence ?? { incidents: [], outbox: [] };
  if (JSON.stringify([incidents, outbox]) === JSON.stringify([left.incidents, left.outbox])) return;
  await writeClaim(state, { nonce: hold.nonce, intent: hold.intent });
}

/** Gives back a lease under which nothing was done. */
export async function giveBack(state: State): Promise<void> {
  const { hold, lease } = state;
  state.hold = undefined;
  if (hold === undefined || lease.value?.nonce !== hold.nonce) return;
  await writeLease(state, givenBack(lease.value), { isOver: true });
}

/**
 * To be called before each write in the cluster: the run may act, and a request that begins now ends before its lease.
 * Now and then, and where `now` a conflict tells that somebody else writes, too, both objects are looked at.
 *
 * Throws `LeaseLost` (retry) where it was ended or slept too long, `StaleLook` (retry) where it ended its lease itself
 * and somebody else acted since.
 */
export async function assertHeld(state: State, look?: 'now'): Promise<void> {
  if (look === undefined && isFresh(state)) return;
  const mine = state.turn.then(async () => assertHeldNow(state, look));
  state.turn = mine.catch(() => {});
  await mine;
}

function isFresh({ hold, ports }: State): boolean {
  const now = ports.now().getTime();
  return hold !== undefined && since(hold.askedAt, now) <= renewAfter && since(hold.checkedAt, now) <= freshFor;
}

/** Milliseconds by which a clock is put right in passing. */
const inPassing = 1_000;

/** Milliseconds since a time; without an end where the clock was put back since: nobody knows how many. */
function since(then: number, now: number): number {
  return now < then - inPassing ? Number.POSITIVE_INFINITY : now - then;
}

async function assertHeldNow(state: State, look: 'now' | undefined): Promise<void> {
  const { ports, hold, yielded } = state;
  if (hold === undefined) {
    if (state.recordsOnly) return await assertUndisturbed(state);
    if (yielded === undefined) throw new Error(`${state.lease.path}: a write without a claim`);
    await assertUndisturbed(state);
    await claim(state, yielded.intent, { isHead: async () => true });
    return;
  }
  const now = ports.now().getTime();
  if (since(hold.askedAt, now) > actsFor) throw lost(state.lease.path);
  if (since(hold.askedAt, now) > renewAfter) await renew(state, hold);
  else if (look === 'now' || since(hold.checkedAt, now) > freshFor) await check(state, hold);
}

async function check(state: State, hold: Hold): Promise<void> {
  const { ports, lease, memory } = state;
  const at = ports.now().getTime();
  const [ofMemory, ofLease] = await Promise.all([generationOf(state), ports.state.generationOf(lease.path)]);
  const isLate = since(hold.askedAt, ports.now().getTime()) > actsFor;
  if (isLate || ofMemory !== memory.generation || ofLease !== lease.generation) throw lost(lease.path);
  hold.checkedAt = at;
}

/** It counts only where the memory has not ended it meanwhile. */
async function renew(state: State, hold: Hold): Promise<void> {
  const { ports, lease } = state;
  if (lease.value === undefined) throw lost(lease.path);
  await check(state, hold);
  const askedAt = ports.now().getTime();
  if ((await writeLease(state, lease.value, { isOver: false })) === 'conflict') throw lost(lease.path);
  hold.askedAt = askedAt;
  await check(state, hold);
}

async function generationOf({ ports, memory }: State): Promise<string | undefined> {
  return await ports.state.generationOf(memory.path);
}

/**
 * Names the memory whose outbox was published. Where somebody else claimed meanwhile, it is published once more. What
 * nobody can read in the lease's place is overwritten thereby, whatever there is to be named.
 */
export async function writeTold(state: State): Promise<void> {
  const { lease, told = null } = state;
  if (state.hold !== undefined || !(lease.unreadable === true || (owesTold(state) && told !== null))) return;
  const open = incidentsOf(state.memory.value).filter(isOpenAndTold);
  await writeLease(state, toldLease({ last: lease.value, told, open }), { isOver: true });
}
