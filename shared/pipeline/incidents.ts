import { z } from 'zod';
import { environmentKey } from '../base/revision.ts';
import { formatTime, parseTime } from '../base/time.ts';
import { causeSchema, revertedSchema } from '../events/alert.ts';
import { dependencySubject } from '../events/dependency-alert.ts';
import { withoutFields } from '../memory/evidence.ts';
import { isAnnounced, type Incident } from '../memory/incident.ts';
import { incidentsOf, openIncidents } from '../memory/incidents.ts';
import type { Memory } from '../memory/memory.ts';
import type { Ports } from '../ports/ports.ts';
import { pastOf } from '../report/incidents.ts';
import { acknowledgedNow, listAcknowledgements, type ListedAcknowledgement } from './common/acknowledgements.ts';
import { acknowledgedSchema } from './common/environment-status.ts';
import type { StateAccess } from './common/read-state.ts';
import { readRefusals } from './common/refused-uploads.ts';
import { recallMemories } from './common/remembered-environments.ts';
import { unreachableNow } from './common/tell-unreachable.ts';

type IncidentPorts = StateAccess & Pick<Ports, 'now'>;

export const listedIncidentSchema = z.object({
  id: z.string().describe('As in alerts; `key` is its own'),
  kind: z.enum(['environment', 'upload', 'dependency']),
  about: z
    .string()
    .describe(
      '`<class>/<environment>`, `gs://bucket/name#generation` that is refused, or what does not answer (`cluster/<name>`)',
    ),
  repository: z.string().nullable().describe('The class; null: it is of none, or of several'),
  environment: z.string().nullable().describe('Its name; null: it is of no single one'),
  cluster: z.string().nullable().describe('Where the environment is; null: it is of no single one, or not known'),
  reason: z.string().describe('As in its alert'),
  object: z
    .string()
    .nullable()
    .describe('Title of the object that it is of; empty: all of it; null: not known, or of none'),
  since: z.string().describe('When it began: ISO 8601'),
  until: z.string().nullable().describe('When it ended: ISO 8601; null: it is open'),
  occurrence: z.int().positive().describe('How often it came, each time soon after its last end'),
  revision: z.string().nullable().describe('At which it was found last; null: it is of none'),
  summary: z.string().describe('What is wrong, in a sentence'),
  cause: causeSchema
    .nullable()
    .describe('The last commit that changed what the environment is made of; null: not known'),
  told: z.boolean().nullable().describe('Whether sinks were told of it; null: of one that is long over nobody knows'),
  healed: z.boolean().nullable().describe('Whether Converge brought back what Git says; null: it is open'),
  reverted: revertedSchema
    .nullable()
    .describe("By whose request it was undone, or is being; null: by nobody's, or not known"),
  accepted: z
    .object({ by: z.string(), commit: z.string() })
    .nullable()
    .describe('Who accepted it into Git, and the commit that says so; null: nobody, or it is open'),
  acknowledged: acknowledgedSchema
    .unwrap()
    .nullable()
    .describe('Who takes care of it; null: nobody, or the time is over'),
});
export type ListedIncident = Readonly<z.infer<typeof listedIncidentSchema>>;

/** What nobody could read: of it there may be any number of incidents. */
export const unreadSchema = z.array(z.object({ what: z.string(), message: z.string() }));
export type Unread = z.infer<typeof unreadSchema>;

/**
 * What is open, and what ended in the last weeks as far as it is remembered, of environments, uploads and what they stand
 * on. Reads the state bucket alone. Throws `StorageUnavailable` (retry).
 *
 * @param of.repositories the classes of the configuration
 */
export async function listIncidents(
  { repositories }: { repositories: readonly string[] },
  ports: IncidentPorts,
): Promise<{ incidents: ListedIncident[]; unread: Unread }> {
  const known = await listAcknowledgements(ports);
  const now = ports.now().getTime();
  const incidents = (await unreachableNow(ports)).map((open): ListedIncident => {
    const { incident: id, since, code: reason, problem: summary, repositoryClass = null } = open;
    return {
      ...{ ...ofNoEnvironment, id, kind: 'dependency', about: dependencySubject(open), repository: repositoryClass },
      ...{ reason, since, summary, acknowledged: acknowledgedNow({ id, since }, { known, now }) ?? null },
    };
  });
  const unread: Unread = [];
  for (const repository of [...repositories].sort()) {
    for (const [environment, { memory, unreadable }] of await recallMemories({ repository }, ports, withoutFields)) {
      if (unreadable !== undefined)
        unread.push({
          what: environmentKey({ repository, environment }),
          message: `what is remembered of it ${unreadable}`,
        });
      incidents.push(...ofEnvironment({ repository, name: environment, memory }, { known, now }));
    }
    incidents.push(...(await ofUploads(repository, { known, now, unread, ports })));
  }
  return { incidents, unread };
}

