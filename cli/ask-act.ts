import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Action } from '../shared/pipeline/act/action.ts';
import type { UploadSettings } from '../shared/pipeline/act/retry-upload.ts';
import { CommandError } from './command-error.ts';
import type { Context } from './context.ts';
import { ask, audienceOf, type AskedFunction } from './read-status.ts';
import { whoAsks } from './who-asks.ts';

/** What every verb that acts takes. */
export interface ActOptions {
  readonly reason?: string | undefined;
  readonly dryRun?: boolean;
  /** By one's own rights, though the configuration says where `act` answers. */
  readonly ownRights?: boolean;
}

const actFunction: AskedFunction = {
  name: 'act',
  // As long as the function may take.
  milliseconds: 120_000,
  waits: 30_000,
  remedy: 'the operator names your actions in `access.people`, and you among the invokers of the service',
};

/** Whether `act` does what is asked for, by its own rights; else whoever calls does, by theirs. */
export function asksAct({ actUrl }: Context, { ownRights = false }: ActOptions): boolean {
  return actUrl !== undefined && !ownRights;
}

/** `reason` and `dryRun` of an action. */
export function saidOf({ reason, dryRun = false }: ActOptions): { reason: string | undefined; dryRun: boolean } {
  return { reason, dryRun };
}

/**
 * Does something on purpose: by the `act` function where somebody said where it answers, which knows who asks by their
 * token and lets them do what `access.people` says; else by the rights of whoever calls, as git names them.
 *
 * Throws what the action throws; of the function, `CommandError` with the same code of exit.
 */
export async function act<R>(
  context: Context,
  {
    action,
    options,
    schema,
    own,
  }: { action: Action; options: ActOptions; schema: z.ZodType<R>; own: (by: string) => Promise<R> },
): Promise<R> {
  const by = await whoAsks(context.environment);
  const { actUrl } = context;
  if (actUrl === undefined || !asksAct(context, options)) {
    if (action.reason !== undefined && unrecorded.has(action.action))
      throw new CommandError({
        subject: '--reason',
        message: 'is recorded by the act function alone, and this is done by your own rights',
        remedy: 'leave it out',
      });
    return await own(by);
  }
  return await ask({
    ...{ context, of: actFunction, url: `${actUrl.replace(/\/+$/, '')}/v1/actions`, query: [] },
    audience: audienceOf({ context, of: actFunction, url: actUrl }),
    schema: resultOf(schema),
    body: action,
    headers: { 'idempotency-key': randomUUID(), 'converge-by': encodeURIComponent(by) },
  });
}

/** Whose reason stands nowhere but in the log of the function. */
const unrecorded: ReadonlySet<Action['action']> = new Set<Action['action']>(['retry-upload', 'redrive']);

function resultOf<R>(schema: z.ZodType<R>): z.ZodType<R> {
  return z.object({ result: z.unknown() }).transform(({ result }, context): R => {
    const parsed = schema.safeParse(result);
    if (parsed.success) return parsed.data;
    context.addIssue('is no answer of this action');
    return z.NEVER;
  });
}

/** What the actions need to know of uploads. */
export function uploadSettings({ config: { repositories, limits } }: Context): UploadSettings {
  const buckets = Object.entries(repositories).map(([name, { bucket }]) => [name, bucket] as const);
  return { bucketOf: Object.fromEntries(buckets), uploadBytes: limits.uploadBytes };
}
