import { hash } from 'node:crypto';
import { Facts } from './facts.ts';
import { violationIn } from './invariants.ts';
import { wanted } from './objects.ts';
import { Player } from './play.ts';
import type { Rule } from './rules.ts';
import { isFree, stepsOf, Unplayed, type Setting, type Step } from './steps.ts';
import { canonical, Texts } from './symbols.ts';
import { sorted, type Budgets, type World } from './world.ts';

export interface Exploration {
  readonly slots: number;
  readonly budgets: Partial<Budgets>;
  /** What is broken on purpose. */
  readonly broken?: Rule;
  /** The most states that are searched; all of them, where absent. */
  readonly most?: number;
}

export interface Explored {
  readonly states: number;
  readonly transitions: number;
  readonly depth: number;
  readonly good: number;
  /** The most writes of the state by one run. */
  readonly mostWrites: number;
  /** How many different moments of a run there were. */
  readonly moments: number;
  readonly isComplete: boolean;
  readonly violation: { readonly what: string; readonly trace: readonly string[] } | undefined;
}

const noBudgets: Budgets = { commits: 0, drifts: 0, kills: 0, freezes: 0, lost: 0, memories: 0, pauses: 0 };

/** Integers, as many as there are. */
class Ints {
  #data = new Int32Array(1 << 16);
  length = 0;
  push(value: number): void {
    if (this.length === this.#data.length) {
      const grown = new Int32Array(2 * this.length);
      grown.set(this.#data);
      this.#data = grown;
    }
    this.#data[this.length++] = value;
  }
  at(index: number): number {
    return this.#data[index] ?? -1;
  }
}

/** What is kept of the states that were reached: of what is to be expanded the text, of the others a hash of 72 bits. */
class States {
  readonly parents = new Ints();
  readonly ordinals = new Ints();
  readonly #numbers = new Map<string, number>();
  get size(): number {
    return this.#numbers.size;
  }
  /** Negative (-1 - number) where it is new. */
  add(text: string, { parent, ordinal }: { parent: number; ordinal: number }): number {
    const key = hash('sha1', text, 'base64').slice(0, 12);
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#numbers.size;
    this.#numbers.set(key, number);
    this.parents.push(parent);
    this.ordinals.push(ordinal);
    return -1 - number;
  }
}

interface Reached {
  readonly world: World;
  readonly symbols: number;
  readonly text: string;
}

/** A world as a text that is the same for all that differ in names only. */
const textOf = (world: World): string => canonical(JSON.stringify(sorted(world))).text;

function fromText(text: string): Reached {
  return { world: JSON.parse(text), symbols: new Set(text.match(/~\d+~/g)).size, text };
}

const reached = (world: World): Reached => fromText(textOf(world));

/** Every step from here; what runs do then is played where it was not yet. */
async function expand({ world, symbols }: Reached, setting: Setting): Promise<Step[]> {
  for (;;) {
    try {
      return stepsOf(world, symbols, setting);
    } catch (error) {
      if (!(error instanceof Unplayed)) throw error;
      await setting.player.learn(error.place, error.event);
    }
  }
}

/** Cluster as in Git and healthy, all said and told, nothing open, nobody at work. */
function isGood(world: World, facts: Facts): boolean {
  const { git, x, y, memory, lease, runs, pending } = world;
  if (runs.length > 0 || pending !== null || memory === null || !world.healthy) return false;
  const want = wanted(git);
  const is = facts.memory(memory);
  const told = lease === null ? null : facts.lease(lease).told;
  const isSaid = is.convergedInputs === String(git % 2) && is.attemptedInputs === is.convergedInputs && !is.isWaiting;
  const isTold = is.outbox.length === 0 || told === memory.generation;
  return (
    x.value === want.x &&
    y.value === want.y &&
    isSaid &&
    isTold &&
    !is.isOpen &&
    is.suspects.length === 0 &&
    isFree(world, facts)
  );
}

function actingIn({ runs }: World, { player }: Setting): number {
  return runs.filter((run) => !run.slept && run.ended === 0 && player.asks(run).includes('put')).length;
}

async function settingOf({ slots, broken }: Exploration): Promise<Setting> {
  const contents = new Texts();
  contents.intern('null');
  const player = new Player(contents, broken);
  const never = (): string => {
    throw new Error('draws before it asks');
  };
  const plain = await player.begin({ phase: 'open' }, never);
  const told = await player.begin({ phase: 'open', told: '~0~' }, never);
  if (plain === 'end' || told === 'end') throw new Error('asks nothing');
  const start = { plain: plain.node, told: told.node };
  return { player, facts: new Facts(contents), slots, start, initial: null };
}

/** The first run of an environment, undisturbed: what it leaves is where every search begins. */
async function beginning(setting: Setting): Promise<World> {
  const seen = { version: '~0~', foreign: false };
  let at = reached({
    ...{ git: 0, x: { ...seen, value: 0 }, y: { ...seen, value: 1 }, healthy: true, memory: null, lease: null },
    ...{
      pending: null,
      message: null,
      runs: [],
      budgets: noBudgets,
      named: [],
      incidents: [],
      said: [],
      published: [],
    },
    ...{ owed: false, spoilt: false, bad: null },
  });
  for (let step = 0; step < 100; step++) {
    const [next] = await expand(at, { ...setting, slots: step === 0 ? 1 : 0 });
    if (next === undefined) return at.world;
    at = reached(next.world);
  }
  throw new Error('the first run has no end');
}

/** Searches all that can happen, breadth first, and then whether all of it comes to good. */
export async function explore(exploration: Exploration): Promise<Explored> {
  const blank = await settingOf({ ...exploration, broken: undefined });
  const first = await beginning(blank);
  const setting = await settingOf(exploration);
  for (let content = 0; content < blank.player.contents.size; content++)
    setting.player.contents.intern(blank.player.contents.text(content));
  const rested = {
    memory: first.memory && { ...first.memory, recent: false },
    lease: first.lease && { ...first.lease, recent: false },
  };
  const initial = reached({ ...first, ...rested, budgets: { ...noBudgets, ...exploration.budgets } });
  return await searchFrom(initial, { setting: { ...setting, initial: initial.world.memory }, exploration });
}

async function searchFrom(
  initial: Reached,
  { setting, exploration: { most = Infinity, budgets } }: { setting: Setting; exploration: Exploration },
): Promise<Explored> {
  const states = new States();
  const [from, to] = [new Ints(), new Ints()];
  const goods: number[] = [];
  let frontier: { number: number; text: string }[] = [];
  let [transitions, depth, mostWrites] = [0, 0, 0];
  const result = (isComplete: boolean, violation?: Explored['violation']): Explored => ({
    ...{ states: states.size, transitions, depth, good: goods.length, mostWrites, moments: setting.player.size },
    ...{ isComplete, violation },
  });
  states.add(initial.text, { parent: -1, ordinal: 0 });
  frontier.push({ number: 0, text: initial.text });
  const drifts = budgets.drifts ?? 0;
  while (frontier.length > 0) {
    const next: typeof frontier = [];
    for (const { number, text } of frontier) {
      if (states.size > most) return result(false);
      const at = fromText(text);
      const good = isGood(at.world, setting.facts);
      const what = violationIn(at.world, { isGood: good, acting: actingIn(at.world, setting), drifts });
      if (what !== null) return result(false, { what, trace: await traceTo(number, { states, initial, setting }) });
      if (good) goods.push(number);
      for (const run of at.world.runs) mostWrites = Math.max(mostWrites, run.writes);
      const steps = await expand(at, setting);
      for (const [ordinal, step] of steps.entries()) {
        transitions++;
        const there = textOf(step.world);
        const added = states.add(there, { parent: number, ordinal });
        if (added < 0) next.push({ number: -1 - added, text: there });
        if (step.kind === 'free') {
          from.push(number);
          to.push(added < 0 ? -1 - added : added);
        }
      }
    }
    frontier = next;
    depth++;
  }
  const stuck = neverGood({ from, to, goods, size: states.size });
  if (stuck !== undefined) {
    const trace = await traceTo(stuck, { states, initial, setting });
    return result(true, { what: 'once nothing disturbs any more, this never comes to good', trace });
  }
  const noise = await noisy(goods, { states, initial, setting });
  return result(true, noise);
}

/** The first state from which no good one is reached by undisturbed steps. */
function neverGood({
  from,
  to,
  goods,
  size,
}: {
  from: Ints;
  to: Ints;
  goods: readonly number[];
  size: number;
}): number | undefined {
  const starts = new Int32Array(size + 1);
  for (let edge = 0; edge < to.length; edge++) starts[to.at(edge) + 1] = (starts[to.at(edge) + 1] ?? 0) + 1;
  for (let index = 0; index < size; index++) starts[index + 1] = (starts[index + 1] ?? 0) + (starts[index] ?? 0);
  const fill = starts.slice();
  const back = new Int32Array(to.length);
  for (let edge = 0; edge < to.length; edge++) {
    const target = to.at(edge);
    const place = fill[target] ?? 0;
    back[place] = from.at(edge);
    fill[target] = place + 1;
  }
  const reaches = new Uint8Array(size);
  const queue = [...goods];
  for (const good of goods) reaches[good] = 1;
  for (let number = queue.pop(); number !== undefined; number = queue.pop()) {
    for (let edge = starts[number] ?? 0; edge < (starts[number + 1] ?? 0); edge++) {
      const source = back[edge] ?? 0;
      if (reaches[source] === 1) continue;
      reaches[source] = 1;
      queue.push(source);
    }
  }
  const stuck = reaches.indexOf(0);
  return stuck === -1 ? undefined : stuck;
}

interface Known {
  readonly states: States;
  readonly initial: Reached;
  readonly setting: Setting;
}

/** The way to a state, taken once more. */
async function wayTo(number: number, { states, initial, setting }: Known): Promise<{ label: string; at: Reached }[]> {
  const ordinals: number[] = [];
  for (let at = number; at > 0; at = states.parents.at(at)) ordinals.unshift(states.ordinals.at(at));
  const way: { label: string; at: Reached }[] = [];
  let at = initial;
  for (const ordinal of ordinals) {
    const step = (await expand(at, setting))[ordinal];
    if (step === undefined) throw new Error('lost its way');
    at = reached(step.world);
    way.push({ label: step.label, at });
  }
  return way;
}

async function traceTo(number: number, known: Known): Promise<string[]> {
  const way = await wayTo(number, known);
  return way.map(
    ({ label, at }, index) =>
      `${String(index + 1).padStart(3)}. ${label.padEnd(70)} ${describe(at.world, known.setting)}`,
  );
}

/** A good state stays so: nothing is written from there on. */
async function noisy(goods: readonly number[], known: Known): Promise<Explored['violation']> {
  const { setting, initial } = known;
  const quiet = new Set<string>();
  for (const good of goods) {
    const way = await wayTo(good, known);
    const queue = [way.at(-1)?.at ?? initial];
    for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
      if (quiet.has(at.text)) continue;
      quiet.add(at.text);
      for (const step of await expand(at, setting)) {
        if (step.kind === 'fault') continue;
        if (step.isWrite) return { what: 'a look with nothing to do wrote', trace: await traceTo(good, known) };
        queue.push(reached(step.world));
      }
    }
  }
  return undefined;
}

export function describe(world: World, { facts, player }: Setting): string {
  const { git, x, y, healthy, memory, lease, runs } = world;
  const is = memory === null ? undefined : facts.memory(memory);
  const held = lease === null ? undefined : facts.lease(lease);
  const parts = [
    `r${git} X=${x.value} Y=${y.value}${healthy ? '' : ' rolling'}`,
    is === undefined
      ? 'memory gone'
      : `memory r${is.attempted ?? '-'} converged ${is.convergedInputs ?? '-'}${is.isOpen ? ` incident ${is.incidents.map(({ id }) => id).join()}` : ''}${is.isWaiting ? ' waits' : ''} outbox [${is.outbox.join(', ')}] suspects [${is.suspects.join(', ')}]`,
    `lease ${isFree(world, facts) ? 'free' : lease?.over === true ? 'over' : 'held'} intent [${held?.intent.join(', ') ?? ''}]${held === undefined || held.incidents.length === 0 ? '' : ` evidence ${held.incidents.map(({ id }) => id).join()}`}`,
    runs
      .map((run) => `${player.node(run).phase}${run.owns ? '*' : ''}${run.ended > 0 || run.slept ? '!' : ''}`)
      .join(' '),
  ];
  return parts.join(' | ');
}
