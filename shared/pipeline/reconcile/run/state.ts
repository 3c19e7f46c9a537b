import { randomUUID } from 'node:crypto';
import { ConvergeError } from '../../../base/errors.ts';
import { encodeAlert } from '../../../events/alert.ts';
import {
  decodeLease,
  encodeLease,
  leaseMetadata,
  leaseVersion,
  standingOf,
  unreadableLease,
  type Intent,
  type Lease,
} from '../../../memory/lease.ts';
import { believedLease } from '../../../memory/believed.ts';
import type { Hindrance } from '../../../memory/look-times.ts';
import { withIncident, withIncidents } from '../../../memory/incidents.ts';
import { decodeMemory, emptyMemory, type Memory } from '../../../memory/memory.ts';
import { memoryMetadata } from '../../../memory/memory-metadata.ts';
import { fold } from '../../../memory/transitions/fold.ts';
import type { Transition } from '../../../memory/transitions/transition.ts';
import { owedEnds } from '../../../memory/untold-evidence.ts';
import type { Ports } from '../../../ports/ports.ts';
import type { GenerationPrecondition, StateFacts } from '../../../ports/storage.ts';
import { betweenWrites } from '../../common/pauses.ts';
import { ageOf, readState, type ReadState } from '../../common/read-state.ts';

export type StatePorts = Pick<Ports, 'state' | 'log' | 'now' | 'sleep' | 'topics'>;

/** How long a run that lives may take to publish what it said, and to name it. */
const tellsWithin = 3_000;
/** How often a write is tried whose precondition fails by what is nobody's. */
const tries = 5;

/** One object of an environment, as it was read or written last. */
interface Known<T> {
  readonly path: string;
  value: T;
  /** Undefined: there is none. */
  generation: string | undefined;
  /** When it may be written, in milliseconds since 1970. */
  writableAt: number;
}

/** The right to act that this run has. */
export interface Hold {
  readonly nonce: string;
  readonly intent: Intent;
  /** When it was asked for, and when it was found held last: milliseconds since 1970. */
  askedAt: number;
  checkedAt: number;
}

/**
 * What is kept of one environment, as one run has it: it is changed by the functions of this folder only.
 *
 * `hold`: as long as it may act. `yielded`: what it acted by before, and may act by again where nobody did since.
 */
export interface State {
  readonly ports: StatePorts;
  readonly event: string;
  /** `unreadable`: what is there in its place, which is to be overwritten. */
  readonly lease: Known<Lease | undefined> & { unreadable?: boolean };
  readonly memory: Known<Memory>;
  /** The memory with what the run came to know. */
  current: Memory;
  /** How far Storage's clock is ahead of this instance's, in milliseconds; undefined where nothing has told it yet. */
  skew: number | undefined;
  /** What of it is in Storage; undefined where that is to be written whatever it is. */
  stored: string | undefined;
  hold: Hold | undefined;
  yielded: Hold | undefined;
  /** Whether what is written without the lease only records what was done. */
  recordsOnly: boolean;
  /** Whether the branch is where the look found it, for a look that did not ask its host. */
  confirmHead: (() => Promise<boolean>) | undefined;
  /** One look at the lease at a time: one that overlaps a renewal would take that for somebody else's. */
  turn: Promise<void>;
  /** Generation of the memory whose outbox this run, or the message that it goes on with, published. */
  told: string | undefined;
}

interface Opening {
  readonly paths: { readonly memory: string; readonly lease: string };
  readonly event: string;
  /** Generation of the memory whose outbox was published, as the message says that goes on with it. */
  readonly told?: string | undefined;
  /**
   * Whether a look at this environment began after that time, by Storage's clock, and came to its end: it published what
   * the memory said then. Asked where the lease is lost that would say so; absent: nobody knows.
   */
  readonly wasLookedAtSince?: (time: Date) => Promise<boolean>;
}

/** What a look finds: it may look, or somebody is at work, or may be: nobody can read who. */
export type Opened =
  | { readonly opened: 'free'; readonly state: State }
  | { readonly opened: 'held'; readonly hindrance?: Hindrance | undefined };