const ofNoEnvironment = {
  ...{ environment: null, cluster: null, object: null, until: null, occurrence: 1, revision: null },
  ...{ cause: null, told: true, healed: null, reverted: null, accepted: null },
} as const;

interface Acknowledged {
  readonly known: ReadonlyMap<string, ListedAcknowledgement>;
  readonly now: number;
}

/** Those of one environment, by what is remembered of it. */
export function ofEnvironment(
  { repository, name, memory }: { repository: string; name: string; memory: Memory },
  by: Acknowledged,
): ListedIncident[] {
  const about = environmentKey({ repository, environment: name });
  const of = { kind: 'environment' as const, about, repository, environment: name, cluster: memory.cluster || null };
  const open = openIncidents(memory).map((incident): ListedIncident => {
    const { id, reason, subject, since, occurrence, revision, summary } = incident;
    return {
      ...{
        ...of,
        id,
        reason,
        object: subject ?? null,
        since: timeOf(since),
        until: null,
        occurrence,
        revision,
        summary,
      },
      ...{ cause: causeOf(incident, memory), told: isAnnounced(incident), healed: null, accepted: null },
      acknowledged: acknowledgedNow({ id, since }, by) ?? null,
      reverted: incident.reverted ?? null,
    };
  });
  const told = toldOf(incidentsOf(memory));
  const accepted = new Map(memory.past?.incidents.map((one) => [`${one.id} ${one.until}`, one.accepted]));
  const environment = { repository, name, cluster: memory.cluster, memory };
  const past = pastOf({ ...environment, ...noStatus }).map((ended): ListedIncident => {
    const { id, reason, object, since, until, occurrence, revision, summary, cause, healed, reverted = null } = ended;
    return {
      ...{ ...of, id, reason, object, since: timeOf(since), until: timeOf(until), occurrence, revision, summary },
      ...{ cause, told: told.get(`${id} ${until}`) ?? null, healed, reverted, acknowledged: null },
      accepted: accepted.get(`${id} ${until}`) ?? null,
    };
  });
  return [...open, ...past];
}

/** As its alert says; before there is one, what is known of the commit that it is of: another one has no part in it. */
function causeOf({ diff, cause }: Incident, { cause: known }: Memory): ListedIncident['cause'] {
  if (diff !== undefined) return diff.cause;
  return known?.found?.commit === cause ? (known?.found ?? null) : null;
}

/** What `pastOf` asks of no status. */
const noStatus = { state: '', message: '', policy: null, checkedAt: null, labels: {} };

/** Of those that are over and still remembered whole, by id and end. */
function toldOf(incidents: readonly Incident[]): ReadonlyMap<string, boolean> {
  return new Map(
    incidents.flatMap((one) => (one.closedAt === undefined ? [] : [[`${one.id} ${one.closedAt}`, isAnnounced(one)]])),
  );
}

async function ofUploads(
  repository: string,
  { ports, unread, ...by }: Acknowledged & { unread: Unread; ports: IncidentPorts },
): Promise<ListedIncident[]> {
  const { refusals, unreadable } = await readRefusals({ repositoryClass: repository }, ports);
  if (unreadable !== undefined)
    unread.push({
      what: `uploads of ${repository}`,
      message: `which are refused nobody can say: the ledger ${unreadable}`,
    });
  return refusals.flatMap(({ told }) => {
    if (told === undefined) return [];
    const { incident: id, artifact: about, since, reason, message: summary } = told;
    const acknowledged = acknowledgedNow({ id, since }, by) ?? null;
    return [
      { ...ofNoEnvironment, id, kind: 'upload' as const, about, repository, reason, since, summary, acknowledged },
    ];
  });
}

/** As all are written, so that texts sort as times do; as it is where it is no time. */
export function timeOf(text: string): string {
  const time = parseTime(text);
  return Number.isNaN(time) ? text : formatTime(time);
}
