import type { Storage } from '@google-cloud/storage';
import { z } from 'zod';
import type { Uploads } from '../ports/storage.ts';
import { statusOf, translate } from './storage.ts';

const digits = z.union([z.string().regex(/^\d+$/), z.int().nonnegative().transform(String)]);
const objectSchema = z.object({
  generation: digits,
  size: z.coerce.number().int(),
  timeCreated: z.coerce.date(),
  md5Hash: z.string().optional(),
  metadata: z.record(z.string(), z.string()).default({}),
});

/** The buckets as CI writes to them. Throws `StorageUnavailable` (retry) or `StorageRefused` (refuse). */
export function createUploads(storage: Storage): Uploads {
  return {
    async find({ bucket, name }) {
      try {
        const [found] = await storage.bucket(bucket).file(name).getMetadata();
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
        await file.save(Buffer.from(content.buffer, content.byteOffset, content.byteLength), {
          resumable: false,
          validation: 'md5',
          metadata: { metadata: { ...metadata } },
          preconditionOpts: { ifGenerationMatch: ifGeneration === 'absent' ? 0 : ifGeneration.generation },
        });
      } catch (error) {
        if (statusOf(error) === 412) return 'conflict';
        throw translate({ error, subject: `gs://${bucket}/${name}` });
      }
      return { generation: objectSchema.pick({ generation: true }).parse(file.metadata).generation };
    },
  };
}
