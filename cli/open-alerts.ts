import type { EnvironmentStatus, Status } from '../shared/pipeline/common/environment-status.ts';
import type { FoundLetter } from '../shared/events/found-letter.ts';
import { ConvergeError } from '../shared/base/errors.ts';
import { chosenOf } from './choose-environments.ts';
import { shortTime } from './command-result.ts';
import type { Context } from './context.ts';
import { withLetters } from '../shared/pipeline/common/find-letters.ts';
import { readStatus } from './read-status.ts';
import { doneWords } from './wide-status.ts';

type Incident = EnvironmentStatus['incidents'][number];

/** Something that is wrong, and goes on until it ends. */
export interface OpenAlert {
  readonly kind: 'incident' | 'upload' | 'dependency' | 'dead-letter';
  /** Of the incident, or Pub/Sub's of the message; of an upload `gs://bucket/name`. */
  readonly id: string;
  /** `master/acme-production`, `cluster/production-eu`, `gs://bucket/name#generation`, or the subject of the letter. */
  readonly about: string;
  /** The class; null for what is of none. */
  readonly repository: string | null;
  /** ISO 8601. */
  readonly since: string;
  /** How often it began within a short time. */
  readonly occurrence: number;
  readonly reason: string;
  readonly message: string;
  /** What is done about it, in words. */
  readonly done: string;
  readonly acknowledged: NonNullable<Incident['acknowledged']> | null;
}

export interface OpenAlerts {
  /** The newest last. */
  readonly alerts: readonly OpenAlert[];
  /** What could not be looked at, and may hide more. */
  readonly unseen: readonly { readonly what: string; readonly message: string }[];
}

/** Of each subscription of dead letters. */
const mostLetters = 100;
export const lettersName = 'dead letters';

/**
 * All that is open, of these environments where any is named. Dead letters are held while they are read, and given back.
 *
 * @param letters whether they are looked at
 */
export async function readAlerts(
  context: Context,
  { names, letters }: { names: readonly string[]; letters: boolean },
): Promise<OpenAlerts> {
  const found = chosenOf(await readStatus(context), { names, class: [], label: {} }, context);
  const seen = letters ? await readLetters(context) : { alerts: [], unseen: [] };
  const about = new Set(found.environments.map(({ repository, name }) => `${repository}/${name}`));
  const ofNamed = seen.alerts.filter((letter) => names.length === 0 || about.has(letter.about));
  return {
    alerts: [...alertsOf(found), ...ofNamed].toSorted(byTime),
    unseen: [...found.unreadable.map(({ repository, message }) => ({ what: repository, message })), ...seen.unseen],
  };
}

function byTime(a: OpenAlert, b: OpenAlert): number {
  const [first, second] = [a, b].map(({ since, about, id }) => `${since} ${about} ${id}`) as [string, string];
  return first < second ? -1 : 1;
}

/** What a status shows as open. */
export function alertsOf({ environments, uploads, unreachable }: Required<Status>): OpenAlert[] {
  return [
    ...environments.flatMap((environment) =>
      environment.incidents.map((incident) => ofIncident({ environment, incident })),
    ),
    ...uploads.map(ofUpload),
    ...unreachable.map(ofDependency),
  ];
}

function ofIncident({ environment, incident }: { environment: EnvironmentStatus; incident: Incident }): OpenAlert {
  const { repository, name, nextTry } = environment;
  const { id, since, occurrence, reason, summary: message, acknowledged } = incident;
  const about = `${repository}/${name}`;
  return {
    kind: 'incident',
    id,
    about,
    repository,
    since,
    occurrence,
    reason,
    message,
    done: doneAbout(incident, nextTry),
    acknowledged: acknowledged ?? null,
  };
}

/** What failed is tried again by itself; drift waits for its policy. */
function doneAbout(incident: Incident, nextTry: string | null): string {
  if (incident.reason === 'Drifted' || incident.reason === 'Suspended' || incident.rolledBackBy !== undefined)
    return doneWords(incident);
  return nextTry === null ? 'looked at again with each check' : `tried again from ${shortTime(nextTry)}`;
}

function ofUpload({ repository, artifact, since, reason, message, remedy }: Status['uploads'][number]): OpenAlert {
  return {
    ...{ kind: 'upload', id: artifact.replace(/#\d+$/, ''), about: artifact, repository, since, occurrence: 1 },
    ...{ reason, message, done: remedy ?? 'it waits for an upload of that name', acknowledged: null },
  };
}

function ofDependency({
  subject,
  incident,
  since,
  code,
  problem,
  count,
  acknowledged,
}: NonNullable<Status['unreachable']>[number]): OpenAlert {
  const behind = `${count} ${count === 1 ? 'environment stands' : 'environments stand'} on it`;
  return {
    ...{ kind: 'dependency', id: incident, about: subject, repository: null, since, occurrence: 1 },
    ...{
      reason: code,
      message: problem,
      done: `asked again with each check; ${behind}`,
      acknowledged: acknowledged ?? null,
    },
  };
}

async function readLetters(context: Context): Promise<OpenAlerts> {
  try {
    const deadLetters = await context.open.deadLetters();
    return await withLetters(deadLetters, { limit: mostLetters }, async ({ letters, mayBeMore }) => {
      const more = {
        what: lettersName,
        message: `there may be more than ${mostLetters}: converge dead-letters --limit`,
      };
      return { alerts: letters.map(ofLetter), unseen: mayBeMore ? [more] : [] };
    });
  } catch (error) {
    if (error instanceof ConvergeError) return { alerts: [], unseen: [{ what: lettersName, message: error.message }] };
    throw error;
  }
}

function ofLetter({ id, time, stage, reason, subject, message, redrive }: FoundLetter): OpenAlert {
  const done = redrive.kind === 'none' ? `nothing: ${redrive.why}` : `it waits for converge redrive ${id}`;
  return {
    ...{ kind: 'dead-letter', id, about: subject === '' ? stage : subject, repository: null },
    ...{ since: time.toISOString(), occurrence: 1, reason, message, done, acknowledged: null },
  };
}
