import type { Ports } from '../../ports/ports.ts';

interface Turn {
  readonly asked: Set<string>;
  readonly done: Promise<void>;
}
interface Turns {
  last: Promise<void>;
  waiting: Turn | undefined;
}

const turnsOf = new WeakMap<Ports['state'], Map<string, Turns>>();

/**
 * One turn after the other for each key of an instance: who asks while one is under way waits for the next, which is for
 * all who do. Thirteen environments that converge at once are two turns, not thirteen.
 *
 * @param take a turn for all that was asked until it begins
 */
export async function inTurn(
  { key, asked, state }: { key: string; asked: readonly string[]; state: Ports['state'] },
  take: (asked: readonly string[]) => Promise<void>,
): Promise<void> {
  const byKey = turnsOf.get(state) ?? new Map<string, Turns>();
  turnsOf.set(state, byKey);
  const turns = byKey.get(key) ?? { last: Promise.resolve(), waiting: undefined };
  byKey.set(key, turns);
  if (turns.waiting !== undefined) {
    for (const one of asked) turns.waiting.asked.add(one);
    return await turns.waiting.done;
  }
  const all = new Set(asked);
  const before = turns.last.catch(() => {});
  const done = before.then(async () => {
    turns.waiting = undefined;
    await take([...all]);
  });
  turns.waiting = { asked: all, done };
  turns.last = done;
  return await done;
}
