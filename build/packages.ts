import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/** A library whose code is in what is built. */
export interface Library {
  readonly from: 'npm' | 'go';
  readonly name: string;
  readonly version: string;
  /** An SPDX expression, or whatever its publisher says. */
  readonly license: string;
  /** Of the published package, in hexadecimal; npm's lock file tells it. */
  readonly sha512?: string;
  /** Of the module, as `go.sum` tells it: `h1:…`. */
  readonly goSum?: string;
  /** Its licence and notice files, one after the other; empty where it brings none. */
  readonly licenseText: string;
}

const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({ version: z.string(), integrity: z.string(), license: z.string().optional() }).partial(),
  ),
});
const packageSchema = z.object({ name: z.string(), version: z.string(), license: z.unknown() });

/**
 * What the lock file and the installed packages say of them, each version once.
 *
 * @param packages as the lock file names them: `node_modules/a/node_modules/b`
 * Throws where one is not what the lock file says it is.
 */
export async function npmLibraries({
  root,
  packages,
}: {
  root: string;
  packages: ReadonlySet<string>;
}): Promise<Library[]> {
  const lock = lockSchema.parse(JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')));
  const libraries = await Promise.all(
    [...packages].sort().map(async (path): Promise<Library> => {
      const folder = join(root, path);
      const installed = packageSchema.parse(JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')));
      const locked = lock.packages[path];
      if (locked?.version !== installed.version)
        throw new Error(`${path} is installed as ${installed.version} and locked as ${locked?.version}: run npm ci`);
      const license = typeof installed.license === 'string' ? installed.license : locked.license;
      return {
        from: 'npm',
        name: installed.name,
        version: installed.version,
        license: license ?? 'unknown',
        ...(locked.integrity?.startsWith('sha512-')
          ? { sha512: Buffer.from(locked.integrity.slice('sha512-'.length), 'base64').toString('hex') }
          : {}),
        licenseText: await licenseTextOf(folder),
      };
    }),
  );
  // One version may be installed several times, below those that need it.
  return [...new Map(libraries.map((library) => [`${library.name} ${library.version}`, library])).values()];
}

/** The text of the files in a folder that are called like a licence. */
export async function licenseTextOf(folder: string): Promise<string> {
  const names = (await readdir(folder))
    .filter((name) => /^(licen[cs]e|copying|notice)([.-][\w.-]*)?$/i.test(name) && !/\.(js|ts|go|json)$/.test(name))
    .sort();
  return (await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8'))))
    .map((text) => text.replaceAll('\r\n', '\n').trim())
    .join('\n\n');
}
