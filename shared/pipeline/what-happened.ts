import { z } from 'zod';
import { ConvergeError } from '../base/errors.ts';
import { environmentKey } from '../base/revision.ts';
import { parseTime } from '../base/time.ts';
import { revertedSchema } from '../events/alert.ts';
import { withoutFields } from '../memory/evidence.ts';
import type { Memory } from '../memory/memory.ts';
import { doneRequestSchema } from '../memory/request.ts';
import type { Ports } from '../ports/ports.ts';
import type { Commit, Repository } from '../ports/git.ts';
import { fetchBranch } from './common/fetch-branch.ts';
import { provenanceOf } from './common/provenance.ts';
import type { StateAccess } from './common/read-state.ts';
import { recallMemories } from './common/remembered-environments.ts';
import { ofEnvironment, timeOf, unreadSchema } from './incidents.ts';

/** How far back it may be asked for: as long as ends of incidents are remembered. Milliseconds. */
export const longestAgo = 35 * 86_400_000;

const time = z.string().describe('ISO 8601; of a commit as it says itself');
const id = z.string().describe('Of this event, and the same whenever it is asked for');
const place = { repository: z.string().describe('The class'), environment: z.string() };

const commitEventSchema = z.object({
  ...{ kind: z.literal('commit'), id, at: time, repository: z.string().describe('The class'), commit: z.string() },
  subject: z.string().describe('The first line of its message'),
  artifacts: z.array(z.string()).describe('Uploads that it was made of, `gs://bucket/name#generation`'),
  uploadedBy: z
    .array(z.string())
    .describe('Who uploaded them, as they said; empty: it was not uploaded, or nobody said'),
});
const convergedEventSchema = z.object({
  ...{ kind: z.literal('converged'), id, at: time, ...place, revision: z.string() },
  seconds: z.number().nonnegative().describe('Since a run had set out for it'),
});
const incidentShape = { id, at: time, ...place, incident: z.string(), reason: z.string(), summary: z.string() };
const openedEventSchema = z.object({ kind: z.literal('incident-opened'), ...incidentShape });
const closedEventSchema = z.object({
  ...{ kind: z.literal('incident-closed'), ...incidentShape },
  healed: z.boolean().describe('Whether Converge brought back what Git says'),
  reverted: revertedSchema.nullable().describe("By whose request it was undone; null: by nobody's"),
});
const requestedEventSchema = z.object({
  ...{ kind: z.literal('requested'), id, at: time, ...place },
  ...doneRequestSchema.pick({ action: true, by: true, outcome: true, message: true }).shape,
  reason: z.string().nullable().describe('Why, as they said; null: nobody said'),
  incident: z.string().nullable().describe('Whose drift was to be undone; null: of no one incident'),
});

export const happenedSchema = z
  .discriminatedUnion('kind', [
    commitEventSchema,
    convergedEventSchema,
    openedEventSchema,
    closedEventSchema,
    requestedEventSchema,
  ])
  .describe('Other kinds may come');
export type Happened = Readonly<z.infer<typeof happenedSchema>>;

export const besideHappened = {
  from: z.string().describe('Since when: ISO 8601'),
  incomplete: z
    .array(z.object({ environment: z.string().describe('`<class>/<name>`'), from: z.string() }))
    .describe('Environments of which what ended before `from` is remembered no more'),
  unread: unreadSchema.describe('What could not be read: anything may have happened there'),
};
const besideSchema = z.object(besideHappened);

/**
 * What happened since a time: commits of each branch, convergences that changed what an environment is made of, and
 * incidents of environments, and what people asked for, as far as Git and the state bucket still tell. Throws `StorageUnavailable` (retry).
 */
export async function whatHappened(
  { repositories, since }: { repositories: readonly string[]; since: Date },
  ports: StateAccess & Pick<Ports, 'now' | 'repository'>,
): Promise<{ events: Happened[] } & z.infer<typeof besideSchema>> {
  const from = since.toISOString();
  const found: { events: Happened[] } & z.infer<typeof besideSchema> = { events: [], from, incomplete: [], unread: [] };
  for (const repository of [...repositories].sort()) {
    for (const [name, { memory, unreadable }] of await recallMemories({ repository }, ports, withoutFields)) {
      const environment = environmentKey({ repository, environment: name });
      if (unreadable !== undefined)
        found.unread.push({ what: environment, message: `what is remembered of it ${unreadable}` });
      if (memory.past !== undefined && parseTime(memory.past.from) > since.getTime())
        found.incomplete.push({ environment, from: memory.past.from });
      found.events.push(...ofMemory({ repository, name, memory }));
    }
    try {
      const commits = await commitsSince({ repository: ports.repository(repository), since }, ports);
      found.events.push(...commits.map((commit) => ofCommit(repository, commit)));
    } catch (error) {
      if (!(error instanceof ConvergeError)) throw error;
      found.unread.push({ what: repository, message: error.message });
    }
  }
  return { ...found, events: found.events.filter(({ at }) => at >= from) };
}

async function commitsSince(
  { repository, since }: { repository: Repository; since: Date },
  ports: StateAccess,
): Promise<readonly Commit[]> {
  const head = await fetchBranch({ repository, state: ports.state });
  return head === undefined ? [] : await repository.history({ from: head.id, since });
}

function ofCommit(repository: string, commit: Commit): Happened {
  const { subject, committedAt: at, artifacts, uploadedBy } = provenanceOf({ commit });
  const told = { subject, artifacts: [...artifacts], uploadedBy: [...uploadedBy] };
  return { kind: 'commit', id: `commit/${repository}/${commit.id}`, at, repository, commit: commit.id, ...told };
}

function ofMemory({ repository, name, memory }: { repository: string; name: string; memory: Memory }): Happened[] {
  const of = { repository, environment: name };
  const key = environmentKey(of);
  const converged = (memory.past?.convergences ?? []).map(({ revision, at, seconds }): Happened => ({
    ...{ kind: 'converged', id: `converged/${key}/${at}`, at: timeOf(at), ...of, revision, seconds },
  }));
  const incidents = ofEnvironment({ repository, name, memory }, { known: new Map(), now: 0 }).flatMap(
    ({ id: incident, reason, summary, since, until, healed, reverted }): Happened[] => {
      const told = { ...of, incident, reason, summary };
      const opened: Happened = { kind: 'incident-opened', id: `opened/${incident}/${since}`, at: since, ...told };
      if (until === null) return [opened];
      const closed: Happened = {
        kind: 'incident-closed',
        id: `closed/${incident}/${until}`,
        at: until,
        ...told,
        healed: healed ?? false,
        reverted,
      };
      return [opened, closed];
    },
  );
  const requested = (memory.requests ?? []).map(
    ({ id: request, at, action, by, outcome, message, reason = null, incident = null }): Happened => ({
      ...{ kind: 'requested', id: `requested/${request}`, at: timeOf(at), ...of },
      ...{ action, by, outcome, message, reason, incident },
    }),
  );
  return [...converged, ...incidents, ...requested];
}
