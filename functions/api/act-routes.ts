import { z } from 'zod';
import { actionRights, type ActionRight } from '../../shared/access/action-names.ts';
import { assertMaySomewhere, refusalToAct, rightsOn, type ActionScope } from '../../shared/access/judge-action.ts';
import { assertShown, type Caller } from '../../shared/access/people.ts';
import { ConvergeError } from '../../shared/base/errors.ts';
import { environmentKey } from '../../shared/base/revision.ts';
import { act, actedSchema, environmentOf } from '../../shared/pipeline/act.ts';
import { actionSchema, type Action } from '../../shared/pipeline/act/action.ts';
import { oneEnvironment } from '../../shared/pipeline/environments.ts';
import { loadConfig, wire } from '../wiring.ts';
import { healthz } from './health-route.ts';
import { postRoute, route, type RawCall, type Route } from './route.ts';
import { etagOf } from './serve.ts';

const sceneSchema = z.object({
  environment: z.string().describe('`<class>/<name>`'),
  revision: z.string().describe('That the branch is at; empty where none is wanted'),
  suspended: z.boolean(),
  incidents: z.array(z.object({ id: z.string(), since: z.string() })).describe('That are open'),
  actions: z.array(z.enum(actionRights)).describe('What the caller may do here'),
});
type Scene = z.infer<typeof sceneSchema>;
interface Place {
  readonly repository: string;
  readonly environment: string;
}

/** What somebody would act on. Throws `NotAllowed` (refuse) before anything is read, and as `oneEnvironment` does. */
async function sceneOf(place: Place, caller: Caller): Promise<Scene> {
  const config = loadConfig();
  const asks = { access: config.access, caller };
  assertShown({ ...asks, ...place });
  const { wanted: revision, state, incidents } = await oneEnvironment(config, place, await wire('repository', 'state'));
  return {
    ...{ environment: environmentKey(place), revision, suspended: state === 'Suspended' },
    incidents: incidents.map(({ id, since }) => ({ id, since })),
    actions: rightsOn({ ...asks, scope: place }),
  };
}

const scene = route({
  name: 'actions',
  path: '/v1/actions/{class}/{name}',
  summary: 'What the caller may do in an environment, and what it would be done to',
  query: z.strictObject({}),
  answer: sceneSchema,
  handle: async ({ path: { class: repository = '', name: environment = '' }, caller }) =>
    sceneOf({ repository, environment }, caller),
});

/** Throws `PreconditionFailed` (refuse) where what is acted on is not what somebody saw. */
async function assertSeen(action: Action, { caller, header }: Pick<RawCall, 'caller' | 'header'>): Promise<void> {
  const seen = header('if-match');
  if (seen === undefined) return;
  const place = environmentOf(action);
  if (place === undefined)
    throw new ConvergeError({
      ...{ code: 'BadRequest', subject: 'if-match', message: 'is of an environment, and the action does not name one' },
      ...{ remedy: 'name it as CLASS/ENVIRONMENT, or leave the header out', disposition: 'refuse' },
    });
  const etag = etagOf(await sceneOf(place, caller));
  const known: readonly string[] = seen.match(/(?:W\/)?"[^"]*"/g) ?? [];
  // The strong comparison: https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1
  if (seen.trim() === '*' || known.includes(etag)) return;
  throw new ConvergeError({
    ...{ code: 'PreconditionFailed', subject: environmentKey(place), message: 'is not as `If-Match` says any more' },
    ...{ remedy: 'GET /v1/actions/<class>/<name> says how it is; look, and ask once more', disposition: 'refuse' },
  });
}

const keySchema = z.uuid();

function keyOf(header: RawCall['header']): string | undefined {
  const given = header('idempotency-key');
  if (given === undefined) return undefined;
  const key = keySchema.safeParse(given);
  if (key.success) return key.data.toLowerCase();
  throw new ConvergeError({
    ...{ code: 'BadRequest', subject: 'idempotency-key', message: 'is no UUID', disposition: 'refuse' },
  });
}

/** Where nobody asks who it is, in the local pipeline alone, the command says it. */
function whoOf(caller: Caller, header: RawCall['header']): string {
  if (caller.kind === 'account') return caller.email;
  const said = header('converge-by');
  try {
    return said === undefined ? 'somebody (local pipeline)' : decodeURIComponent(said);
  } catch {
    return 'somebody (local pipeline)';
  }
}

/** What an action takes beside its own name. */
function rightsFor(action: Action): readonly ActionRight[] {
  return action.action === 'reconcile' && action.override ? ['reconcile', 'override-freeze'] : [action.action];
}

const actions = postRoute({
  name: 'act',
  path: '/v1/actions',
  summary: 'Does something on purpose',
  body: actionSchema,
  answer: actedSchema,
  problems: [409, 412, 413, 415, 422],
  headers: {
    'If-Match': 'The ETag of `/v1/actions/{class}/{name}`: 412 where that has changed',
    'Idempotency-Key': 'A UUID of this wish: however often it is sent, it is done once',
  },
  async handle({ body: action, caller, header }) {
    const config = loadConfig();
    const rights = rightsFor(action);
    for (const right of rights) assertMaySomewhere({ access: config.access, caller, right });
    const refusal = (scope: ActionScope): ConvergeError | undefined =>
      rights
        .map((right) => refusalToAct({ access: config.access, caller, right, scope }))
        .find((refused) => refused !== undefined);
    const key = keyOf(header);
    const by = whoOf(caller, header);
    const flow = await wire('state', 'repository', 'topics', 'buckets', 'uploads', 'deadLetters');
    const ports = { ...flow, ...(await wire('cluster', 'renderer', 'signatures', 'gitHosts')) };
    const seen = async () => assertSeen(action, { caller, header });
    return await act({ action, by, key, refusal, assertSeen: seen }, config, ports);
  },
});

/** All that `act` answers. */
export const actRoutes: readonly Route[] = [healthz, actions, scene];
