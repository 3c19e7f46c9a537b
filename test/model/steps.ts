import type { Player } from './play.ts';
import type { Facts } from './facts.ts';
import { edited, wanted } from './objects.ts';
import { keys, type Answer, type Event, type Key, type Observed, type Request, type Seen } from './requests.ts';
import type { Sym } from './symbols.ts';
import { changeRun, draftOf, isPresent, stored, violated, type Budgets, type Draft, type World } from './world.ts';
import { wroteLease, wroteMemory, wroteObject, type PutBy } from './invariants.ts';

/** What a step needs beside the world. */
export interface Setting {
  readonly player: Player;
  readonly facts: Facts;
  readonly slots: number;
  readonly start: { readonly plain: number; readonly told: number };
  readonly initial: World['memory'];
}

/** `free`: what comes by itself; `fault`: a disturbance, of which there are so many. */
export interface Step {
  readonly label: string;
  readonly kind: 'free' | 'fault';
  readonly isWrite: boolean;
  readonly world: World;
}
type Emit = (label: string, draft: Draft, step?: { kind?: 'free' | 'fault'; isWrite?: boolean }) => void;

/** Thrown where a run has to be played before its step is known. */
export class Unplayed extends Error {
  readonly place: { readonly node: number; readonly symbols: readonly Sym[] };
  readonly event: Event;
  constructor(place: Unplayed['place'], event: Event) {
    super('unplayed');
    this.place = place;
    this.event = event;
  }
}

/** Everything that may happen next. @param symbols how many the world names */
export function stepsOf(world: World, symbols: number, setting: Setting): Step[] {
  const steps: Step[] = [];
  const emit: Emit = (label, { world: next }, { kind = 'free', isWrite = false } = {}) =>
    void steps.push({ label, kind, isWrite, world: next });
  const draft = (): Draft => draftOf(world, symbols);
  surroundings(world, { draft, emit, setting });
  disturbances(world, { draft, emit, setting });
  for (const [index, run] of world.runs.entries()) {
    for (const { to, request } of setting.player.requests(run))
      answer(world, { index, to, request, draft, emit, setting });
    stand(world, { index, draft, emit, setting });
  }
  return steps;
}

interface Around {
  readonly draft: () => Draft;
  readonly emit: Emit;
  readonly setting: Setting;
}

export function isFree({ memory, lease }: World, facts: Facts): boolean {
  if (lease === null) return true;
  const { nonce } = facts.lease(lease);
  return nonce === null || (memory !== null && facts.memory(memory).ended === nonce);
}

function surroundings(world: World, { draft, emit, setting }: Around): void {
  const { runs, memory, lease, message, pending } = world;
  const { facts, start } = setting;
  if (runs.length < setting.slots) {
    const begin = (label: string, node: number, symbols: readonly Sym[]): void => {
      const begun = draft();
      const runner = { node, symbols, owns: false, ended: 0 as const, slept: false, late: 0, writes: 0 };
      begun.world = { ...world, runs: [...runs, { ...runner, overlapped: false, foreign: [] }] };
      emit(label, begun);
    };
    begin('a run begins', start.plain, []);
    if (message !== null && message.told !== null && message.told === memory?.generation)
      begin('a run begins, by the message that goes on', start.told, [message.told]);
  }
  if (world.memory?.recent === true || world.lease?.recent === true)
    emit('a while passes', { ...draft(), world: { ...world, memory: rest(memory), lease: rest(lease) } });
  if (!world.healthy) emit('what was changed becomes healthy', { ...draft(), world: { ...world, healthy: true } });
  if (lease !== null && !lease.over && !isFree(world, facts) && !runs.some(({ owns }) => owns))
    emit('the time of a dead lease passes', {
      ...draft(),
      world: { ...world, memory: rest(memory), lease: { ...lease, recent: false, over: true } },
    });
  if (memory !== null && runs.length === 0 && pending === null && facts.memory(memory).suspects.length > 0)
    expireSuspects(world, { draft, emit, setting });
  if (pending !== null) land(world, { draft, emit, setting });
}

