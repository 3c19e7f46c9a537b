import { z } from 'zod';
import type { Stage } from './stage.ts';
import type { Damage, StateObject } from './plan.ts';
import type { Place } from './declared.ts';

/** What the state bucket held at a moment, by path. */
export type Kept = ReadonlyMap<string, Buffer>;

/** More than is read of any object. */
const largeBytes = 100 * 2 ** 20;

const bucketOf = ({ pipeline }: Stage) => pipeline.clients.storage.bucket(pipeline.stateBucket);

/** All of it, so that an older content can be put back. */
export async function keepState(stage: Stage): Promise<Kept> {
  const [files] = await bucketOf(stage).getFiles();
  const kept = await Promise.all(
    files.map(async (file) => {
      try {
        return [[file.name, (await file.download())[0]] as const];
      } catch {
        // Deleted since it was listed.
        return [];
      }
    }),
  );
  return new Map(kept.flat());
}

/** Damages one object of the state bucket, past all proxies; resolves with its path, or undefined where nothing could be done. */
export async function damageState(
  stage: Stage,
  { object, place, damage, kept }: { object: StateObject; place: Place; damage: Damage; kept: Kept },
): Promise<string | undefined> {
  const path = await pathOf(stage, { object, place });
  const file = bucketOf(stage).file(path);
  if (damage === 'deleted') {
    await file.delete({ ignoreNotFound: true });
    return path;
  }
  const content = await contentOf(damage, { older: kept.get(path), now: () => file.download() });
  if (content === undefined) return undefined;
  await file.save(content, { resumable: false });
  return path;
}

async function contentOf(
  damage: Exclude<Damage, 'deleted'>,
  { older, now }: { older: Buffer | undefined; now: () => Promise<[Buffer]> },
): Promise<Buffer | string | undefined> {
  switch (damage) {
    case 'empty':
      return '';
    case 'null':
    case '[]':
      return damage;
    case 'other JSON':
      return '{"version":99,"holder":{"is":"nobody"},"told":[1]}';
    case 'older':
      return older;
    case 'large':
      return Buffer.alloc(largeBytes, ' ');
    case 'half':
    case 'newer': {
      const [content] = await now().catch(() => [undefined]);
      if (content === undefined) return undefined;
      return damage === 'half' ? content.subarray(0, content.length >> 1) : ofNewerVersion(content);
    }
  }
}

/** As a version of the product that does not exist yet may write it; undefined where there is nothing to go by. */
function ofNewerVersion(content: Buffer): string | undefined {
  try {
    const known = z.looseObject({}).parse(JSON.parse(content.toString()));
    return JSON.stringify({ ...known, version: 99, since: { later: true } });
  } catch {
    return undefined;
  }
}

async function pathOf(
  stage: Stage,
  { object, place: { name } }: { object: StateObject; place: Place },
): Promise<string> {
  switch (object) {
    case 'memory':
    case 'lease':
      return `environments/master/${name}/${object}.json`;
    case 'quarantine':
      return `quarantine/master/${name}.json`;
    case 'heads':
    case 'ledger':
      return `${object}/master.json`;
    case 'intake':
      return 'intake/master/lease.json';
    case 'deliveries': {
      const [files] = await bucketOf(stage).getFiles({ prefix: 'deliveries/' });
      return files.at(-1)?.name ?? 'deliveries/github/none.json';
    }
  }
}
