import { Writable } from 'node:stream';
import type { Context } from '../../../cli/context.ts';

/** What ends a command that goes on, in a test: Ctrl-C. */
export class Interrupted extends Error {}

/** A context whose pauses are these steps, one after the other, and then Ctrl-C. */
export function stepping(context: Context, steps: readonly (() => Promise<void> | void)[]): Context {
  const left = [...steps];
  const sleep = async (): Promise<void> => {
    const step = left.shift();
    if (step === undefined) throw new Interrupted();
    await step();
  };
  return { ...context, ports: { ...context.ports, sleep } };
}

/** A stream, a terminal where that is said, and what was written to it. */
export function screen(facts: { isTTY?: boolean; rows?: number; columns?: number } = {}) {
  let written = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      written += String(chunk);
      done();
    },
  });
  return { stream: Object.assign(stream, facts), written: () => written };
}