/** No run lives so long: what was suspect is known. */
function expireSuspects(world: World, { draft, emit, setting: { player } }: Around): void {
  const { memory } = world;
  if (memory === null) return;
  const text = player.contents.text(memory.content);
  const content = player.contents.intern(text.replaceAll('2026-01-01T00:15:00.000Z', '2025-01-01T00:00:00.000Z'));
  if (content !== memory.content)
    emit('15 minutes pass', { ...draft(), world: { ...world, memory: { ...memory, content } } });
}

function land(world: World, { draft, emit, setting }: Around): void {
  const { pending } = world;
  if (pending === null) return;
  const nothing = draft();
  nothing.world = { ...world, pending: null };
  emit('the request without an answer comes to nothing', nothing);
  const landed = draft();
  landed.world = { ...world, pending: null };
  const { key, to, expected, blind, seen } = pending;
  if (put(landed, { key, to, expected, blind }, { pending: true, seen }, setting) !== null)
    emit(`the request without an answer is done: ${key}`, landed);
}

function disturbances(world: World, { draft, emit, setting }: Around): void {
  const { budgets, runs, memory } = world;
  const spend = (of: keyof Budgets, change: Partial<World>, label: string): void => {
    if (budgets[of] === 0) return;
    const spent = draft();
    spent.world = { ...world, budgets: { ...budgets, [of]: budgets[of] - 1 }, ...change };
    emit(label, spent, { kind: 'fault' });
  };
  spend('commits', { git: world.git + 1 }, `commit r${world.git + 1}`);
  const { fresh } = draft();
  const version = fresh();
  if (world.x.value !== edited) spend('drifts', { x: { value: edited, version, foreign: true } }, 'somebody edits X');
  const y: Seen = { value: 1 - world.y.value, version, foreign: true };
  spend('drifts', { y }, world.y.value === 1 ? 'somebody deletes Y' : 'somebody makes Y, with our label');
  for (const index of runs.keys())
    spend('kills', { runs: runs.filter((_, at) => at !== index) }, `run ${index + 1} is killed`);
  if (memory === null) return;
  const spoilt = { spoilt: true, runs };
  spend('memories', { ...spoilt, memory: null }, 'memory.json is deleted');
  const { initial } = setting;
  if (initial !== null) {
    const put = { ...initial, generation: version, recent: false, symbols: initial.symbols.map(() => version) };
    spend('memories', { ...spoilt, memory: put }, 'memory.json is put back to what it was at r0');
  }
}

/** Time passes for a run that holds the lease. */
function stand(world: World, { index, draft, emit, setting }: Around & { index: number }): void {
  const { budgets, lease } = world;
  const run = world.runs[index];
  if (run === undefined || lease === null || !run.owns || lease.over) return;
  if (budgets.freezes > 0) {
    const frozen = draft();
    const rested = { memory: rest(world.memory), lease: { ...lease, recent: false, over: true } };
    frozen.world = { ...world, ...rested, budgets: { ...budgets, freezes: budgets.freezes - 1 } };
    changeRun(frozen, index, { slept: true });
    advance(frozen, { index, event: { stood: 60_000 }, setting });
    emit(`run ${index + 1} stands until the time of its lease has passed`, frozen, { kind: 'fault' });
  }
  if (budgets.pauses === 0 || run.slept) return;
  const asks = setting.player.asks(run);
  if (!asks.some((op) => op === 'put' || op === 'head')) return;
  for (const seconds of [3, 16]) {
    const paused = draft();
    const rested = { memory: rest(world.memory), lease: rest(world.lease) };
    paused.world = { ...world, ...rested, budgets: { ...budgets, pauses: budgets.pauses - 1 } };
    advance(paused, { index, event: { stood: seconds * 1000 }, setting });
    emit(`${seconds} seconds pass for run ${index + 1}`, paused, { kind: 'fault' });
  }
}

const rest = (object: World['memory']): World['memory'] => (object === null ? null : { ...object, recent: false });

