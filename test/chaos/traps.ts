import type { System } from './faults.ts';
import type { Asked, Held } from '../../local/fronts/proxy.ts';

export interface Trap {
  /** Resolves once a request is held; with false where none came in time. */
  caught(): Promise<boolean>;
  /** What the server answered, for an answer that is held. */
  status(): number | undefined;
  /** Lets it go on its way, and holds no other. */
  release(): void;
}

/** `answer`: it is not held, and the server never has it; its sender is told to come again. */
export interface Snare {
  readonly system: System;
  readonly held: Held;
  readonly fits: (asked: Asked) => boolean;
  readonly answer?: 'busy';
}

/** Holds single requests on their way for as long as a scene wants it. */
export interface Traps {
  /** The first request that fits from now on. */
  set(trap: Snare): Trap;
  /** Resolves once this request may go on; at once for one that nobody wants, and for one that is to be answered so. */
  hold(system: System, held: Held, asked: Asked & { readonly status?: number }): Promise<'busy' | undefined>;
  releaseAll(): void;
}

interface Armed extends Snare {
  readonly caught: PromiseWithResolvers<true>;
  readonly released: PromiseWithResolvers<undefined>;
  status?: number | undefined;
}

const longestWait = 20_000;

export function openTraps(): Traps {
  const armed = new Set<Armed>();
  const all = new Set<Armed>();
  const release = (one: Armed): void => {
    armed.delete(one);
    all.delete(one);
    one.released.resolve(undefined);
  };
  return {
    set(trap) {
      const one: Armed = { ...trap, caught: Promise.withResolvers(), released: Promise.withResolvers() };
      armed.add(one);
      all.add(one);
      return {
        caught: () => Promise.race([one.caught.promise, late()]),
        status: () => one.status,
        release: () => release(one),
      };
    },
    async hold(system, held, asked) {
      const one = [...armed].find((trap) => trap.system === system && trap.held === held && trap.fits(asked));
      if (one === undefined) return undefined;
      armed.delete(one);
      one.status = asked.status;
      one.caught.resolve(true);
      return one.answer ?? (await one.released.promise);
    },
    releaseAll: () => [...all].forEach(release),
  };
}

function late(): Promise<false> {
  const { promise, resolve } = Promise.withResolvers<false>();
  setTimeout(() => resolve(false), longestWait).unref();
  return promise;
}
