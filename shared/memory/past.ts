import { z } from 'zod';
import { shortened } from '../base/shortened.ts';
import { formatTime, parseTime } from '../base/time.ts';
import { diffReasons } from '../base/diff-reasons.ts';
import { sameInputs } from '../environment/inputs.ts';
import { causeSchema, revertedSchema, type Reverted } from '../events/alert.ts';
import { acceptedBy } from './accepted.ts';
import type { Incident } from './incident.ts';
import type { Memory } from './memory.ts';

/** How many of each are kept, and for how long: a month, and a few days. */
const keptEntries = 100;
const keptMilliseconds = 35 * 86_400_000;
/** Characters of a summary and of a name, and how many managers. */
const longestSummary = 300;
const longestName = 200;
const namedManagers = 5;

/** What is known of an incident that ended, without its evidence. Times are ISO 8601. */
const pastIncidentSchema = z.object({
  id: z.string(),
  reason: z.enum(diffReasons),
  subject: z.string().optional(),
  since: z.string(),
  until: z.string(),
  /** How often it came, where it came back soon after its end each time. */
  times: z.number().int().positive(),
  revision: z.string(),
  summary: z.string(),
  /** Field managers that made it differ. */
  by: z.array(z.string()),
  /** Whether Converge brought back what Git says. */
  healed: z.boolean(),
  cause: causeSchema.nullable(),
  /** Who asked that it is undone, where somebody did. */
  reverted: revertedSchema.optional(),
  /** The commit that took the revision back. */
  rollback: z.string().optional(),
  /** Who accepted the drift, and by which commit. */
  accepted: z.object({ by: z.string(), commit: z.string() }).optional(),
});

/**
 * That a revision converged which changed something, and how many seconds after a run first set out for it. `planned`: when
 * it was planned, where a plan was held against it: that plan is used up.
 */
const pastConvergenceSchema = z.object({
  ...{ revision: z.string(), at: z.string(), seconds: z.number().nonnegative() },
  planned: z.string().optional(),
});

/** What happened to an environment, for reports. */
export const pastSchema = z.object({
  /** Since when all of it is here. */
  from: z.string(),
  /** In the order in which they ended. */
  incidents: z.array(pastIncidentSchema).readonly(),
  convergences: z.array(pastConvergenceSchema).readonly(),
});
export type Past = z.infer<typeof pastSchema>;
export type PastEntry = Past['incidents'][number];

/**
 * What happened, after the environment converged: with what ended, and how long it took where its inputs are others
 * than those that converged before. Undefined where nothing ever happened.
 *
 * @param facts.converged with what; undefined: it mended at what converged before
 */
export function pastAfter(
  memory: Memory,
  { ended, converged, now }: { ended: readonly Incident[]; converged: Memory['converged']; now: Date },
): Past | undefined {
  const isNew =
    converged !== undefined &&
    (memory.converged === undefined || !sameInputs({ attempted: memory.converged.inputs, current: converged.inputs }));
  if (ended.length === 0 && !isNew) return memory.past;
  const at = now.toISOString();
  const begun = { from: memory.converged === undefined ? memory.since : at, incidents: [], convergences: [] };
  const { from, incidents, convergences }: Past = memory.past ?? begun;
  const planned = converged?.plan?.at ?? undefined;
  const took = isNew
    ? [
        {
          ...{ revision: converged.revision, at, seconds: secondsBetween(converged.at, at) },
          ...(planned === undefined ? {} : { planned }),
        },
      ]
    : [];
  return trimmed({
    past: {
      from,
      incidents: ended.reduce(
        (known, incident) => withEnded(known, entryOf(incident, { memory, until: at })),
        incidents,
      ),
      convergences: [...convergences, ...took],
    },
    now,
  });
}

function secondsBetween(from: string, to: string): number {
  const seconds = (parseTime(to) - parseTime(from)) / 1000;
  return seconds >= 0 ? seconds : 0;
}

/** One that came back is one entry, from when it began first. */
function withEnded(known: readonly PastEntry[], ended: PastEntry): readonly PastEntry[] {
  const before = ended.times > 1 ? known.findLast(({ id }) => id === ended.id) : undefined;
  if (before === undefined) return [...known, { ...ended, times: 1 }];
  const by = [...new Set([...before.by, ...ended.by])].slice(0, namedManagers);
  const both = { since: before.since, times: before.times + 1, healed: before.healed || ended.healed, by };
  return [...known.filter((entry) => entry !== before), { ...ended, ...both }];
}

function entryOf(
  { id, reason, subject, since, occurrence, revision, summary, diff, reverted }: Incident,
  { memory, until }: { memory: Memory; until: string },
): PastEntry {
  const accepted = acceptedBy(memory, { id, reason });
  const managers = (diff?.objects ?? []).flatMap(({ fields }) => fields.flatMap(({ manager }) => manager ?? []));
  const rollback = diff?.rollback?.commit;
  return {
    ...{ id, reason, since, until, times: occurrence, revision },
    ...(subject === undefined ? {} : { subject: shortened(subject, longestName) }),
    summary: shortened(summary, longestSummary),
    by: [...new Set(managers)].slice(0, namedManagers).map((manager) => shortened(manager, longestName)),
    healed: isHealed({ reason, diff, reverted }),
    ...(reverted === undefined ? {} : { reverted: shortReverted(reverted) }),
    cause: shortCause(diff?.cause ?? null),
    ...(rollback === undefined ? {} : { rollback }),
    ...(accepted === undefined ? {} : { accepted }),
  };
}

/** Whether Converge brought back what Git says, by itself or because somebody asked for it. */
export function isHealed({ reason, diff, reverted }: Pick<Incident, 'reason' | 'diff' | 'reverted'>): boolean {
  return reason === 'Drifted' && (reverted !== undefined || (diff !== undefined && diff.action !== 'none'));
}

function shortReverted({ by, reason, at }: Reverted): Reverted {
  return {
    by: shortened(by, longestName),
    ...(reason === undefined ? {} : { reason: shortened(reason, longestSummary) }),
    at,
  };
}

function shortCause(cause: PastEntry['cause']): PastEntry['cause'] {
  if (cause === null) return null;
  const { subject, author, artifact } = cause;
  return {
    ...{
      ...cause,
      subject: shortened(subject, longestName),
      author: author === null ? null : shortened(author, longestName),
    },
    artifact: artifact === null ? null : shortened(artifact, longestName),
  };
}

/** Without what is too old, or too much; `from` moves on to where all is here again. */
function trimmed({ past, now }: { past: Past; now: Date }): Past {
  const oldest = now.getTime() - keptMilliseconds;
  const incidents = lastOf(past.incidents, ({ until }) => parseTime(until), oldest);
  const convergences = lastOf(past.convergences, ({ at }) => parseTime(at), oldest);
  const from = Math.max(parseTime(past.from), incidents.from, convergences.from);
  return {
    from: Number.isNaN(from) || from === parseTime(past.from) ? past.from : formatTime(from),
    incidents: incidents.kept,
    convergences: convergences.kept,
  };
}

function lastOf<T>(
  entries: readonly T[],
  at: (entry: T) => number,
  oldest: number,
): { kept: readonly T[]; from: number } {
  const kept = entries.filter((entry) => at(entry) >= oldest).slice(-keptEntries);
  const left = entries.filter((entry) => !kept.includes(entry));
  return { kept, from: left.length === 0 ? 0 : Math.max(...left.map(at)) };
}