/** Gives a run what it waits for, and plays it on. */
function advance(
  draft: Draft,
  { index, event, setting: { player, facts } }: { index: number; event: Event; setting: Setting },
): void {
  const run = draft.world.runs[index];
  if (run === undefined) return;
  const place = { node: run.node, symbols: run.symbols };
  const next = player.known(place, event, draft.fresh);
  if (next === undefined) throw new Unplayed(place, event);
  if (next !== 'end') return changeRun(draft, index, next);
  const { world } = draft;
  if (run.owns && !isFree(world, facts) && !world.spoilt)
    violated(draft, 'a run went away with its lease, though nobody killed it');
  draft.world = { ...draft.world, runs: draft.world.runs.filter((_, at) => at !== index) };
}

interface Asked extends Around {
  readonly index: number;
  readonly to: number;
  readonly request: Request;
}

/** What may come of a request. */
function answer(world: World, asked: Asked): void {
  const { index, to, request, draft, emit, setting } = asked;
  const name = `run ${index + 1}`;
  const give = (given: Draft, answered: Answer): Draft => {
    advance(given, { index, event: { to, answer: answered }, setting });
    return given;
  };
  switch (request.op) {
    case 'read': {
      const found = stored(world, request.name);
      const age = found?.over === true ? 60_000 : found?.recent === true ? 0 : 30_000;
      const { content = 0, symbols = [], generation = '' } = found ?? {};
      const value = found === null ? null : { content, symbols, generation, age };
      return emit(`${name} reads ${request.name}.json`, give(draft(), { found: value }));
    }
    case 'generation': {
      const generation = stored(world, request.name)?.generation ?? null;
      return emit(`${name} looks at the generation of ${request.name}.json`, give(draft(), { generation }));
    }
    case 'write':
      return write(world, { ...asked, request, give });
    case 'sleep': {
      const slept = draft();
      slept.world = { ...world, memory: rest(world.memory), lease: rest(world.lease) };
      return emit(`${name} waits until a second has passed`, give(slept, { done: true }));
    }
    case 'publish': {
      const published = draft();
      if (!world.said.includes(request.alert)) violated(published, 'an alert left before the memory said it');
      published.world = { ...published.world, published: withOne(world.published, request.alert) };
      return emit(`${name} publishes: ${request.alert}`, give(published, { done: true }));
    }
    case 'send': {
      const sent = draft();
      sent.world = { ...world, message: { told: request.told } };
      return emit(`${name} sends the message that goes on`, give(sent, { done: true }));
    }
    case 'head':
      return emit(`${name} looks at the branch: r${world.git}`, give(draft(), { head: world.git }));
    case 'observe':
      return observe(world, { ...asked, give });
    case 'health':
      return emit(`${name} looks at the health: ${world.healthy}`, give(draft(), { healthy: world.healthy }));
    case 'get': {
      const seen = world[request.key];
      const object = isPresent(request.key, seen) ? seen : null;
      return emit(`${name} reads ${request.key} again`, give(draft(), { object }));
    }
    case 'put':
      return putOf(world, { ...asked, request, give });
  }
}

type Give = (draft: Draft, answer: Answer) => Draft;

function observe(world: World, { index, draft, emit, setting, give }: Asked & { give: Give }): void {
  const looked = draft();
  const overlapped = !isFree(world, setting.facts) && world.runs[index]?.owns !== true;
  changeRun(looked, index, { overlapped, foreign: keys.filter((key) => world[key].foreign) });
  const there = (key: Key): Seen | null => (isPresent(key, world[key]) ? world[key] : null);
  // Who wrote an object is told by its managers, so not of one that is gone.
  const observed: Observed = { x: there('x'), y: there('y'), incidents: world.named.length };
  emit(`run ${index + 1} looks at the cluster`, give(looked, { observed }));
}

