import { createHash } from 'node:crypto';
import { access, glob, mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { unzipSync } from 'fflate';
import { build, built } from '../build/build.ts';
import { cacheFolder } from '../shared/adapters/cache-folder.ts';

export const root = resolve(import.meta.dirname, '..');
const sources = [
  '{build,cli,functions,shared,tools/render}/**/*',
  'tools/go.{mod,sum}',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'README.md',
  'LICENSE',
  'local/{go-build,programs}.ts',
];

const keptFor = 3 * 60 * 60_000;

/**
 * The folder of a build of exactly these sources, made now if the cache has none, without what only the image for other
 * processors needs. Builds that nobody asked for in three hours are thrown away: they take 120 MB each. Younger ones may be
 * what the tests of another checkout run.
 */
export async function ensureBuilt(): Promise<string> {
  const builds = join(cacheFolder(), 'built');
  const folder = join(builds, await keyOfSources());
  if (await exists(join(folder, built.sums))) {
    await utimes(folder, new Date(), new Date());
    return folder;
  }
  const unfinished = `${folder}.${process.pid}`;
  await build({ root, out: unfinished, targets: [] });
  await rm(folder, { recursive: true, force: true });
  await rename(unfinished, folder);
  for await (const other of glob('????????????????', { cwd: builds })) {
    // Another sweep may have taken it.
    const used = (await stat(join(builds, other)).catch(() => undefined))?.mtime.getTime() ?? 0;
    if (Date.now() - used > keptFor) await rm(join(builds, other), { recursive: true, force: true });
  }
  return folder;
}

/** Unpacks the functions' archive as a platform does, with the modes that it tells. */
export async function unpackArchive({ dist, into }: { dist: string; into: string }): Promise<void> {
  const archive = await readFile(join(dist, built.archive));
  const modes = modesOf(archive);
  for (const [path, content] of Object.entries(unzipSync(archive))) {
    await mkdir(dirname(join(into, path)), { recursive: true });
    await writeFile(join(into, path), content, { mode: (modes.get(path) ?? 0) & 0o777 });
  }
}

/**
 * What the central directory says (APPNOTE 4.3.12), which fflate does not hand on: 46 bytes and the name, an extra
 * field and a comment.
 */
export function modesOf(archive: Buffer): ReadonlyMap<string, number> {
  const modes = new Map<string, number>();
  const end = archive.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  let at = archive.readUInt32LE(end + 16);
  while (at < end) {
    const nameLength = archive.readUInt16LE(at + 28);
    modes.set(archive.toString('utf8', at + 46, at + 46 + nameLength), archive.readUInt32LE(at + 38) >>> 16);
    at += 46 + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
  return modes;
}

async function keyOfSources(): Promise<string> {
  const files: string[] = [];
  for await (const file of glob(sources, { cwd: root, withFileTypes: true }))
    if (file.isFile()) files.push(join(file.parentPath, file.name));
  const hash = createHash('sha256').update(process.version);
  for (const file of files.sort()) hash.update(`\0${file.slice(root.length)}\0`).update(await readFile(file));
  return hash.digest('hex').slice(0, 16);
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
