import { copyOf, type Ledger } from '../../source/ledger.ts';
import type { Repository } from '../../ports/git.ts';
import type { StoredObject } from '../../ports/storage.ts';
import type { ObjectResult } from './copy-objects.ts';
import type { CopyOutcome } from './run.ts';

/** An object that an event waits for. */
export interface Waiting {
  readonly live: StoredObject;
  readonly since: number;
  /** Whether the holder of the lease was asked to look. */
  noted: boolean;
  readonly tell: (result: ObjectResult) => void;
}

/** What waits in this process for one repository. */
export interface Queue {
  waiting: Waiting[];
  isServed: boolean;
}

const queues = new WeakMap<Repository, Queue>();

export function queueOf(repository: Repository): Queue {
  const queue = queues.get(repository) ?? { waiting: [], isServed: false };
  queues.set(repository, queue);
  return queue;
}

/** Resolves, or rejects, with the answer to the event. */
export function enqueue(queue: Queue, { live, now }: { live: StoredObject; now: Date }): Promise<CopyOutcome> {
  const { promise, resolve, reject } = Promise.withResolvers<CopyOutcome>();
  const tell = (result: ObjectResult): void => ('done' in result ? resolve(result.done) : reject(result.failed));
  queue.waiting.push({ live, since: now.getTime(), noted: false, tell });
  return promise;
}

export function answer(queue: Queue, one: Waiting, result: ObjectResult): void {
  queue.waiting = queue.waiting.filter((other) => other !== one);
  one.tell(result);
}

/**
 * Answers those whose object is in Git already, as the ledger says. Asked of each ledger that is read, and nowhere
 * else.
 */
export function answerCopied(queue: Queue, ledger: Ledger): void {
  for (const one of [...queue.waiting]) {
    const copy = copyOf({ ledger, artifact: one.live });
    if (copy !== undefined) answer(queue, one, { done: { outcome: 'already-copied', commit: copy.commit } });
  }
}
