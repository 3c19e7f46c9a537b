import { z } from 'zod';
import { problemSchema } from '../shared/base/problem.ts';
import { commitStatus, commitStatusSchema, type CommitStatus } from '../shared/pipeline/commit-status.ts';
import { statusSchema, type Status } from '../shared/pipeline/common/environment-status.ts';
import { waitWords } from '../shared/pipeline/common/wait-words.ts';
import { statusNow } from '../shared/pipeline/status.ts';
import { artifactUri, type ArtifactId } from '../shared/source/artifact.ts';
import { CommandError } from './command-error.ts';
import type { Context } from './context.ts';
import { findProof, tokenVariable, type Proof } from './id-token.ts';

/** Functions of the version before answer the second. */
const errorSchema = z.union([
  problemSchema.pick({ detail: true, subject: true, remedy: true }),
  z.object({ error: z.object({ message: z.string() }) }),
]);
export type Query = readonly (readonly [name: string, value: string])[];

/** Every environment: as the `status` function says where it is known, else from Git and the state bucket. */
export async function readStatus(context: Context): Promise<Status> {
  if (context.statusUrl !== undefined)
    return await ask({ context, of: statusFunction, url: context.statusUrl, query: [], schema: statusSchema });
  const ports = { ...context.ports, repository: await context.open.repository(), state: await context.open.state() };
  return await statusNow(context.config, ports);
}

/**
 * What became of one commit, asked in the same way; with `again`, of uploads whose content it had already: 20 at a time at the
 * most, as they stand in a URL.
 */
export async function readCommitStatus(
  context: Context,
  { again = [], ...asked }: { repository: string; commit: string; again?: readonly ArtifactId[] },
): Promise<CommitStatus> {
  if (context.statusUrl !== undefined) {
    const query: Query = [...Object.entries(asked), ...again.map((one) => ['artifact', artifactUri(one)] as const)];
    return await ask({ context, of: statusFunction, url: context.statusUrl, query, schema: commitStatusSchema });
  }
  const ports = { ...context.ports, repository: await context.open.repository(), state: await context.open.state() };
  return await commitStatus({ ...asked, again, waits: waitWords(asked, ports) }, ports);
}

/** A function that answers people and CI, as far as it is asked otherwise than another. */
export interface AskedFunction {
  readonly name: 'status' | 'inspect';
  /** How long it may take. */
  readonly milliseconds: number;
  /** How long it is waited for in all where it is asked too often, in milliseconds; whoever looks again anyway needs none. */
  readonly waits: number;
  /** What helps whoever may not ask it. */
  readonly remedy: string;
}

export const statusFunction: AskedFunction = {
  name: 'status',
  milliseconds: 30_000,
  waits: 0,
  remedy: 'the operator adds you to `access.functions.status.callers`, and to the invokers of the service',
};

/** Whom a token for a function is made for: as the configuration says, or its URL. */
export function audienceOf({ context, of, url }: { context: Context; of: AskedFunction; url: string }): string {
  return context.config[of.name]?.audience ?? url.replace(/[/?#]*$/, '');
}

/** Throws `CommandError` with exit code 1 where the function does not answer as it should. */
export async function ask<T>({
  context,
  of,
  url,
  audience = audienceOf({ context, of, url }),
  query,
  schema,
  body: sent,
}: {
  context: Context;
  of: AskedFunction;
  url: string;
  /** Whom the token is to be made for. */
  audience?: string;
  query: Query;
  schema: z.ZodType<T>;
  /** What is posted; absent: nothing is. */
  body?: object;
}): Promise<T> {
  const asked = new URL(url);
  for (const [key, value] of query) asked.searchParams.append(key, value);
  const proof = await findProof({ url: asked, audience, environment: context.environment });
  const headers = {
    accept: 'application/json',
    ...(sent === undefined ? {} : { 'content-type': 'application/json' }),
    ...(proof.kind === 'none' ? {} : { authorization: `Bearer ${proof.token}` }),
  };
  const post = sent === undefined ? {} : { method: 'POST', body: JSON.stringify(sent) };
  const failed = (message: string, remedy?: string) =>
    new CommandError({ subject: url, message, exit: 1, ...(remedy === undefined ? {} : { remedy }) });
  const refused = (message: string, remedy: string) =>
    new CommandError({ subject: url, message, exit: 1, remedy, lasting: true });
  let answer: Response;
  let body: unknown;
  let waited = 0;
  for (;;) {
    try {
      answer = await fetch(asked, { headers, signal: AbortSignal.timeout(of.milliseconds), ...post });
      const text = await answer.text();
      body = isJson(answer) ? JSON.parse(text) : undefined;
    } catch (error) {
      throw failed(`the ${of.name} function cannot be reached: ${reasonOf(error)}`, 'see whether the pipeline runs');
    }
    const wait = answer.status === 429 ? waitSaidBy(answer) : Infinity;
    waited += wait;
    if (waited > of.waits) break;
    await context.ports.sleep(wait);
  }
  // It answers 503 where a repository could not be read, and tells of the others.
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const { said, remedy } = saidBy(errorSchema.safeParse(body).data);
  if (answer.status === 401) throw refused(...unauthenticated({ proof, audience }));
  if (answer.status === 403)
    throw refused(
      of.name === 'inspect' ? (said ?? 'you may not ask it (403)') : 'you may not read it (403)',
      of.remedy,
    );
  throw failed(said ?? `answered ${answer.status}, and not as the ${of.name} function does`, remedy);
}

function saidBy(error: z.infer<typeof errorSchema> | undefined): { said?: string; remedy?: string } {
  if (error === undefined) return {};
  if ('error' in error) return { said: error.error.message };
  const { subject, detail, remedy } = error;
  return { said: subject === null ? detail : `${subject}: ${detail}`, ...(remedy === null ? {} : { remedy }) };
}

/** What went wrong, and what helps: Google tells nobody more of a token than that it is none. */
function unauthenticated({ proof, audience }: { proof: Proof; audience: string }): [message: string, remedy: string] {
  const token = `${tokenVariable}="$(gcloud auth print-identity-token)"`;
  const fresh = `${token}, for a service account with --audiences=${audience}`;
  if (proof.kind === 'none') return [`asks for an ID token (401), and ${proof.reason}`, `set ${fresh}`];
  return [
    `does not accept the ID token of ${proof.from} (401)`,
    `it may have ended, or be made for another audience; set ${fresh}`,
  ];
}

/** Milliseconds. Cloud Run says none where no instance is free. */
function waitSaidBy({ headers }: Response): number {
  const seconds = headers.get('retry-after') ?? '';
  return /^[1-9]\d{0,5}$/.test(seconds) ? Number(seconds) * 1000 : 1000;
}

function isJson(answer: Response): boolean {
  return answer.headers.get('content-type')?.includes('json') === true;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? reasonOf(error.cause) : error.message;
}
