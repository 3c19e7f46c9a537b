import { findUpload } from '../shared/pipeline/common/find-upload.ts';
import type { StoredObject } from '../shared/ports/storage.ts';
import { artifactUri, parseArtifactUri, type ArtifactId } from '../shared/source/artifact.ts';
import { chooseClass, repositoryOf, type ClassOptions } from './choose-class.ts';
import { readBuild } from './ci-environment.ts';
import { shortTime, type CommandResult } from './command-result.ts';
import { CommandError } from './command-error.ts';
import type { Context } from './context.ts';
import { followUploads, type FollowOptions } from './follow-uploads.ts';
import { isSameUpload, md5Of } from './same-upload.ts';

export interface RetryOptions extends ClassOptions, FollowOptions {}

/** An object that is to be copied all the same. */
interface Wanted {
  readonly repositoryClass: string;
  readonly bucket: string;
  readonly name: string;
  /** Only that one, where the name says which. */
  readonly generation: string | undefined;
}

/**
 * `converge retry-upload NAME`: writes an object that was refused once more, as it is. The new generation is younger
 * than a ledger that was lost, so that nothing leaves it in doubt. Exit code 0 as of `converge upload`.
 */
export async function retryUpload(context: Context, name: string, options: RetryOptions): Promise<CommandResult> {
  const wanted = findWanted({ context, name, options });
  const refused = await findRefused(context, wanted);
  context.progress(`writes ${artifactUri(refused)} once more`);
  const artifact = await writeAgain(context, refused);
  const { repositoryClass } = wanted;
  const followed = await followUploads(context, { repositoryClass, artifacts: [artifact], options });
  const uploadedAt = shortTime(refused.createdAt.toISOString());
  return {
    ...followed,
    lines: [{ text: `refused   ${artifactUri(refused)} of ${uploadedAt}`, tone: 'detail' }, ...followed.lines],
  };
}

function findWanted({ context, name, options }: { context: Context; name: string; options: RetryOptions }): Wanted {
  const artifact = objectOf(name);
  if (artifact === undefined) {
    const repositoryClass = chooseClass({ context, options, build: readBuild(context.environment) });
    return { repositoryClass, bucket: repositoryOf(context, repositoryClass).bucket, name, generation: undefined };
  }
  if (options.class !== undefined || options.branch !== undefined)
    throw new CommandError({
      subject: options.class === undefined ? '--branch' : '--class',
      message: 'chooses the bucket, and so does gs://',
      remedy: 'give one of them',
    });
  return { repositoryClass: classOfBucket(context, artifact.bucket), ...artifact };
}

/** `gs://BUCKET/NAME`, with `#GENERATION` or without. */
function objectOf(name: string): Omit<Wanted, 'repositoryClass'> | undefined {
  const artifact = parseArtifactUri(name);
  if (artifact !== undefined) return artifact;
  const [, bucket, object] = /^gs:\/\/([^/]+)\/(.+)$/.exec(name) ?? [];
  return bucket === undefined || object === undefined ? undefined : { bucket, name: object, generation: undefined };
}

/** Throws `CommandError` where no repository of the configuration has that bucket. */
export function classOfBucket({ config: { repositories } }: Context, bucket: string): string {
  const found = Object.entries(repositories).find(([, repository]) => repository.bucket === bucket);
  if (found !== undefined) return found[0];
  throw new CommandError({
    subject: `gs://${bucket}`,
    message: 'is no bucket of uploads of the configuration',
    remedy: `these are ${Object.values(repositories)
      .map((repository) => repository.bucket)
      .sort()
      .join(', ')}`,
  });
}

/** The live object. Throws `CommandError` unless it is there, and the ledger says that it was refused. */
async function findRefused(context: Context, wanted: Wanted): Promise<StoredObject> {
  const { repositoryClass, bucket, name, generation } = wanted;
  const live = await (await context.open.buckets()).find({ bucket, name });
  if (live === undefined)
    throw new CommandError({
      subject: `gs://${bucket}/${name}`,
      message: 'is not there',
      remedy: 'give the name of the object as its refusal has it; what is gone is uploaded with converge upload',
    });
  if (generation !== undefined && live.generation !== generation)
    throw new CommandError({
      subject: artifactUri({ bucket, name, generation }),
      message: `is not what the bucket holds, which is ${artifactUri(live)}`,
      remedy: 'give that one, where it was refused, too',
    });
  const landing = await findUpload({ ...live, repositoryClass }, { state: await context.open.state() });
  switch (landing?.landing) {
    case 'refused':
      return live;
    case 'committed':
      throw new CommandError({
        subject: artifactUri(live),
        message: `was not refused: it is in Git, by ${landing.commit}`,
        remedy: 'to have its content there again, upload it again with converge upload',
      });
    case undefined:
      throw new CommandError({
        subject: artifactUri(live),
        message: 'is neither copied nor refused yet',
        remedy: 'the next check does either; its log says why, where it does not',
        exit: 1,
      });
  }
}

/** Never in place of what somebody uploaded meanwhile. A write whose answer was lost is known by what is there. */
export async function writeAgain(context: Context, refused: StoredObject): Promise<ArtifactId> {
  const { bucket, name, generation, metadata } = refused;
  const content = await readWhole(context, refused);
  const uploads = await context.open.uploads();
  const written =
    content === undefined
      ? 'conflict'
      : await uploads.write({ bucket, name, content, metadata, ifGeneration: { generation } });
  if (written !== 'conflict') return { bucket, name, generation: written.generation };
  const live = content === undefined ? undefined : await uploads.find({ bucket, name });
  if (content !== undefined && live !== undefined && isSameUpload(live, { md5: md5Of(content), metadata }))
    return { bucket, name, generation: live.generation };
  throw new CommandError({
    subject: artifactUri(refused),
    message: 'was replaced or deleted by somebody else meanwhile',
    remedy: 'what was uploaded in its place is copied by itself',
    exit: 1,
  });
}

/** Undefined where that generation is gone. */
async function readWhole(context: Context, object: StoredObject): Promise<Uint8Array | undefined> {
  const { uploadBytes } = context.config.limits;
  const tooLarge = () =>
    new CommandError({
      subject: artifactUri(object),
      message: `is larger than ${uploadBytes} bytes`,
      remedy: 'limits.uploadBytes of the configuration allows more',
    });
  if (object.bytes > uploadBytes) throw tooLarge();
  const chunks = await (await context.open.buckets()).read(object);
  if (chunks === undefined) return undefined;
  const read: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > uploadBytes) throw tooLarge();
    read.push(chunk);
  }
  return Buffer.concat(read);
}
