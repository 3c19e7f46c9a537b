import { createHash } from 'node:crypto';
import { z } from 'zod';
import { actionNames, type ActionName } from '../access/action-names.ts';
import type { ActionScope } from '../access/judge-action.ts';
import { describeError } from '../base/errors.ts';
import type { Config } from '../config/config.ts';
import type { Ports } from '../ports/ports.ts';
import { builtInVersion } from '../rbac/known-resources.ts';
import { acknowledge, acknowledgedSchema } from './act/acknowledge.ts';
import { accept, acceptResultSchema, loggedAcceptSchema, type AcceptPorts, type AcceptSettings } from './act/accept.ts';
import type { Action, ActionOf } from './act/action.ts';
import { loggedCustomerSchema, newCustomerAction, newCustomerSchema } from './act/new-customer.ts';
import { onlyOnce } from './act/only-once.ts';
import { requestReconcile, requestedSchema } from './act/reconcile.ts';
import { redrive, redrivenSchema } from './act/redrive.ts';
import type { Refusal } from './act/refusals.ts';
import { resumeAction, resumedSchema } from './act/resume.ts';
import { retriedUploadSchema, retryUpload, type RetryUploadPorts, type UploadSettings } from './act/retry-upload.ts';
import { requestRevert, revertRequestedSchema } from './act/revert.ts';
import { rollbackAction, rolledBackSchema } from './act/rollback.ts';
import { suspendAction, suspendedSchema } from './act/suspend.ts';
import type { Status } from './common/environment-status.ts';
import { inspect } from './inspect.ts';
import { diffAnswerSchema, type DiffAnswer } from './inspect/answers.ts';
import { statusNow } from './status.ts';

type Used = 'now' | 'sleep' | 'log' | 'state' | 'repository' | 'topics' | 'buckets' | 'uploads' | 'deadLetters';
type Looking = 'cluster' | 'renderer' | 'signatures' | 'gitHosts';
export type ActPorts = Pick<Ports, Used | Looking>;

/** What the actions are handed: the ports, and what is made of them. */
type Handed = ActPorts & {
  readonly readStatus: () => Promise<Status>;
  readonly openUploads: () => Promise<RetryUploadPorts>;
  readonly diffOf: AcceptPorts['diffOf'];
};

interface Settings extends UploadSettings {
  /** Classes. */
  readonly repositories: readonly string[];
  readonly refusal: Refusal;
  readonly accepting: AcceptSettings;
  readonly freeze: Config['freeze'];
}

interface Doing<N extends ActionName> {
  readonly result: z.ZodType<object>;
  /** What of it is logged; absent: all. */
  readonly logged?: z.ZodType<object>;
  readonly act: (action: ActionOf<N>, by: string, ports: Handed, settings: Settings) => Promise<object>;
}

/** Who does what: one line an action. */
const doings: { readonly [N in ActionName]: Doing<N> } = {
  rollback: { result: rolledBackSchema, act: rollbackAction },
  acknowledge: { result: acknowledgedSchema, act: acknowledge },
  'retry-upload': { result: retriedUploadSchema, act: retryUpload },
  redrive: { result: redrivenSchema, act: redrive },
  reconcile: { result: requestedSchema, act: requestReconcile },
  revert: { result: revertRequestedSchema, act: requestRevert },
  suspend: { result: suspendedSchema, act: suspendAction },
  resume: { result: resumedSchema, act: resumeAction },
  accept: {
    ...{ result: acceptResultSchema, logged: loggedAcceptSchema },
    act: async (action, by, ports, { accepting }) => accept(action, by, ports, accepting),
  },
  'new-customer': { result: newCustomerSchema, logged: loggedCustomerSchema, act: newCustomerAction },
};

/** What is answered of every action. */
export const actedSchema = z.object({
  action: z.enum(actionNames),
  by: z.string().describe('Who asked: the address of their token'),
  at: z.string().describe('When, ISO 8601'),
  reason: z.string().nullable(),
  dryRun: z.boolean().describe('Whether this only says what would be done'),
  result: z
    .union(Object.values(doings).map(({ result }) => result))
    .describe('What became of it: the JSON of the verb of that name, as its schema says'),
});
export type Acted = z.infer<typeof actedSchema>;
/** An answer that is remembered, whatever its action answers. */
const rememberedSchema = actedSchema.extend({ result: z.looseObject({}) });

