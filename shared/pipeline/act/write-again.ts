import type { Ports } from '../../ports/ports.ts';
import type { StoredObject } from '../../ports/storage.ts';
import { artifactUri, type ArtifactId } from '../../source/artifact.ts';
import { isSameUpload, md5Of } from '../../source/same-upload.ts';
import { actionConflict, actionRefused } from './refusals.ts';

export interface WriteAgainSettings {
  /** What an object may have, in bytes: it is held in memory. */
  readonly uploadBytes: number;
}

/**
 * Writes an object as it is, never in place of what somebody uploaded meanwhile. A write whose answer was lost is known by
 * what is there. Throws `ActionConflict`, `ActionRefused` (refuse), `StorageUnavailable` (retry).
 */
export async function writeAgain(
  object: StoredObject,
  { buckets, uploads }: Pick<Ports, 'buckets' | 'uploads'>,
  settings: WriteAgainSettings,
): Promise<ArtifactId> {
  const { bucket, name, generation, metadata } = object;
  const content = await readWhole(object, buckets, settings);
  const written =
    content === undefined
      ? 'conflict'
      : await uploads.write({ bucket, name, content, metadata, ifGeneration: { generation } });
  if (written !== 'conflict') return { bucket, name, generation: written.generation };
  const live = content === undefined ? undefined : await uploads.find({ bucket, name });
  if (content !== undefined && live !== undefined && isSameUpload(live, { md5: md5Of(content), metadata }))
    return { bucket, name, generation: live.generation };
  throw actionConflict({
    subject: artifactUri(object),
    message: 'was replaced or deleted by somebody else meanwhile',
    remedy: 'what was uploaded in its place is copied by itself',
  });
}

/** Undefined where that generation is gone. */
async function readWhole(
  object: StoredObject,
  buckets: Ports['buckets'],
  { uploadBytes }: WriteAgainSettings,
): Promise<Uint8Array | undefined> {
  const tooLarge = () =>
    actionRefused({
      subject: artifactUri(object),
      message: `is larger than ${uploadBytes} bytes`,
      remedy: 'limits.uploadBytes of the configuration allows more',
    });
  if (object.bytes > uploadBytes) throw tooLarge();
  const chunks = await buckets.read(object);
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
