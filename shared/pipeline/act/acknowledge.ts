import { z } from 'zod';
import type { ActionScope } from '../../access/judge-action.ts';
import { ConvergeError } from '../../base/errors.ts';
import { environmentKey } from '../../base/revision.ts';
import { formatTime, parseTime } from '../../base/time.ts';
import { parseDuration } from '../../environment/duration.ts';
import { uploadIncident, uploadOf } from '../../events/upload-alert.ts';
import { boundedText, largestLine } from '../../notices/bounded-text.ts';
import { incidentKey } from '../../notices/notice.ts';
import type { Ports } from '../../ports/ports.ts';
import { acknowledgementPath, writeAcknowledgement, type Acknowledgement } from '../common/acknowledgements.ts';
import type { Status } from '../common/environment-status.ts';
import type { ActionOf } from './action.ts';
import { actionConflict, actionRefused, type Refusal } from './refusals.ts';

export interface AcknowledgePorts extends Pick<Ports, 'now' | 'state'> {
  /** What is open now. */
  readonly readStatus: () => Promise<Status>;
}

export const acknowledgedIncidentSchema = z.object({
  incident: z.string(),
  about: z
    .string()
    .describe('`<class>/<environment>`, what does not answer (`cluster/<name>`), or the upload that is refused'),
  since: z.string().describe('ISO 8601'),
  summary: z.string(),
});

export const acknowledgedSchema = z.object({
  outcome: z
    .enum(['acknowledged', 'undone', 'nothing', 'planned'])
    .describe('`nothing`: there was nothing to take back; `planned`: it would be done'),
  incidents: z.array(acknowledgedIncidentSchema).describe('All that it was done to'),
  by: z.string().nullable().describe('Who asks; null where something was taken back'),
  at: z.string().nullable().describe('ISO 8601'),
  until: z.string().nullable().describe('ISO 8601; null: until it ends'),
  comment: z.string().nullable(),
});
export type Acknowledged = z.infer<typeof acknowledgedSchema>;

interface OpenIncident {
  readonly incident: string;
  /** `master/acme-production`, `cluster/production-eu`, or `gs://bucket/name#generation` */
  readonly about: string;
  readonly since: string;
  readonly summary: string;
  readonly isAcknowledged: boolean;
  readonly scope: ActionScope;
}

/**
 * Says who takes care of what is open, or takes that back; of an environment, of all that is open there.
 *
 * Throws `ActionRefused` (refuse) where nothing of that name is open, or several classes have an environment of it,
 * `BadRequest` (refuse) for a time that is none, `ActionConflict` (refuse) where somebody else said something at this moment,
 * what `refusal` says, and `StorageUnavailable` (retry).
 *
 * @param settings.refusal why who asks may not do it, of each environment: asked before anything is written; absent: their own
 *   rights say what they may
 */
export async function acknowledge(
  { target, undo, ...said }: ActionOf<'acknowledge'>,
  by: string,
  ports: AcknowledgePorts,
  { refusal = () => undefined }: { refusal?: Refusal | undefined } = {},
): Promise<Acknowledged> {
  const chosen = chosenOf(await ports.readStatus(), { target, refusal });
  for (const { scope } of chosen) {
    const refused = refusal(scope);
    if (refused !== undefined) throw refused;
  }
  return undo ? await takeBack(chosen, said, ports) : await write(chosen, { ...said, by }, ports);
}

type Said = Pick<ActionOf<'acknowledge'>, 'for' | 'reason' | 'dryRun'>;

async function write(
  chosen: readonly OpenIncident[],
  { by, for: duration, reason, dryRun }: Said & { by: string },
  { now: clock, state }: AcknowledgePorts,
): Promise<Acknowledged> {
  const now = clock();
  const said = {
    by: boundedText(by, 200),
    at: now.toISOString(),
    until: duration === undefined ? null : endAfter(duration, now),
    comment: reason === undefined ? null : boundedText(reason, largestComment),
  };
  for (const { incident, since } of dryRun ? [] : chosen) {
    const record: Acknowledgement = { version: 1, ...said, since };
    await writeAcknowledgement({ incident: incidentKey(incident), said: record }, { state });
  }
  return { outcome: dryRun ? 'planned' : 'acknowledged', incidents: chosen.map(shownOf), ...said };
}

