import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { CommandError } from '../command-error.ts';
import type { Context } from '../context.ts';
import { failed, ok, notAsked, type Finding } from './finding.ts';

const outputOf = <T extends z.ZodType>(value: T) => z.object({ value });

/** What is read of `terraform output -json`. */
const outputsSchema = z.object({
  function_urls: outputOf(z.record(z.string(), z.url())),
  functions: outputOf(z.record(z.string(), z.array(z.string()))),
  status_url: outputOf(z.url()),
  webhook_url: outputOf(z.url().nullable()),
  buckets: outputOf(z.record(z.string(), z.string())),
  state_bucket: outputOf(z.string()),
  topics: outputOf(z.record(z.string(), z.string())),
});
export type Outputs = z.infer<typeof outputsSchema>;

/** Reads the outputs from a file, or from standard input for `-`. Throws `CommandError` where they are none. */
export async function readOutputs(file: string): Promise<Outputs> {
  const subject = file === '-' ? 'standard input' : file;
  const remedy =
    'terraform output -json > outputs.json, or tofu, in the folder of the deployment; where module outputs are not handed on, terraform console shows them';
  let content: string;
  try {
    content = file === '-' ? await text(process.stdin) : await readFile(file, 'utf8');
  } catch (error) {
    throw new CommandError({
      subject,
      message: 'cannot be read',
      remedy: error instanceof Error ? error.message : remedy,
    });
  }
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    throw new CommandError({ subject, message: 'is no JSON', remedy });
  }
  const parsed = outputsSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new CommandError({
    subject,
    message: `is not what terraform output -json prints of the module: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
    remedy,
  });
}

/** The deployment, as Terraform made it: whether the configuration names the same, and whether each function is there. */
export async function lookAtCloud(context: Context, outputs: Outputs): Promise<readonly Finding[]> {
  const functions = await Promise.all(
    Object.entries(outputs.function_urls.value).map(async ([stage, url]) => lookAtFunction({ stage, url })),
  );
  return [...sameNames(context, outputs), ...functions, await lookAtWebhook(outputs.webhook_url.value)];
}

function sameNames({ config }: Context, outputs: Outputs): readonly Finding[] {
  const pairs = [
    ...Object.entries(outputs.buckets.value).map(
      ([name, bucket]) => [`bucket of ${name}`, bucket, config.repositories[name]?.bucket] as const,
    ),
    ['state bucket', outputs.state_bucket.value, config.state.bucket] as const,
    ...(config.status === undefined ? [] : [['status', outputs.status_url.value, config.status.url] as const]),
    ...Object.entries(outputs.topics.value).map(
      ([name, id]) => [`topic ${name}`, id, `projects/${config.project}/topics/${config.topicPrefix}${name}`] as const,
    ),
  ];
  return pairs.map(([subject, deployed, configured]) => {
    const about = { check: 'deployed', subject };
    return trimmed(deployed) === trimmed(configured)
      ? ok(about, deployed)
      : failed(
          about,
          `${deployed}, and the configuration says ${configured ?? 'nothing'}`,
          'use the configuration of this deployment: terraform output -raw config',
        );
  });
}

const trimmed = (name: string | undefined): string | undefined => name?.replace(/\/+$/, '');
const answerMilliseconds = 30_000;

/** Asked without a token: one that is there refuses that at its door, and does nothing. */
async function lookAtFunction({ stage, url }: { stage: string; url: string }): Promise<Finding> {
  const about = { check: 'function', subject: stage };
  const status = await statusOf(url, { method: 'GET' });
  if (status === undefined)
    return failed(about, `${url} does not answer`, 'see whether it is deployed: gcloud functions list');
  if (status === 404)
    return failed(
      about,
      `${url} answers 404: no such function is there`,
      'terraform apply; then take its outputs anew',
    );
  if (status >= 500)
    return failed(
      about,
      `${url} answers ${status}`,
      'see the log of that function: an instance that cannot start says why',
    );
  return ok(about, `${url} answers (${status} without a token)`);
}

/** A delivery that nobody signed, which is refused before it is read. */
export async function lookAtWebhook(url: string | null): Promise<Finding> {
  const about = { check: 'webhook', subject: url ?? 'none' };
  if (url === null)
    return notAsked(about, 'no webhook is deployed: pushes are found by the schedule', 'webhooks of the module');
  const status = await statusOf(url, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } });
  if (status === undefined)
    return failed(about, 'does not answer', 'see whether it is deployed: gcloud functions list');
  return status === 400 || status === 401
    ? ok(about, `answers, and refuses what is not signed (${status})`)
    : failed(
        about,
        `answers ${status} to what is not signed, and not 401`,
        status === 403 ? 'IAM lets nobody call it: webhook_door of the module' : 'see the log of receivePush',
      );
}

async function statusOf(url: string, init: RequestInit): Promise<number | undefined> {
  try {
    const answer = await fetch(url, { ...init, redirect: 'manual', signal: AbortSignal.timeout(answerMilliseconds) });
    await answer.body?.cancel();
    return answer.status;
  } catch {
    return undefined;
  }
}
