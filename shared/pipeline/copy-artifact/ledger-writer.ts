import { emptyLedger, mergeLedgers, type Ledger } from '../../source/ledger.ts';
import { restOf } from '../common/pauses.ts';
import type { IntakeTimes } from './intake-times.ts';
import { writeLedger, type RecordedLedger } from './ledger.ts';
import type { LastWrites } from './queue.ts';
import type { CopyPorts, CopySettings } from './run.ts';

/** What is to be in the ledger, and who waits for that. */
export interface Collected {
  readonly news: Ledger;
  /** Called once the ledger has it, or with what its write failed with. */
  readonly settle: (failure?: { readonly error: unknown }) => void;
}

/** The ledger of one hold: written seldom, for all that was collected meanwhile. */
export interface LedgerWriter {
  /** What the object in the state bucket has. */
  written(): Ledger;
  /** And what is collected: what the object has once all is settled that is added from now on. */
  collected(): Ledger;
  /** And what is being written, which may fail. */
  known(): Ledger;
  add(collected: Collected): void;
  /** Begins to write what is collected, as soon as that may be; nobody waits for it. */
  begin(): void;
  /**
   * Writes what is left, and that the lease of that holder is over; `open` where there was nothing to be written, or it
   * could not be.
   */
  end(holder: string | undefined): Promise<'ended' | 'open'>;
}

/**
 * Storage takes one write a second of one object, and a burst of archives makes more commits than that: the pause
 * between two writes doubles while a hold goes on. What is collected is safe meanwhile: the trailers say it.
 */
export function createLedgerWriter({
  recorded: found,
  lastWrites,
  times,
  ports,
  settings,
}: {
  recorded: RecordedLedger;
  lastWrites: LastWrites;
  times: Pick<IntakeTimes, 'writePause' | 'longestWritePause'>;
  ports: Pick<CopyPorts, 'state' | 'log' | 'now' | 'sleep'>;
  settings: Pick<CopySettings, 'repositoryClass'>;
}): LedgerWriter {
  let recorded = found;
  let news = emptyLedger;
  /** Of what is being written, which takes a while where Storage is asked again. */
  let underWay = emptyLedger;
  let waiting: Collected['settle'][] = [];
  let lastWriteAt = lastWriteOf({ recorded: found, lastWrites, now: ports.now() });
  let pause = times.writePause;
  let over: { readonly holder: string | undefined } | undefined;
  const ending = Promise.withResolvers<undefined>();
  let work: Promise<void> | undefined;

  /** Until the pause since the last write is over: the long one while more may come, the shortest at the end. */
  async function untilDue(): Promise<void> {
    const rest = (least: number): number => restOf({ pause: least, since: lastWriteAt, now: ports.now() });
    if (over === undefined && rest(pause) > 0) await Promise.race([ports.sleep(rest(pause)), ending.promise]);
    if (over !== undefined && rest(times.writePause) > 0) await ports.sleep(rest(times.writePause));
  }

  async function write(): Promise<void> {
    const settles = waiting;
    const collected = news;
    [waiting, news, underWay] = [[], emptyLedger, collected];
    try {
      const ended = over?.holder;
      recorded = await writeLedger({ recorded, news: { ...collected, ended }, ports, settings });
      pause = Math.min(pause * 2, times.longestWritePause);
      lastWriteAt = ports.now().getTime();
      if (typeof recorded.written === 'object')
        lastWrites.ledger = { generation: recorded.written.generation, at: lastWriteAt };
      for (const settle of settles) settle();
    } catch (error) {
      for (const settle of settles) settle({ error });
    } finally {
      underWay = emptyLedger;
    }
  }

  async function writeAll(): Promise<void> {
    while (waiting.length > 0) {
      await untilDue();
      await write();
    }
    work = undefined;
  }

  return {
    written: () => (recorded.state === 'kept' ? recorded.ledger : emptyLedger),
    collected: () => mergeLedgers(recorded.ledger, news),
    known: () => mergeLedgers(mergeLedgers(recorded.ledger, underWay), news),
    add(collected) {
      news = mergeLedgers(news, collected.news);
      waiting.push(collected.settle);
    },
    begin() {
      if (waiting.length > 0) work ??= writeAll();
    },
    async end(holder) {
      over = { holder };
      ending.resolve(undefined);
      // One that was found out anew is kept, though it says nothing that somebody waits for.
      const isFound = recorded.state === 'lost' && recorded.ledger.copied.size > 0;
      if (isFound && waiting.length === 0) waiting.push(() => {});
      await (work ?? writeAll());
      return holder !== undefined && recorded.ledger.ended === holder ? 'ended' : 'open';
    },
  };
}

/** This process knows better than the answer of Storage, which counts whole seconds. */
function lastWriteOf({
  recorded: { written, age },
  lastWrites: { ledger },
  now,
}: {
  recorded: RecordedLedger;
  lastWrites: LastWrites;
  now: Date;
}): number {
  const isOwn = typeof written === 'object' && ledger?.generation === written.generation;
  return isOwn ? ledger.at : now.getTime() - age;
}