/**
 * Opens what is kept of an environment, for a look. A run that is dead is ended first, in its stead.
 *
 * Throws `StorageUnavailable`, `StorageRefused` (retry).
 */
export async function openState(opening: Opening, ports: StatePorts): Promise<Opened> {
  const [memory, lease] = await Promise.all([readMemory(opening, ports), readLease(opening, ports)]);
  const isTold = await isPublished(opening, { memory, lease });
  const state = stateOf(opening, { memory, lease, isTold, ports });
  switch (standing(state, lease)) {
    case 'held':
      return { opened: 'held', hindrance: hindranceOf(lease) };
    case 'free':
      return isBeingTold(state, memory) ? { opened: 'held' } : { opened: 'free', state };
    case 'over':
      return await openFolded(opening, ports);
  }
}

function hindranceOf(lease: Found['lease']): Hindrance | undefined {
  if (lease === undefined || !('unreadable' in lease)) return undefined;
  return { generation: lease.generation, reason: lease.unreadable };
}

/**
 * Whether the run that wrote the memory is likely to be about to name what it published: whoever publishes that once
 * more meanwhile doubles it.
 */
function isBeingTold({ current }: State, found: StateFacts | undefined): boolean {
  if (found === undefined || current.outbox === undefined) return false;
  return ageOf(found) < tellsWithin;
}

/** What is folded must not be older than what it is folded into: both are read again, in this order. */
async function openFolded(opening: Opening, ports: StatePorts): Promise<Opened> {
  const memory = await readMemory(opening, ports);
  const lease = await readLease(opening, ports);
  const isTold = await isPublished(opening, { memory, lease });
  const state = stateOf(opening, { memory, lease, isTold, ports });
  const found = standing(state, lease);
  if (found !== 'over' || state.lease.value === undefined)
    return found === 'held' ? { opened: 'held', hindrance: hindranceOf(lease) } : { opened: 'free', state };
  const folded = { lease: state.lease.value, generation: state.memory.generation ?? '0', now: storageTime(state) };
  state.current = fold(state.current, folded);
  // Whoever came first ended it, or goes on: what there is now is looked at anew.
  if ((await write(state, state.current)) === 'conflict') return await openState(opening, ports);
  logEnd({ path: opening.paths.lease, lease, event: folded.lease.event, ports });
  return { opened: 'free', state };
}

/** Of a lease that nobody can read nobody knows whether there was a run. */
function logEnd({
  path,
  lease,
  event,
  ports,
}: { path: string; event: string; ports: StatePorts } & Pick<Found, 'lease'>): void {
  if (lease !== undefined && 'unreadable' in lease) {
    const facts = { path, generation: lease.generation };
    ports.log('WARNING', 'a lease that nobody could read is over: any object may have been written', facts);
  } else ports.log('WARNING', 'ended a run in its stead', { path, event });
}

const readMemory = async ({ paths }: Opening, ports: StatePorts) =>
  readState({ path: paths.memory, decode: decodeMemory }, ports);
const readLease = async ({ paths }: Opening, ports: StatePorts) =>
  readState({ path: paths.lease, decode: decodeLease, newest: leaseVersion }, ports);

interface Found {
  readonly memory: ReadState<Memory> | undefined;
  readonly lease: ReadState<Lease> | undefined;
}

/** Whether it is known that the memory's outbox was published. A lease that is lost says nothing: then looks may. */
async function isPublished({ told, wasLookedAtSince }: Opening, { memory, lease }: Found): Promise<boolean> {
  if (memory === undefined) return false;
  if (leaseIn(lease)?.told === memory.generation || told === memory.generation) return true;
  const isLost = lease === undefined || 'unreadable' in lease;
  if (!isLost || 'unreadable' in memory || memory.value.outbox === undefined) return false;
  return (await wasLookedAtSince?.(memory.writtenAt)) ?? false;
}

