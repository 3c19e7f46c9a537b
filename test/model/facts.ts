import { z } from 'zod';
import { decodeLease } from '../../shared/memory/lease.ts';
import { decodeMemory } from '../../shared/memory/memory.ts';
import type { Incident } from '../../shared/memory/incident.ts';
import { incidentsOf, openIncidents } from '../../shared/memory/incidents.ts';
import { keyNamed } from './objects.ts';
import { alertName, begins } from './run-ports.ts';
import type { Content, Key } from './requests.ts';
import type { Sym, Texts } from './symbols.ts';

/** What the invariants look at of a memory. */
export interface MemoryFacts {
  readonly attempted: number | undefined;
  readonly attemptedInputs: string | null | undefined;
  readonly convergedInputs: string | null | undefined;
  readonly incidents: readonly Noted[];
  readonly isOpen: boolean;
  readonly outbox: readonly string[];
  readonly ended: Sym | undefined;
  readonly suspects: readonly (Key | '*')[];
  /** Whether it says that a request to make an object may be late. */
  readonly mayComeLate: boolean;
  readonly isWaiting: boolean;
}
export interface LeaseFacts {
  readonly nonce: Sym | null;
  readonly told: Sym | null;
  readonly intent: readonly (Key | '*')[];
  readonly incidents: readonly Noted[];
}

/** An incident, and which objects it says drifted. */
export interface Noted {
  readonly id: string;
  readonly drifted: readonly Key[];
}

const symbolAt = (symbols: readonly Sym[], name: string): Sym => symbols[Number(name.slice(1, -1))] ?? name;
const keysIn = (names: readonly string[]): (Key | '*')[] =>
  names.flatMap((name) => (name === '*' ? ['*'] : (keyNamed(name) ?? [])));
const named = z.object({ name: z.string() });

function noted({ id, reason, diff }: Incident): Noted {
  const objects = reason === 'Drifted' ? (diff?.objects ?? []) : [];
  return { id: id.slice(0, 4), drifted: objects.flatMap((object) => keyNamed(named.parse(object).name) ?? []) };
}

/** What contents say, each content read once. */
export class Facts {
  readonly #contents: Texts;
  readonly #memories = new Map<number, MemoryFacts>();
  readonly #leases = new Map<number, LeaseFacts>();

  constructor(contents: Texts) {
    this.#contents = contents;
  }

  memory({ content, symbols }: Content): MemoryFacts {
    let facts = this.#memories.get(content);
    if (facts === undefined) this.#memories.set(content, (facts = this.#readMemory(content)));
    return facts.ended === undefined ? facts : { ...facts, ended: symbolAt(symbols, facts.ended) };
  }

  lease({ content, symbols }: Content): LeaseFacts {
    let facts = this.#leases.get(content);
    if (facts === undefined) this.#leases.set(content, (facts = this.#readLease(content)));
    const { nonce, told } = facts;
    return {
      ...facts,
      nonce: nonce === null ? null : symbolAt(symbols, nonce),
      told: told === null ? null : symbolAt(symbols, told),
    };
  }

  #readMemory(content: number): MemoryFacts {
    const memory = decodeMemory(JSON.parse(this.#contents.text(content)), { writtenAt: new Date(begins) });
    if (memory === undefined) throw new Error('wrote no memory');
    const { attempted, converged, outbox = [], suspects = {} } = memory;
    return {
      attempted: attempted === undefined ? undefined : Number(attempted.commit),
      attemptedInputs: attempted?.inputs['app'],
      convergedInputs: converged?.renderKey === '' ? undefined : converged?.inputs['app'],
      incidents: incidentsOf(memory).map(noted),
      isOpen: openIncidents(memory).length > 0,
      outbox: outbox.map(alertName),
      ended: memory.ended,
      suspects: keysIn(Object.keys(suspects)),
      mayComeLate: memory.lateUntil !== undefined,
      isWaiting: memory.waiting !== undefined || memory.rollout !== undefined,
    };
  }

  #readLease(content: number): LeaseFacts {
    const lease = decodeLease(JSON.parse(this.#contents.text(content)));
    if (lease === undefined) throw new Error('wrote no lease');
    const { nonce, told, intent, evidence } = lease;
    const keys = intent?.keys ?? [];
    return {
      ...{ nonce, told, incidents: (evidence?.incidents ?? []).map(noted) },
      intent: keysIn(keys === '*' ? ['*'] : keys),
    };
  }
}
