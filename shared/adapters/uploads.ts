import { Readable } from 'node:stream';
import type { File, SaveOptions, Storage } from '@google-cloud/storage';
import { z } from 'zod';
import type { Uploads } from '../ports/storage.ts';
import { mayPass } from '../base/http-status.ts';
import { patience } from './patience.ts';
import { asked, silent, statusOf, translate, triedAgain, type StoragePatience } from './storage.ts';

const digits = z.union([z.string().regex(/^\d+$/), z.int().nonnegative().transform(String)]);
const objectSchema = z.object({
  generation: digits,
  size: z.coerce.number().int(),
  timeCreated: z.coerce.date(),
  md5Hash: z.string().optional(),
  metadata: z.record(z.string(), z.string()).default({}),
});

/** Bytes of an upload that are handed on at a time: Storage is waited for between two of them. */
const partBytes = 1024 * 1024;

/** The buckets as CI writes to them. Throws `StorageUnavailable` or `StorageRefused` (retry). */
export function createUploads(storage: Storage, times: StoragePatience = patience.storage): Uploads {
  return {
    async find({ bucket, name }) {
      try {
        const [found] = await asked(times, async () => storage.bucket(bucket).file(name).getMetadata());
        const { generation, size, timeCreated, md5Hash, metadata } = objectSchema.parse(found);
        return { bucket, name, generation, bytes: size, createdAt: timeCreated, metadata, md5: md5Hash };
      } catch (error) {
        if (statusOf(error) === 404) return undefined;
        throw translate({ error, subject: `gs://${bucket}/${name}` });
      }
    },
    async write({ bucket, name, content, metadata, ifGeneration }) {
      const file = storage.bucket(bucket).file(name);
      try {
        const options: SaveOptions = {
          resumable: false,
          validation: 'md5',
          metadata: { metadata: { ...metadata } },
          preconditionOpts: { ifGenerationMatch: ifGeneration === 'absent' ? 0 : ifGeneration.generation },
        };
        // What its library tries again ends before a slow upload does.
        await triedAgain({
          times,
          work: async () => save({ file, content, options, times }),
          mayMend: (status) => status !== undefined && mayPass(status),
        });
      } catch (error) {
        if (statusOf(error) === 412) return 'conflict';
        throw translate({ error, subject: `gs://${bucket}/${name}` });
      }
      return { generation: objectSchema.pick({ generation: true }).parse(file.metadata).generation };
    },
  };
}

/** However large it is, an upload takes as long as it takes, while Storage goes on taking parts of it. */
async function save({
  file,
  content,
  options,
  times: { upload },
}: {
  file: File;
  content: Uint8Array;
  options: SaveOptions;
  times: StoragePatience;
}): Promise<void> {
  const end = Promise.withResolvers<never>();
  const timer = setTimeout(() => end.reject(silent(upload)), upload);
  // Each part is asked for when the one before it was taken; the last one, when all but it and what buffers hold was.
  function* parts(): Generator<Uint8Array> {
    for (let at = 0; at < content.length; at += partBytes) {
      timer.refresh();
      yield content.subarray(at, at + partBytes);
    }
  }
  try {
    await Promise.race([file.save(() => Readable.from(parts()), options), end.promise]);
  } finally {
    clearTimeout(timer);
  }
}
