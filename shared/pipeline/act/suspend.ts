import { z } from 'zod';
import { ConvergeError } from '../../base/errors.ts';
import { shortenedWithin } from '../../base/shortened.ts';
import { formatTime, parseTime } from '../../base/time.ts';
import { parseDuration } from '../../environment/duration.ts';
import { environmentSuspension, type SuspensionKeys } from '../../environment/suspension.ts';
import { oneLine } from '../../source/commit-message.ts';
import type { ActionOf } from './action.ts';
import { announcementShape, announcing } from './announcing.ts';
import { changedFileSchema, changeEnvironmentFile, type ChangePorts } from './change-environment-file.ts';

export const suspendResultSchema = changedFileSchema.extend({
  until: z.string().nullable().describe('ISO 8601: it ends by itself; null: without an end'),
  reason: z.string().nullable().describe('Why, as the file says it'),
});
export const suspendedSchema = suspendResultSchema.extend(announcementShape);
export type Suspended = Readonly<z.output<typeof suspendedSchema>>;
export type SuspendResult = Readonly<z.output<typeof suspendResultSchema>>;

/** What the environment's file takes for `suspendReason`: UTF-16 code units. */
const reasonLength = 200;
/** Of two who suspend at once, or one who says it again, each counts from his own clock. */
const sameEnd = { milliseconds: 60_000, share: 0.1 };

/**
 * Suspends an environment by one commit of its file. One that is suspended already gets the new end; where that is the
 * same (of a duration: a minute more or less, and no more than a tenth of it), nothing is done. A suspension keeps its reason where no other is given.
 *
 * Throws `BadRequest` (refuse) for an end that is said twice, has passed or is none, and as `changeEnvironmentFile`.
 */
export async function suspend(action: ActionOf<'suspend'>, by: string, ports: ChangePorts): Promise<SuspendResult> {
  const now = ports.now();
  const until = endOf(action, now);
  const asked = reasonFor(action);
  let stands: { until: string | undefined; reason: string | undefined } = { until, reason: asked };
  const done = await changeEnvironmentFile(
    {
      ...{ action: action.action, environment: action.environment, by, reason: action.reason, dryRun: action.dryRun },
      change(environment) {
        const current = environmentSuspension(environment, now);
        const reason = asked ?? current?.reason;
        const isSame = current !== undefined && isSameEnd({ is: current.until, wanted: until, action });
        if (isSame && reason === current.reason) {
          stands = { until: current.until, reason };
          return undefined;
        }
        stands = { until, reason };
        const ends = until === undefined ? '' : ` until ${until}`;
        return {
          subject: `Suspend ${environment.name}${ends}`,
          edits: suspensionEdits({ environment, until, reason }),
        };
      },
    },
    ports,
  );
  return { ...done, until: stands.until ?? null, reason: stands.reason ?? null };
}

/** The same, asked for on purpose: a commit that cannot be announced is there all the same. */
export async function suspendAction(action: ActionOf<'suspend'>, by: string, ports: ChangePorts): Promise<Suspended> {
  return await announcing(ports, async (announced) => suspend(action, by, announced));
}

/** The edits of a file by which its environment is suspended so. */
export function suspensionEdits({
  environment,
  until,
  reason,
}: {
  environment: SuspensionKeys;
  until: string | undefined;
  reason: string | undefined;
}): { path: string[]; value: unknown }[] {
  return [
    ...(until === undefined
      ? [{ path: ['spec', 'suspend'], value: true }]
      : // The end counts, whatever `suspend` says: it would only mislead whoever reads the file afterwards.
        environment.suspend
        ? [{ path: ['spec', 'suspend'], value: undefined }]
        : []),
    { path: ['spec', 'suspendUntil'], value: until },
    { path: ['spec', 'suspendReason'], value: reason },
  ];
}

/** As the file takes it: a character of which nobody knows what it was makes the whole file one of another encoding. */
function reasonFor({ reason = '' }: ActionOf<'suspend'>): string | undefined {
  const line = oneLine(reason.toWellFormed().replaceAll('\uFFFD', '?'), reason.length);
  return line === '' ? undefined : shortenedWithin(line, reasonLength);
}

/** ISO 8601, to the second; undefined: without an end. */
function endOf({ environment, for: duration, until }: ActionOf<'suspend'>, now: Date): string | undefined {
  if (duration !== undefined && until !== undefined)
    throw refused({
      subject: environment,
      message: 'a duration says how long it is suspended, and so does a time',
      remedy: 'give one of them',
    });
  if (duration === undefined && until === undefined) return undefined;
  const end = until === undefined ? now.getTime() + parseDuration(duration ?? '') : parseTime(until);
  if (Number.isNaN(end) || end >= parseTime('9999-12-31T23:59:59Z'))
    throw refused({ subject: environment, message: `${until ?? duration ?? ''} is no time to end at` });
  if (end <= now.getTime())
    throw refused({
      subject: environment,
      message: `${until === undefined ? `in ${duration ?? ''}` : until} it would be suspended no more`,
      remedy: 'give a time that is to come',
    });
  return formatTime(Math.ceil(end / 1000) * 1000).replace('.000Z', 'Z');
}

function isSameEnd({
  is,
  wanted,
  action: { for: duration },
}: {
  is: string | undefined;
  wanted: string | undefined;
  action: ActionOf<'suspend'>;
}): boolean {
  if (is === undefined || wanted === undefined) return is === wanted;
  const apart = Math.abs(parseTime(wanted) - parseTime(is));
  if (duration === undefined) return apart === 0;
  return apart <= Math.min(sameEnd.milliseconds, parseDuration(duration) * sameEnd.share);
}

function refused(facts: { subject: string; message: string; remedy?: string }): ConvergeError {
  return new ConvergeError({ code: 'BadRequest', disposition: 'refuse', ...facts });
}