function stateOf(
  { paths, event }: Opening,
  { memory, lease, isTold, ports }: Found & { isTold: boolean; ports: StatePorts },
): State {
  const isReadable = memory !== undefined && !('unreadable' in memory);
  const record = leaseIn(lease);
  const skew = skewOf(memory ?? lease, ports);
  const value = isReadable ? memory.value : emptyMemory(storageTime({ ports, skew }));
  const known = isTold ? { ...value, outbox: undefined } : value;
  return {
    ...{ ports, event, skew },
    lease: {
      ...{ path: paths.lease, value: record, generation: lease?.generation, writableAt: writableAt(lease, ports) },
      ...(hindranceOf(lease) === undefined ? {} : { unreadable: true }),
    },
    memory: { path: paths.memory, value, generation: memory?.generation, writableAt: writableAt(memory, ports) },
    // What is recalled is published once a memory says it again.
    current: isReadable ? withOwed(known, record, ports.now()) : recall(value, record, ports.now()),
    // What nobody can read is overwritten by the first write, also by one of nothing.
    stored: memory === undefined || isReadable ? essenceOf(known) : undefined,
    turn: Promise.resolve(),
    recordsOnly: false,
    confirmHead: undefined,
    ...{ hold: undefined, yielded: undefined },
    told: isTold ? memory?.generation : undefined,
  };
}

/** Milliseconds by which two clocks may differ that agree: Storage tells whole seconds, and an answer takes its time. */
const agreeing = 5_000;

function skewOf(found: StateFacts | undefined, { now }: Pick<Ports, 'now'>): number | undefined {
  if (found === undefined) return undefined;
  const skew = found.readAt.getTime() + 500 - now().getTime();
  return Math.abs(skew) < agreeing ? 0 : skew;
}

/** The time by Storage's clock: pauses of environments are counted by that, whatever an instance's clock says. */
export function storageTime({ ports, skew }: Pick<State, 'skew'> & { ports: Pick<Ports, 'now'> }): Date {
  return new Date(ports.now().getTime() + (skew ?? 0));
}

/** Takes the time that the read of another object told, where neither memory nor lease were there to tell it. */
export function learnTime(state: State, found: StateFacts): void {
  state.skew ??= skewOf(found, state.ports);
}

/** A memory that was put back to before something was told owes its end all the same. */
function withOwed(memory: Memory, lease: Lease | undefined, now: Date): Memory {
  const owed = lease === undefined ? [] : owedEnds(memory, believedLease(lease, now));
  return owed.reduce((known, incident) => withIncident(known, incident), memory);
}

/** A memory that was lost takes its open incidents over from the lease, with what was to be published of them. */
function recall(empty: Memory, lease: Lease | undefined, now: Date): Memory {
  const { incidents = [], outbox = [] } = (lease && believedLease(lease, now))?.evidence ?? {};
  const [since] = incidents.map((incident) => incident.since).sort();
  if (since === undefined) return empty;
  return { ...withIncidents(empty, incidents), since, ...(outbox.length === 0 ? {} : { outbox }) };
}

/** A look at what is as it was, at a later commit, is nothing to write down; nor is how far it is that it waits for. */
export function essenceOf({ writer: _writer, attempted, waiting, ...memory }: Memory): string {
  return JSON.stringify({ ...memory, inputs: attempted?.inputs, wait: [waiting?.revision, waiting?.id] });
}

function leaseIn(found: ReadState<Lease> | undefined): Lease | undefined {
  if (found === undefined) return undefined;
  return 'unreadable' in found ? unreadableLease(found) : found.value;
}

function standing({ lease, memory }: State, found: StateFacts | undefined): ReturnType<typeof standingOf> {
  const age = found === undefined ? 0 : ageOf(found);
  return standingOf({ lease: lease.value, ended: memory.value.ended, age });
}

/** By the reader's clock, of what Storage's said. */
function writableAt(found: StateFacts | undefined, { now }: Pick<Ports, 'now'>): number {
  if (found === undefined) return 0;
  return now().getTime() + betweenWrites - ageOf(found);
}

async function waitToWrite({ ports }: State, { writableAt: at }: Pick<Known<unknown>, 'writableAt'>): Promise<void> {
  const pause = at - ports.now().getTime();
  if (pause > 0) await ports.sleep(Math.min(pause, 2 * betweenWrites));
}

function preconditionOf<T>({ generation }: Known<T>): GenerationPrecondition {
  return generation === undefined ? 'absent' : { generation };
}

