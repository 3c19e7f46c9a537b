import { readFile, writeFile } from 'node:fs/promises';
import { dump, load } from 'js-yaml';
import { z } from 'zod';
import { startProxy } from '../../local/fronts/proxy.ts';
import { limitWrites } from '../../local/fronts/write-limit.ts';
import { noCalls, withStateCall, type CallCounts } from './call-counts.ts';

/** A proxy in front of Storage, which counts, and may hold Cloud Storage's limit of one write a second of one name. */
export interface StorageFront {
  /** Path of the configuration that leads through it. */
  readonly config: string;
  hold(limit: 'one write a second' | 'none'): void;
  /** Requests so far; those that it refused are among them. */
  counts(): CallCounts;
  stop(): Promise<void>;
}

const configSchema = z.looseObject({ storage: z.looseObject({ endpoint: z.string() }) });

/** @param config path of the configuration that leads to Storage itself */
export async function openStorageFront(config: string): Promise<StorageFront> {
  const parsed = configSchema.parse(load(await readFile(config, 'utf8')));
  let limit = limitWrites();
  let isHeld = false;
  let counts = noCalls;
  const proxy = await startProxy({
    target: parsed.storage.endpoint,
    decide(asked) {
      counts = withStateCall(counts, asked);
      const refusal = isHeld ? limit.refusalOf(asked) : undefined;
      return refusal === undefined ? { fault: 'none' } : { fault: 'answer', ...refusal };
    },
    pass(answered, asked) {
      limit.note(answered, asked);
      return answered;
    },
  });
  const file = config.replace(/\.yaml$/, '-through-proxy.yaml');
  await writeFile(file, dump({ ...parsed, storage: { ...parsed.storage, endpoint: proxy.url } }));
  return {
    config: file,
    hold(wanted) {
      isHeld = wanted === 'one write a second';
      limit = limitWrites();
    },
    counts: () => counts,
    stop: proxy.stop,
  };
}
