import { z } from 'zod';
import { ConvergeError } from '../../base/errors.ts';
import type { Ports } from '../../ports/ports.ts';
import type { StoredObject } from '../../ports/storage.ts';
import { artifactUri, parseArtifactUri } from '../../source/artifact.ts';
import { findUpload } from '../common/find-upload.ts';
import type { ActionOf } from './action.ts';
import { actionConflict, actionRefused, type Refusal } from './refusals.ts';
import { writeAgain, type WriteAgainSettings } from './write-again.ts';

export type RetryUploadPorts = Pick<Ports, 'buckets' | 'state' | 'uploads'>;

export interface UploadSettings extends WriteAgainSettings {
  /** By class, its bucket of uploads. */
  readonly bucketOf: Readonly<Record<string, string>>;
}

export const retriedUploadSchema = z.object({
  outcome: z.enum(['written', 'planned']),
  repository: z.string().describe('The class whose bucket it is'),
  refused: z.string().describe('What was refused: `gs://BUCKET/NAME#GENERATION`'),
  refusedAt: z.string().describe('When that was uploaded, ISO 8601'),
  artifact: z.string().nullable().describe('What it is now; null where nothing was written'),
});
export type RetriedUpload = z.infer<typeof retriedUploadSchema>;

/**
 * Writes an object that was refused once more, as it is. The new generation is younger than a ledger that was lost, so
 * that nothing leaves it in doubt; and it is not refused yet, so that a second call writes nothing.
 *
 * Throws `ActionRefused` (refuse) where there is no such object, or it was not refused, `ActionConflict` (refuse) where
 * it is not looked at yet, or somebody replaced it at this moment, what `refusal` says, and
 * `StorageUnavailable` (retry).
 */
export async function retryUpload(
  { artifact, dryRun }: ActionOf<'retry-upload'>,
  _by: string,
  ports: RetryUploadPorts,
  { refusal, ...settings }: UploadSettings & { readonly refusal?: Refusal | undefined },
): Promise<RetriedUpload> {
  const wanted = objectOf(artifact);
  const repository = classOfBucket(settings, wanted.bucket);
  const notAllowed = refusal?.({ repository, environment: undefined });
  if (notAllowed !== undefined) throw notAllowed;
  const refused = await findRefused({ ...wanted, repository }, ports);
  const written = dryRun ? undefined : await writeAgain(refused, ports, settings);
  return {
    outcome: written === undefined ? 'planned' : 'written',
    ...{ repository, refused: artifactUri(refused), refusedAt: refused.createdAt.toISOString() },
    artifact: written === undefined ? null : artifactUri(written),
  };
}

interface Wanted {
  readonly bucket: string;
  readonly name: string;
  /** Only that one, where the name says which. */
  readonly generation: string | undefined;
}

/** `gs://BUCKET/NAME`, with `#GENERATION` or without. Throws `BadRequest` (refuse). */
function objectOf(text: string): Wanted {
  const artifact = parseArtifactUri(text);
  if (artifact !== undefined) return artifact;
  const [, bucket, name] = /^gs:\/\/([^/]+)\/(.+)$/.exec(text) ?? [];
  if (bucket !== undefined && name !== undefined) return { bucket, name, generation: undefined };
  throw new ConvergeError({
    code: 'BadRequest',
    subject: text,
    message: 'is no gs://BUCKET/NAME, with #GENERATION or without',
    disposition: 'refuse',
  });
}

/** Throws `ActionRefused` (refuse) where no repository of the configuration has that bucket. */
export function classOfBucket({ bucketOf }: Pick<UploadSettings, 'bucketOf'>, bucket: string): string {
  const found = Object.entries(bucketOf).find(([, one]) => one === bucket);
  if (found !== undefined) return found[0];
  throw actionRefused({
    subject: `gs://${bucket}`,
    message: 'is no bucket of uploads of the configuration',
    remedy: `these are ${Object.values(bucketOf).sort().join(', ')}`,
  });
}

/** The live object, where the ledger says that it was refused. */
async function findRefused(
  { repository, bucket, name, generation }: Wanted & { readonly repository: string },
  { buckets, state }: RetryUploadPorts,
): Promise<StoredObject> {
  const live = await buckets.find({ bucket, name });
  if (live === undefined)
    throw actionRefused({
      subject: `gs://${bucket}/${name}`,
      message: 'is not there',
      remedy: 'give the name of the object as its refusal has it; what is gone is uploaded with converge upload',
    });
  if (generation !== undefined && live.generation !== generation)
    throw actionRefused({
      subject: artifactUri({ bucket, name, generation }),
      message: `is not what the bucket holds, which is ${artifactUri(live)}`,
      remedy: 'give that one, where it was refused, too',
    });
  const landing = await findUpload({ ...live, repositoryClass: repository }, { state });
  switch (landing?.landing) {
    case 'refused':
      return live;
    case 'committed':
      throw actionRefused({
        subject: artifactUri(live),
        message: `was not refused: it is in Git, by ${landing.commit}`,
        remedy: 'to have its content there again, upload it again with converge upload',
      });
    case undefined:
      throw actionConflict({
        subject: artifactUri(live),
        message: 'is neither copied nor refused yet',
        remedy: 'the next check does either; its log says why, where it does not',
      });
  }
}
