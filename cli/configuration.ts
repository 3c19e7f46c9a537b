import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { parseConfig, type Config } from '../shared/config/config.ts';
import { CommandError } from './command-error.ts';

export interface Configuration {
  readonly config: Config;
  /** The file that it was read from. */
  readonly file?: string;
  /** Where the `status` function answers; undefined where nobody said so. */
  readonly statusUrl: string | undefined;
  /** Where the `inspect` function answers; undefined where nobody said so. */
  readonly inspectUrl?: string | undefined;
  /** Where the `act` function answers; undefined where nobody said so: people act by their own rights. */
  readonly actUrl?: string | undefined;
  /** `host:port` of the local pipeline's Pub/Sub; undefined on Google Cloud. */
  readonly pubsub: string | undefined;
  /** Where the local pipeline's webhook answers; undefined on Google Cloud, where Terraform's outputs say it. */
  readonly webhookUrl?: string | undefined;
  /** The kubeconfig of the local pipeline's cluster, of its administrator; undefined on Google Cloud. */
  readonly kubeconfig?: string | undefined;
  /** The file to which the functions of the local pipeline log; undefined on Google Cloud. */
  readonly log?: string | undefined;
}

const localFacts = join('.converge', 'local.json');

/** The part of `.converge/local.json` that is used. */
const localSchema = z.object({
  config: z.string(),
  status: z.url(),
  inspect: z.url().optional(),
  act: z.url().optional(),
  pubsub: z.string(),
  kubeconfig: z.string().optional(),
  webhook: z.url().optional(),
  log: z.string().optional(),
});

/**
 * The operator's configuration: of `--config`, else of `CONVERGE_CONFIG`, else of the local pipeline that runs in this
 * folder or in one above it. A named one may be that of a local pipeline. Throws `CommandError` where there is none,
 * `BadConfiguration` where it is wrong.
 */
export function findConfiguration({
  file,
  environment,
  folder,
}: {
  file: string | undefined;
  environment: Readonly<Record<string, string | undefined>>;
  folder: string;
}): Configuration {
  const named = file ?? environment['CONVERGE_CONFIG'];
  if (named !== undefined && named !== '') {
    const path = resolve(folder, named);
    const config = parseConfig({ file: named, text: read(path) });
    const local = localOf(path);
    return {
      config,
      file: named,
      statusUrl: config.status?.url ?? local?.status,
      inspectUrl: config.inspect?.url ?? local?.inspect,
      actUrl: config.act?.url ?? local?.act,
      pubsub: local?.pubsub,
      kubeconfig: local?.kubeconfig,
      webhookUrl: local?.webhook,
      log: local?.log,
    };
  }
  const facts = findUpwards({ folder, name: localFacts });
  if (facts === undefined) {
    throw new CommandError({
      subject: 'configuration',
      message: 'none was named, and no local pipeline runs here',
      remedy: 'give --config FILE or set CONVERGE_CONFIG, or run `converge up` in the folder of a checkout',
    });
  }
  const local = readLocal(facts);
  if (local === undefined)
    throw new CommandError({
      subject: facts,
      message: 'is not of this version, or not whole',
      remedy: 'start the local pipeline anew',
    });
  return {
    config: parseConfig({ file: local.config, text: read(local.config) }),
    file: local.config,
    statusUrl: local.status,
    inspectUrl: local.inspect,
    actUrl: local.act,
    pubsub: local.pubsub,
    kubeconfig: local.kubeconfig,
    webhookUrl: local.webhook,
    log: local.log,
  };
}

/** Where the local pipeline answers whose configuration this file is: it does not say so itself. */
function localOf(file: string): z.infer<typeof localSchema> | undefined {
  const facts = findUpwards({ folder: dirname(file), name: localFacts });
  if (facts === undefined) return undefined;
  const local = readLocal(facts);
  return local !== undefined && resolve(local.config) === file ? local : undefined;
}

/** Undefined where it is of another version, or not whole. */
function readLocal(facts: string): z.infer<typeof localSchema> | undefined {
  const text = read(facts);
  try {
    return localSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandError({
      subject: file,
      message: 'cannot be read',
      remedy: error instanceof Error ? error.message : String(error),
    });
  }
}

function findUpwards({ folder, name }: { folder: string; name: string }): string | undefined {
  const file = join(folder, name);
  if (existsSync(file)) return file;
  const above = dirname(folder);
  return above === folder ? undefined : findUpwards({ folder: above, name });
}
