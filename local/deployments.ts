import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { dump, load } from 'js-yaml';
import { z } from 'zod';
import type { functionSizes } from '../functions/sizes.ts';
import type { configSchema as fullSchema } from '../shared/config/config.ts';

export type FunctionName = keyof typeof functionSizes;

/** What stands on Google Cloud for a function, with an account of its own: one, but of `copyArtifact` one for each class. */
export interface Deployment {
  /** `reconcile`, `copyArtifact-master` */
  readonly name: string;
  readonly function: FunctionName;
  /** In its environment, over what all have. */
  readonly variables: Readonly<Record<string, string>>;
  /** Called before each of its processes starts. */
  prepare(): void;
}

/** Which one a call reaches; undefined where none is for it, as where no class has the bucket that an event names. */
export type Deployments = (call: {
  readonly function: FunctionName;
  readonly headers: IncomingHttpHeaders;
}) => Deployment | undefined;

/** One of each function, and no account. */
export const oneOfEach: Deployments = ({ function: name }) => {
  return { name, function: name, variables: {}, prepare: () => {} };
};

export interface AccountsOptions {
  /** Path of the configuration that all have. */
  readonly config: string;
  /** By class, its bucket of uploads. */
  readonly uploads: Readonly<Record<string, string>>;
  /** Where Storage answers the account of a deployment. */
  readonly storageOf: (deployment: string) => string;
}

/**
 * Those of Terraform, each of which asks Storage where its account is known. As a trigger does, the bucket that an event
 * comes from says which `copyArtifact` it is for.
 */
export function withAccounts({ config, uploads, storageOf }: AccountsOptions): Deployments {
  return ({ function: called, headers }) => {
    const [ofClass] = Object.entries(uploads).find(([, bucket]) => bucket === headers['ce-bucket']) ?? [];
    if (called === 'copyArtifact' && ofClass === undefined) return undefined;
    const name = called === 'copyArtifact' ? deploymentOf(called, ofClass) : called;
    return {
      ...{ name, function: called, variables: { CONVERGE_CONFIG: configFor(config, name) } },
      prepare: () => void writeConfigOf({ config, whose: name, own: { storage: { endpoint: storageOf(name) } } }),
    };
  };
}

/** `copyArtifact-master` */
export const deploymentOf = (name: FunctionName, ofClass = ''): string => [name, ofClass].join('-');

const configFor = (config: string, whose: string): string => config.replace(/\.yaml$/, `-${whose}.yaml`);

const configSchema = z.looseObject({});

/** What a configuration says otherwise to one of those who read it. */
type Own = Pick<z.input<typeof fullSchema>, 'storage' | 'status'>;

/** Writes a configuration for one of those who read it, and returns its path. */
export function writeConfigOf({ config, whose, own }: { config: string; whose: string; own: Own }): string {
  const file = configFor(config, whose);
  const parsed = configSchema.parse(load(readFileSync(config, 'utf8')));
  // Another process of the deployment may be reading it.
  writeFileSync(`${file}.new`, dump({ ...parsed, ...own }));
  renameSync(`${file}.new`, file);
  return file;
}
