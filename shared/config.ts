import { z } from 'zod';
import { notImplementedYet } from './yaml/not-implemented.ts';
import { readDocument } from './yaml/read-document.ts';

const credentialsSchema = z.strictObject({
  /** A file that holds `user:password`, or a token alone. */
  file: z.string().min(1),
});

const repositorySchema = z.strictObject({
  url: z.url(),
  branch: z.string().min(1).default('main'),
  bucket: z.string().min(1),
  credentials: credentialsSchema.optional(),
  /** What becomes of an upload to a path that somebody else changed since the last one. */
  conflicts: z.enum(['artifact-wins', 'refuse']).default('artifact-wins'),
});

const clusterSchema = z.strictObject({
  kubeconfig: z.string().min(1),
  gke: notImplementedYet('gke', 'name a kubeconfig'),
});

const sinkSchema = z.strictObject({
  name: z.string().min(1),
  webhook: z.strictObject({ url: z.url(), secretFile: z.string().min(1).optional() }),
});

const limitsSchema = z.strictObject({
  /** Bytes of one artifact as uploaded, and of an archive unpacked. */
  uploadBytes: z.int().positive().default(209_715_200),
  uploadFiles: z.int().positive().default(20_000),
  /** Unpacked bytes for each packed byte. */
  unpackRatio: z.number().positive().default(100),
  /** Objects of one environment. */
  objects: z.int().positive().default(20_000),
  renderSeconds: z.int().positive().default(60),
  renderMiB: z.int().positive().default(1024),
  /** How long one run may wait for roll-outs, hooks and deletions before a message of its own goes on with it. */
  waitSeconds: z.int().positive().default(30),
});

/** The operator's configuration, the file that `CONVERGE_CONFIG` names. */
export const configSchema = z.strictObject({
  project: z.string().min(1),
  state: z.strictObject({ bucket: z.string().min(1) }),
  topicPrefix: z.string().default(''),
  repositories: z.record(z.string().regex(/^[a-z][a-z0-9-]*$/), repositorySchema),
  clusters: z.record(z.string().regex(/^[a-z][a-z0-9-]*$/), clusterSchema),
  author: z.strictObject({ name: z.string().min(1), email: z.string().min(1) }).default({ name: 'Converge', email: 'converge@example.com' }),
  webhooks: z.strictObject({ github: z.strictObject({ secretFile: z.string().min(1) }).optional() }).default({}),
  alerts: z.strictObject({ sinks: z.array(sinkSchema).default([]) }).default({ sinks: [] }),
  limits: limitsSchema.prefault({}),
  /** Where Cloud Storage answers, for the local pipeline; absent: Google Cloud. */
  storage: z.strictObject({ endpoint: z.url() }).optional(),
  /** The renderer's program; absent: `bin/render` beside the functions. */
  renderer: z.strictObject({ program: z.string().min(1) }).optional(),
});

export type Config = z.infer<typeof configSchema>;
export type RepositoryConfig = Config['repositories'][string];
export type AlertSink = Config['alerts']['sinks'][number];
export type Limits = Config['limits'];

/** Throws `BadConfiguration` (refuse) naming file, line and key. */
export function parseConfig({ file, text }: { file: string; text: string }): Config {
  return readDocument({ file, text, schema: configSchema, code: 'BadConfiguration' });
}
