import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { play, type Next, type Snapshot } from './program.ts';
import type { Stage } from './run-ports.ts';
import type { Answer, Event, Request } from './requests.ts';
import type { Rule } from './rules.ts';
import { canonical, instance, Texts, type Renamed, type Sym } from './symbols.ts';

/** What a run knows: where its phase began, and what happened since. */
interface Local {
  readonly snapshot: Snapshot;
  readonly events: readonly Event[];
  /** What it drew, in order. */
  readonly drawn: readonly Sym[];
}

/** A run at rest: what it asks, or that it is over. Symbols are those of its text, `~new0~` what it draws next. */
export interface Node {
  readonly text: string;
  readonly phase: string;
  readonly asks: readonly { readonly to: number; readonly request: string }[];
  readonly ops: readonly Request['op'][];
  readonly draws: number;
  readonly next: string | undefined;
}

/** Where a run is, with the world's names for its symbols. */
export interface Place {
  readonly node: number;
  readonly symbols: readonly Sym[];
}

let draw: () => string = () => '';
Object.defineProperty(crypto, 'randomUUID', { value: () => draw(), configurable: true });
syncBuiltinESMExports();

const drained = async (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** Plays runs, each step once: what a run does is a function of what it was answered. */
export class Player {
  readonly contents: Texts;
  readonly #broken: Rule | undefined;
  readonly #locals = new Texts();
  readonly #nodes: (Node | undefined)[] = [];
  readonly #steps = new Map<string, Place | 'end'>();

  constructor(contents: Texts, broken: Rule | undefined) {
    this.contents = contents;
    this.#broken = broken;
  }

  get size(): number {
    return this.#locals.size;
  }

  node(place: Place): Node {
    const node = this.#nodes[place.node];
    if (node === undefined) throw new Error('was not played');
    return node;
  }

  /** @param drawSymbol names what the run draws */
  async begin(snapshot: Snapshot, drawSymbol: () => Sym): Promise<Place | 'end'> {
    return await this.#settle({ snapshot, events: [], drawn: [] }, drawSymbol);
  }

  /** Undefined where that step was not played yet. */
  known(place: Place, event: Event, drawSymbol: () => Sym): Place | 'end' | undefined {
    const { key, name } = this.#stepOf(place, event);
    const to = this.#steps.get(key);
    return to === undefined || to === 'end' ? to : { node: to.node, symbols: to.symbols.map(name(drawSymbol)) };
  }

  /** Plays one step in names that are the same wherever it is taken. */
  async learn(place: Place, event: Event): Promise<void> {
    const { key, text } = this.#stepOf(place, event);
    const local: Local = JSON.parse(this.node(place).text);
    const named: Event = JSON.parse(text);
    let drawn = 0;
    this.#steps.set(key, await this.#settle({ ...local, events: [...local.events, named] }, () => `~d${drawn++}~`));
  }

  #stepOf({ node, symbols }: Place, event: Event) {
    const names = new Map(symbols.map((symbol, index) => [symbol, `~${index}~`]));
    const others: Sym[] = [];
    const text = JSON.stringify(event).replaceAll(/~[^~]+~/g, (found) => {
      const known = names.get(found);
      if (known !== undefined) return known;
      others.push(found);
      const name = `~u${others.length - 1}~`;
      names.set(found, name);
      return name;
    });
    const name = (drawSymbol: () => Sym) => {
      const drawn = new Map<string, Sym>();
      return (called: string): Sym => {
        const index = Number(called.replaceAll(/\D/g, ''));
        if (called.startsWith('~u')) return others[index] ?? called;
        if (!called.startsWith('~d')) return symbols[index] ?? called;
        const symbol = drawn.get(called) ?? drawSymbol();
        drawn.set(called, symbol);
        return symbol;
      };
    };
    return { key: `${node} ${text}`, text, name };
  }

  /** What a run asks, whatever its symbols are called. */
  asks(place: Place): readonly Request['op'][] {
    return this.node(place).ops;
  }

  requests(place: Place): { to: number; request: Request }[] {
    return this.node(place).asks.map(({ to, request }) => {
      const asked: Request = JSON.parse(instance({ text: request, symbols: place.symbols }));
      return { to, request: asked };
    });
  }

  /** Plays on until the run asks something, or is over. */
  async #settle(local: Local, drawSymbol: () => Sym): Promise<Place | 'end'> {
    const { text, symbols } = canonical(JSON.stringify(local));
    const number = this.#locals.intern(text);
    const node = (this.#nodes[number] ??= await this.#play(text));
    if (node.draws > 0) {
      const drawn = Array.from({ length: node.draws }, drawSymbol);
      return await this.#settle({ ...local, drawn: [...local.drawn, ...drawn] }, drawSymbol);
    }
    if (node.next === 'end') return 'end';
    if (node.next === undefined) return { node: number, symbols };
    const snapshot: Snapshot = JSON.parse(instance({ text: node.next, symbols }));
    return await this.#settle({ snapshot, events: [], drawn: [] }, drawSymbol);
  }

  async #play(text: string): Promise<Node> {
    const { snapshot, events, drawn }: Local = JSON.parse(text);
    const asked: { request: Request; answer: (answer: Answer) => void; isDone: boolean }[] = [];
    let stood = 0;
    let draws = 0;
    let next: Next | undefined;
    let failure: unknown;
    draw = () => {
      if (this.#broken === 'the lease is known by its message') return 'job';
      return drawn[draws++] ?? `~new${draws - 1}~`;
    };
    const stage: Stage = {
      ask: async (request) => new Promise((resolve) => void asked.push({ request, answer: resolve, isDone: false })),
      stood: () => stood,
      text: (content) => this.#textOf(content),
      ...{ broken: this.#broken, state: undefined, phase: snapshot.phase, read: new Map(), believeTold: () => {} },
    };
    play(stage, snapshot).then(
      (ended) => void (next = ended),
      (error: unknown) => void (failure = error),
    );
    await drained();
    for (const event of events) {
      if ('stood' in event) stood += event.stood;
      else {
        const one = asked[event.to];
        if (one === undefined) throw new Error('answers what nobody asked');
        one.isDone = true;
        one.answer(event.answer);
      }
      await drained();
    }
    if (failure !== undefined) throw failure;
    return {
      text,
      phase: snapshot.phase,
      asks: asked.flatMap(({ request, isDone }, to) => (isDone ? [] : [{ to, request: JSON.stringify(request) }])),
      ops: asked.flatMap(({ request, isDone }) => (isDone ? [] : [request.op])),
      draws: Math.max(0, draws - drawn.length),
      next: next === undefined || next === 'end' ? next : JSON.stringify(next),
    };
  }

  #textOf({ content, symbols }: { content: number; symbols: readonly Sym[] }): string {
    return instance({ text: this.contents.text(content), symbols });
  }

  contentOf(value: string): { content: number; symbols: readonly Sym[] } {
    const { text, symbols }: Renamed = canonical(value);
    return { content: this.contents.intern(text), symbols };
  }
}
