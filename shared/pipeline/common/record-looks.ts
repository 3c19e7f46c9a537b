import { describeError } from '../../base/errors.ts';
import { parseTime } from '../../base/time.ts';
import {
  afterLook,
  encodeLookTimes,
  looksAreToldFor,
  looksPath,
  type Failing,
  type Hindrance,
  type LookTimes,
} from '../../memory/look-times.ts';
import type { Ports } from '../../ports/ports.ts';

/** Milliseconds between two writes of one object; where it is news that something keeps from looking, or that looks fail, or no more. */
const betweenWrites = 10_000;
const betweenNews = 1_000;

/** One look at an environment that is over. */
export interface Look {
  readonly repository: string;
  readonly environment: string;
  /** When it began. */
  readonly at: Date;
  /** `checked`: it came to an end, whatever it found; `attempted`: it did not; `gone`: there is nothing more to look at. */
  readonly outcome: 'checked' | 'attempted' | 'gone';
  /** What keeps one that is `attempted` from looking. */
  readonly hindered?: Hindrance;
  /** What one that is `attempted` failed by. */
  readonly failed?: Omit<Failing, 'since'>;
}

export interface LookRecorder {
  /**
   * Takes down a look before its function answers: written at once, with all that this instance has looked at, where its
   * last write is 10 s old (a second, where it says that something keeps from looking, or why looks fail, or no more),
   * and else with a later look. Never throws: a write that fails is made up for by the next.
   */
  looked(look: Look): Promise<void>;
}

interface Records {
  readonly looks: Map<string, LookTimes>;
  /** When a write was tried last, in milliseconds. */
  triedAt: number | undefined;
  /** Whether something keeps from looking, or has looks fail, or no more, that is not written. */
  hasNews: boolean;
  isWriting: boolean;
}

/** What one instance has looked at since it began, for one object of each repository that no other instance writes. */
export function recordLooks({
  instance,
  state,
  now,
  log,
}: { instance: string } & Pick<Ports, 'state' | 'now' | 'log'>): LookRecorder {
  const byRepository = new Map<string, Records>();

  async function write({ repository, records }: { repository: string; records: Records }): Promise<void> {
    const at = now();
    for (const [name, { attemptedAt }] of records.looks)
      if (attemptedAt === null || at.getTime() - parseTime(attemptedAt) > looksAreToldFor) records.looks.delete(name);
    const path = looksPath({ repository, instance });
    try {
      await state.write({ path, value: encodeLookTimes({ looks: records.looks, at }), ifGeneration: 'any' });
    } catch (error) {
      log('WARNING', 'when environments were looked at could not be written', { path, error: describeError(error) });
    }
  }

  return {
    async looked({ repository, environment, at, outcome, hindered, failed }) {
      const records = byRepository.get(repository) ?? {
        looks: new Map(),
        triedAt: undefined,
        hasNews: false,
        isWriting: false,
      };
      byRepository.set(repository, records);
      const { looks } = records;
      const time = now().getTime();
      const known = pastLook(looks.get(environment), time);
      if (outcome === 'gone') looks.delete(environment);
      else looks.set(environment, afterLook({ known, at, ended: outcome === 'checked', hindered, failed }));
      if (isNews(known, looks.get(environment))) records.hasNews = true;
      // Two writes of one object may land in either order.
      const pause = records.hasNews ? betweenNews : betweenWrites;
      if (records.isWriting || isSoonAfter(records.triedAt, { time, pause })) return;
      records.triedAt = time;
      records.hasNews = false;
      records.isWriting = true;
      await write({ repository, records });
      records.isWriting = false;
    },
  };
}

/** A look that is yet to come was taken down by a clock that was put back since: it would hide all until then. */
function pastLook(known: LookTimes | undefined, time: number): LookTimes | undefined {
  const { attemptedAt = null } = known ?? {};
  return attemptedAt !== null && parseTime(attemptedAt) > time ? undefined : known;
}

function isNews(known: LookTimes | undefined, now: LookTimes | undefined): boolean {
  return (
    known?.hindered?.generation !== now?.hindered?.generation ||
    known?.failing?.code !== now?.failing?.code ||
    known?.failing?.subject !== now?.failing?.subject
  );
}

/** A clock that was put back is no reason to wait. */
function isSoonAfter(last: number | undefined, { time, pause }: { time: number; pause: number }): boolean {
  return last !== undefined && Math.abs(time - last) < pause;
}
