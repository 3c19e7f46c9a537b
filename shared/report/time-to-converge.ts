import { parseTime } from '../base/time.ts';
import type { Report } from '../events/report.ts';
import type { Memory } from '../memory/memory.ts';
import { parseConvergenceNotes } from '../source/convergence-note.ts';
import type { ReportedEnvironment } from './reported-environment.ts';

interface Convergence {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly seconds: number;
}

/**
 * How long revisions took that converged since `from` (milliseconds since 1970), from when a run set out for them. Where
 * the version before remembered them, that is known of the last two; of those before, how long their last run took.
 */
export function timeToConverge({
  environments,
  from,
}: {
  environments: readonly ReportedEnvironment[];
  from: number;
}): Report['timeToConverge'] {
  const seconds = environments
    .flatMap(convergencesOf)
    .filter(({ at }) => at >= from)
    .map((convergence) => convergence.seconds)
    .sort((a, b) => a - b);
  return { count: seconds.length, median: percentile(seconds, 50), percentile95: percentile(seconds, 95) };
}

function convergencesOf({ memory }: ReportedEnvironment): Convergence[] {
  const { past } = memory;
  if (past === undefined) return notedOf(memory);
  const kept = past.convergences.map(({ at, seconds }) => ({ at: parseTime(at), seconds }));
  return [...notedOf(memory).filter(({ at }) => at < parseTime(past.from)), ...kept];
}

/** What the notes tell, which the version before kept alone. */
function notedOf({ notes = [], converged, previous }: Memory): Convergence[] {
  return notes.flatMap(({ commit, text }) =>
    parseConvergenceNotes(text).flatMap(({ at, seconds }) => {
      const end = parseTime(at);
      if (Number.isNaN(end) || !(seconds >= 0)) return [];
      const begun = [converged, previous].find((attempt) => attempt?.commit === commit)?.at;
      const whole = begun === undefined ? seconds : (end - parseTime(begun)) / 1000;
      return [{ at: end, seconds: whole >= seconds ? whole : seconds }];
    }),
  );
}

/** Of sorted numbers, by nearest rank: one that there was. */
function percentile(sorted: readonly number[], percent: number): number | null {
  const rank = Math.ceil((percent / 100) * sorted.length);
  return sorted[Math.max(rank, 1) - 1] ?? null;
}