export interface ActRequest {
  readonly action: Action;
  readonly by: string;
  /** The same for the same wish: what it was is answered again, and nothing is done. */
  readonly key?: string | undefined;
  /** Why who asks may not act there. */
  readonly refusal: Refusal;
  /** Throws where what is acted on is not as who asks saw it. An answer that is given again asks no more: it changed that itself. */
  readonly assertSeen?: () => Promise<void>;
}

/**
 * Does what a person asks for on purpose, once, and says so in the log: who, what, why, and what became of it.
 *
 * Throws what `refusal` says, what `assertSeen` and `onlyOnce` throw, and what the action throws.
 */
export async function act(
  { action, by, key, refusal, assertSeen }: ActRequest,
  config: Pick<Config, 'repositories' | 'checks' | 'limits' | 'alerts' | 'freeze'>,
  ports: ActPorts,
): Promise<Acted> {
  const scope = scopeOf(action);
  const notAllowed = scope === undefined ? undefined : refusal(scope);
  if (notAllowed !== undefined) throw notAllowed;
  const doing = doingOf(action.action);
  const { reason = null, dryRun } = action;
  const at = ports.now().toISOString();
  const buckets = Object.entries(config.repositories).map(([name, { bucket }]) => [name, bucket] as const);
  const settings: Settings = {
    ...{ repositories: Object.keys(config.repositories), bucketOf: Object.fromEntries(buckets), refusal },
    freeze: config.freeze,
    uploadBytes: config.limits.uploadBytes,
    accepting: { ...config, kubernetesVersion: builtInVersion },
  };
  const handed: Handed = {
    ...ports,
    readStatus: async () => statusNow(config, ports),
    openUploads: async () => ports,
    diffOf: async (of) => diffOf({ ...config, ...of }, ports),
  };
  const work = async (): Promise<Acted> => {
    await assertSeen?.();
    const result = await doing.act(action, by, handed, settings);
    return { action: action.action, by, at, reason, dryRun, result };
  };
  const about = { action: action.action, by, reason, dryRun, asked: action };
  try {
    if (key === undefined || dryRun) return told(await work(), about, ports);
    const digest = createHash('sha256').update(JSON.stringify(action)).digest('base64url');
    const { answer, isNew } = await onlyOnce({ key, by, digest, schema: rememberedSchema, work }, ports);
    return isNew ? told(answer, about, ports) : answer;
  } catch (error) {
    ports.log('INFO', 'act did not do what somebody asked for', { ...about, error: describeError(error) });
    throw error;
  }
}

async function diffOf(
  asked: Omit<Parameters<typeof inspect>[0], 'question' | 'shownTo'> & { environment: string },
  ports: ActPorts,
): Promise<DiffAnswer> {
  const shownTo = (environments: readonly string[]): string[] => [...environments];
  return diffAnswerSchema.parse(await inspect({ ...asked, question: { asks: 'diff' }, shownTo }, ports));
}

/** For whoever audits: https://docs.cloud.google.com/logging/docs/audit knows only what an account did, not for whom. */
function told(acted: Acted, about: object, { log }: Pick<Ports, 'log'>): Acted {
  const { logged } = doingOf(acted.action);
  log('INFO', acted.dryRun ? 'act said what would be done' : 'act did what somebody asked for', {
    ...about,
    result: logged === undefined ? acted.result : logged.parse(acted.result),
  });
  return acted;
}

function doingOf<N extends ActionName>(name: N): Doing<N> {
  return doings[name];
}

/** What an action is of, as far as it says so itself; undefined: it is found out, and asked of `refusal` then. */
function scopeOf(action: Action): ActionScope | undefined {
  switch (action.action) {
    case 'rollback':
    case 'acknowledge':
      return ofKey(action.target);
    case 'retry-upload':
      return undefined;
    case 'redrive':
      return { repository: undefined };
    // What is new has no entry of its own yet, and may be called as anything: it is of the class.
    case 'new-customer':
      return { repository: action.from.split('/')[0] ?? '', environment: undefined };
    case 'suspend':
    case 'resume':
    case 'accept':
    case 'reconcile':
    case 'revert':
      return ofKey(action.environment);
  }
}

function ofKey(key: string): ActionScope | undefined {
  const [, repository, environment] = /^([^/]+)\/([^/]+)$/.exec(key) ?? [];
  return repository === undefined || environment === undefined ? undefined : { repository, environment };
}

/** The environment that an action says it is of, whose ETag may be asked for. */
export function environmentOf(action: Action): { repository: string; environment: string } | undefined {
  const { repository, environment } = scopeOf(action) ?? {};
  return repository === undefined || environment === undefined ? undefined : { repository, environment };
}