/** ISO 8601. Throws `BadRequest` (refuse) for an end that has passed, or is no time that can be written. */
function endAfter(duration: string, now: Date): string {
  const milliseconds = parseDuration(duration);
  const end = now.getTime() + milliseconds;
  if (milliseconds > 0 && end < parseTime('9999-12-31T23:59:59Z')) return formatTime(end);
  throw new ConvergeError({
    ...{ code: 'BadRequest', subject: 'for', disposition: 'refuse' },
    message: milliseconds > 0 ? `${duration} leads to no time` : `in ${duration} it would be acknowledged no more`,
    remedy: 'give a duration such as 8h, or none: until it ends',
  });
}

/** Metadata of an object of Storage has 8 KiB, and each character may take nine bytes of them. */
const largestComment = Math.min(500, largestLine);

async function takeBack(
  chosen: readonly OpenIncident[],
  { dryRun }: Said,
  { state }: AcknowledgePorts,
): Promise<Acknowledged> {
  const undone: OpenIncident[] = [];
  for (const one of chosen.filter(({ isAcknowledged }) => isAcknowledged)) {
    const path = acknowledgementPath(incidentKey(one.incident));
    const generation = await state.generationOf(path);
    if (generation === undefined) continue;
    if (!dryRun && (await state.delete({ path, generation })) === 'conflict')
      throw actionConflict({
        subject: one.incident,
        message: 'was acknowledged by somebody else at this moment',
        remedy: 'converge status shows by whom; ask once more',
      });
    undone.push(one);
  }
  return {
    outcome: undone.length === 0 ? 'nothing' : dryRun ? 'planned' : 'undone',
    incidents: undone.map(shownOf),
    ...{ by: null, at: null, until: null, comment: null },
  };
}

function shownOf({ incident, about, since, summary }: OpenIncident): Acknowledged['incidents'][number] {
  return { incident, about, since, summary };
}

function chosenOf(status: Status, { target, refusal }: { target: string; refusal: Refusal }): readonly OpenIncident[] {
  const named = status.environments.filter(
    ({ repository, name }) => name === target || environmentKey({ repository, environment: name }) === target,
  );
  if (named.length > 1)
    throw actionRefused({
      subject: target,
      message: `is an environment of ${named.map(({ repository }) => repository).join(' and ')}`,
      remedy: `name it as ${named[0]?.repository ?? ''}/${target}`,
    });
  const open = openOf(status);
  const chosen = open.filter(({ incident, names }) => incident === target || names.includes(target));
  if (chosen.length > 0) return chosen;
  const isEnvironment = named.length > 0;
  const theirs = open.filter(({ scope }) => refusal(scope) === undefined);
  const shown = theirs.slice(0, mostNamed).map(({ about, incident }) => `${about} ${incident}`);
  const more = theirs.length > mostNamed ? `, and ${theirs.length - mostNamed} more` : '';
  throw actionRefused({
    subject: target,
    message: isEnvironment
      ? 'has no open incident: what there was has ended'
      : 'is neither an environment nor an incident that is open: it may have ended',
    remedy: theirs.length === 0 ? 'nothing is open' : `open are ${shown.join(', ')}${more}`,
  });
}

const mostNamed = 20;

function openOf({
  environments,
  uploads,
  unreachable = [],
}: Status): readonly (OpenIncident & { names: readonly string[] })[] {
  const own = environments.flatMap(({ repository, name, incidents }) =>
    incidents.map(({ id, since, summary, acknowledged }) => ({
      ...{ incident: id, about: `${repository}/${name}`, names: [name, `${repository}/${name}`], since, summary },
      isAcknowledged: acknowledged !== undefined,
      scope: { repository, environment: name },
    })),
  );
  const dependencies = unreachable.map(({ subject, incident, since, problem, acknowledged }) => ({
    ...{ incident, about: subject, names: [subject], since, summary: problem },
    isAcknowledged: acknowledged !== undefined,
    scope: { repository: undefined },
  }));
  const refused = uploads.map(({ repository, artifact, incident, since, reason, message, acknowledged }) => ({
    ...{ incident: incident ?? uploadIncident(uploadOf(artifact)), about: artifact },
    ...{ names: [artifact, uploadOf(artifact)], since, summary: `${reason}: ${message}` },
    isAcknowledged: acknowledged !== undefined,
    scope: { repository, environment: undefined },
  }));
  return [...own, ...dependencies, ...refused];
}