/** Writes the memory, conditional on what was read. An answer that was lost is found by who wrote it. */
async function write(state: State, memory: Memory): Promise<'written' | 'conflict'> {
  const { ports, memory: known } = state;
  await waitToWrite(state, known);
  const value: Memory = { ...memory, writer: randomUUID() };
  const ifGeneration = preconditionOf(known);
  let result = await ports.state.write({ path: known.path, value, ifGeneration, metadata: memoryMetadata(value) });
  if (result === 'conflict') {
    const found = await readState({ path: known.path, decode: decodeMemory }, ports);
    if (found === undefined || 'unreadable' in found || found.value.writer !== value.writer) return 'conflict';
    result = { generation: found.generation };
  }
  keepWritten(state, { value, ...result });
  return 'written';
}

function keepWritten(state: State, { value, generation }: { value: Memory; generation: string }): void {
  Object.assign(state.memory, { value, generation, writableAt: state.ports.now().getTime() + betweenWrites });
  state.current = value;
  state.stored = essenceOf(value);
  state.told = undefined;
}

/** Writes the lease, conditional on what was read; `conflict`: somebody else did meanwhile. */
export async function writeLease(
  state: State,
  lease: Lease,
  { isOver }: { isOver: boolean },
): Promise<'written' | 'conflict'> {
  const { ports, lease: known } = state;
  await waitToWrite(state, known);
  const value = encodeLease(lease, { isOver });
  const metadata = leaseMetadata(lease);
  let result = await ports.state.write({ path: known.path, value, ifGeneration: preconditionOf(known), metadata });
  if (result === 'conflict') {
    const found = await readState({ path: known.path, decode: decodeLease, newest: leaseVersion }, ports);
    if (found === undefined || 'unreadable' in found || !isSameLease(found.value, lease)) return 'conflict';
    result = { generation: found.generation };
  }
  const writtenAt = ports.now().getTime();
  const stored = { value: lease, generation: result.generation, writableAt: writtenAt + betweenWrites };
  Object.assign(known, { ...stored, unreadable: false });
  return 'written';
}

/** What nobody else can have written: a nonce is new for each claim, and its holder alone says the rest. */
function isSameLease(found: Lease, written: Lease): boolean {
  // What was decoded has its fields in another order than what was made.
  return JSON.stringify(found) === JSON.stringify(decodeLease(written));
}

/** Takes part in the memory: what the run came to know, or did. It is written by `commit`. */
export function remember<Facts extends readonly unknown[]>(
  state: State,
  transition: Transition<Facts>,
  facts: Facts,
): void {
  state.current = transition(state.current, ...facts);
}

/**
 * Writes what the run came to know, where that differs from what is stored, and publishes what it says. A run that
 * holds the lease thereby ends it, unless it goes on acting; one that does not only has something to say, and says it
 * where nobody claimed the lease since its look began.
 *
 * Throws `StaleLook` (retry) where somebody else did, or wrote; `LeaseLost` (retry) where the run was ended.
 */
export async function commit(state: State, { actsOn = false }: { actsOn?: boolean } = {}): Promise<void> {
  const { hold, ports } = state;
  if ((hold === undefined || actsOn) && essenceOf(state.current) === state.stored) return;
  if (hold === undefined) await assertSayable(state);
  for (let attempt = 1; ; attempt++) {
    const next = hold === undefined || actsOn ? state.current : { ...state.current, ended: hold.nonce };
    if ((await write(state, next)) === 'written') break;
    await resolveConflict(state, { hold, isLast: attempt === tries });
  }
  if (hold !== undefined && !actsOn) {
    state.hold = undefined;
    state.yielded = hold;
  }
  await publish(state, ports);
}

/**
 * Somebody else wrote the memory, or it was lost. A holder whose lease stands writes it anew where nobody can read it.
 * What a look said meanwhile stands: the holder then ends itself as it would end a dead run, and looks again.
 */
