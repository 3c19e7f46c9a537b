import { ConvergeError } from '../../base/errors.ts';
import { artifactUri } from '../../source/artifact.ts';
import { copyOf, type Ledger } from '../../source/ledger.ts';
import type { Repository } from '../../ports/git.ts';
import type { StoredObject } from '../../ports/storage.ts';
import type { ObjectResult } from './copy-objects.ts';
import type { CopyOutcome } from './run.ts';

export type Refusal = 'of-event' | 'of-caller';

/** An object that an event waits for, or a look at the bucket. */
export interface Waiting {
  readonly live: StoredObject;
  readonly since: number;
  /**
   * Who keeps in mind that it was refused: the ledger, as soon as its event is answered, which is delivered again
   * otherwise; or whoever asked without an event, once it is told.
   */
  readonly refusal: Refusal;
  readonly tell: (result: ObjectResult) => void;
}

/** What waits in this process for one repository. */
export interface Queue {
  waiting: Waiting[];
  isServed: boolean;
  readonly lastWrites: LastWrites;
}

/** When this process wrote last, in milliseconds of its clock: Storage takes one write a second of one object. */
export interface LastWrites {
  lease?: number;
  ledger?: { readonly generation: string; readonly at: number };
}

const queues = new WeakMap<Repository, Queue>();

export function queueOf(repository: Repository): Queue {
  const queue = queues.get(repository) ?? { waiting: [], isServed: false, lastWrites: {} };
  queues.set(repository, queue);
  return queue;
}

/** The outcome resolves, or rejects, with the answer to the event. */
export function enqueue(
  queue: Queue,
  { live, refusal = 'of-event', now }: { live: StoredObject; refusal?: Refusal; now: Date },
): { readonly waiting: Waiting; readonly outcome: Promise<CopyOutcome> } {
  const { promise, resolve, reject } = Promise.withResolvers<CopyOutcome>();
  const tell = (result: ObjectResult): void => ('done' in result ? resolve(result.done) : reject(result.failed));
  const waiting: Waiting = { live, since: now.getTime(), refusal, tell };
  queue.waiting.push(waiting);
  return { waiting, outcome: promise };
}

/** Gives an event back as `IntakeBusy` (retry) that nobody has come to, whatever those do who are before it. */
export function giveBack(queue: Queue, waiting: Waiting): void {
  if (queue.waiting.includes(waiting)) answer(queue, waiting, { failed: busy(waiting.live) });
}

/** The object waits for another run, or for other objects. */
function busy(live: StoredObject): ConvergeError {
  return new ConvergeError({
    code: 'IntakeBusy',
    subject: artifactUri(live),
    message: 'another run copies from this bucket, and has not come to this object yet',
    disposition: 'retry',
  });
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