function write(world: World, asked: Asked & { request: Extract<Request, { op: 'write' }>; give: Give }): void {
  const { index, request, draft, emit, setting, give } = asked;
  const before = stored(world, request.name);
  const label = `run ${index + 1} writes ${request.name}.json`;
  if (!request.blind && (before?.generation ?? null) !== request.expected)
    return emit(`${label}: another generation is there`, give(draft(), { written: null }));
  const make = (): { made: Draft; generation: Sym } => {
    const made = draft();
    const generation = made.fresh();
    const after = {
      ...setting.player.contentOf(request.value),
      generation,
      recent: true,
      over: false,
      mistaken: false,
    };
    const phase = setting.player.node(world.runs[index] ?? { node: 0, symbols: [] }).phase;
    const facts = { index, before, after, request, phase, facts: setting.facts };
    if (request.name === 'memory') wroteMemory(made, facts);
    else wroteLease(made, facts);
    return { made, generation };
  };
  const { made, generation } = make();
  emit(label, give(made, { written: generation }), { isWrite: true });
  if (world.budgets.lost === 0) return;
  const lost = make().made;
  lost.world = { ...lost.world, budgets: { ...world.budgets, lost: world.budgets.lost - 1 } };
  emit(`${label}, and the answer is lost`, give(lost, { written: null }), { kind: 'fault', isWrite: true });
}

function putOf(
  world: World,
  { index, request, draft, emit, setting, give }: Asked & { request: Extract<Request, { op: 'put' }>; give: Give },
): void {
  const { key, to } = request;
  const what = to === 'touch' ? 'touches' : to === 0 && key === 'y' ? 'deletes' : 'writes';
  const label = `run ${index + 1} ${what} ${key}${typeof to === 'number' && key === 'x' ? ` = ${to}` : ''}`;
  const done = draft();
  const drifted = driftKnownTo(setting, world.runs[index]?.node ?? 0);
  const object = put(done, request, { run: index, drifted }, setting);
  if (object === null) emit(`${label}: another version is there`, give(done, { put: 'conflict', object }));
  else emit(label, give(done, { put: 'done', object }));
  if (world.budgets.lost === 0 || world.pending !== null) return;
  const lost = draft();
  const { expected, blind } = request;
  const budgets = { ...world.budgets, lost: world.budgets.lost - 1 };
  lost.world = { ...world, budgets, pending: { key, to, expected, blind, seen: false } };
  emit(`${label}, and gets no answer`, give(lost, { put: 'unanswered', object: null }), { kind: 'fault' });
}

const drifts = new WeakMap<Player, Map<number, readonly Key[]>>();

/** What a run knows to be drift, by what it would say. */
function driftKnownTo({ player }: Setting, node: number): readonly Key[] {
  const known = drifts.get(player) ?? new Map<number, readonly Key[]>();
  drifts.set(player, known);
  let found = known.get(node);
  if (found === undefined) {
    const { text } = player.node({ node, symbols: [] });
    const { snapshot }: { snapshot: { state?: { current: { incident?: Incident } } } } = JSON.parse(text);
    const incident = snapshot.state?.current.incident;
    const objects = incident?.closedAt === undefined ? (incident?.diff?.objects ?? []) : [];
    found = keys.filter((key) => objects.some(({ name }) => name === key));
    known.set(node, found);
  }
  return found;
}
interface Incident {
  readonly closedAt?: string;
  readonly diff?: { readonly objects: readonly { readonly name: string }[] };
}

/** What the API server makes of a request. Null: the precondition does not hold. */
function put(
  draft: Draft,
  { key, to, expected, blind }: Omit<Extract<Request, { op: 'put' }>, 'op'>,
  by: PutBy,
  { facts }: Setting,
): Seen | null {
  const { world } = draft;
  const before = world[key];
  const isThere = isPresent(key, before);
  if (!blind && (isThere ? before.version : null) !== expected) return null;
  if (to === 'touch' && !isThere) return null;
  const value = to === 'touch' ? before.value : to;
  const foreign = to === 'touch' ? before.foreign : false;
  const isSame = to !== 'touch' && value === before.value && !before.foreign;
  const after: Seen = isSame ? before : { value, version: draft.fresh(), foreign };
  draft.world = { ...world, [key]: after, healthy: world.healthy && value === before.value };
  wroteObject(draft, { key, to, before, after, by, facts, isUnwanted: value !== wanted(world.git)[key] });
  return after;
}

const withOne = (all: readonly string[], one: string): readonly string[] =>
  all.includes(one) ? all : [...all, one].sort();