async function resolveConflict(
  state: State,
  { hold, isLast }: { hold: Hold | undefined; isLast: boolean },
): Promise<void> {
  const { ports, memory: known } = state;
  const stale = hold === undefined ? staleLook(known.path) : lost(known.path);
  if (hold === undefined || isLast) throw stale;
  const found = await readState({ path: known.path, decode: decodeMemory }, ports);
  const lease = await readState({ path: state.lease.path, decode: decodeLease, newest: leaseVersion }, ports);
  const isMine = leaseIn(lease)?.nonce === hold.nonce;
  const isReadable = found !== undefined && !('unreadable' in found);
  if (!isMine || (isReadable && found.value.ended === hold.nonce)) {
    state.hold = undefined;
    throw stale;
  }
  Object.assign(known, { generation: found?.generation, writableAt: writableAt(found, ports) });
  if (!isReadable || state.lease.value === undefined) return;
  const isNewest = found.value.attempted?.commit === known.value.attempted?.commit;
  known.value = found.value;
  const facts = { lease: state.lease.value, generation: found.generation, now: storageTime(state), isNewest };
  if ((await write(state, fold(found.value, facts))) === 'conflict') throw stale;
  state.hold = undefined;
  throw staleLook(known.path);
}

/** A look that only has something to say, and holds nothing, says it of the head, and where nobody acted meanwhile. */
async function assertSayable(state: State): Promise<void> {
  if (state.confirmHead !== undefined && !(await state.confirmHead())) throw staleLook(state.memory.path);
  await assertUndisturbed(state);
}

/** Publishes what the memory says that is not known to be published, in order. */
export async function publish(state: State, { topics }: Pick<StatePorts, 'topics'>): Promise<void> {
  const { generation, value } = state.memory;
  const { outbox = [] } = state.current;
  if (outbox.length === 0 || value.outbox === undefined) return;
  for (const { time, ...alert } of outbox) await topics.publish(alert.topic, encodeAlert(alert, new Date(time)));
  state.told = generation;
  state.current = { ...state.current, outbox: undefined };
  state.stored = essenceOf({ ...value, outbox: undefined });
}

/** Whether the memory's outbox holds something that was published, which no lease tells yet. */
export function owesTold({ memory, lease, told }: State): boolean {
  return memory.value.outbox !== undefined && told === memory.generation && lease.value?.told !== told;
}

/**
 * Whether nobody claimed the lease since this run read it, or ended its own. What was told meanwhile is taken note of.
 *
 * Throws `StaleLook` (retry).
 */
export async function assertUndisturbed(state: State): Promise<void> {
  const { ports, lease: known } = state;
  const found = await readState({ path: known.path, decode: decodeLease, newest: leaseVersion }, ports);
  const lease = leaseIn(found);
  if (found?.generation === known.generation) return;
  if (!isUndisturbed(lease, state)) throw staleLook(known.path);
  Object.assign(known, { value: lease, generation: found?.generation, writableAt: writableAt(found, ports) });
}

/** A lease of nobody, by which somebody told what the memory as it is here says, or gave back what he did nothing by. */
function isUndisturbed(found: Lease | undefined, { lease, memory }: State): boolean {
  const nonce = found?.nonce ?? null;
  if (nonce === (lease.value?.nonce ?? null)) return true;
  const told = found?.told ?? null;
  return nonce === null && (told === (lease.value?.told ?? null) || told === memory.generation);
}

/** Deletes what is kept of an environment that is no more: the lease first, so that nothing stays of a run that dies. */
export async function removeState(state: State): Promise<void> {
  const { ports, lease, memory } = state;
  for (const known of [lease, memory]) {
    const { path, generation } = known;
    if (generation === undefined) continue;
    await waitToWrite(state, known);
    if ((await ports.state.delete({ path, generation })) === 'conflict') throw lost(path);
  }
  state.hold = undefined;
  state.yielded = undefined;
  Object.assign(lease, { value: undefined, generation: undefined });
  const empty = emptyMemory(ports.now());
  Object.assign(memory, { value: empty, generation: undefined });
  state.current = empty;
  state.stored = essenceOf(empty);
}

/** Somebody else acted, or said something, since this look began: it counts for nothing. */
export function staleLook(path: string): ConvergeError {
  return new ConvergeError({
    code: 'StaleLook',
    subject: path,
    message: 'another run was faster',
    disposition: 'retry',
  });
}

export function lost(path: string): ConvergeError {
  return new ConvergeError({
    code: 'LeaseLost',
    subject: path,
    message: 'the lease is lost: another run took over',
    disposition: 'retry',
  });
}
