import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { pack } from 'tar-stream';
import type { Limits } from '../shared/config/config.ts';
import { environmentOfPath, parseEnvironmentFile } from '../shared/environment/environment-file.ts';
import { ignoredBecause, mayBeIgnored } from '../shared/environment/ignored-file.ts';
import { safePath } from '../shared/source/artifact.ts';
import { CommandError } from './command-error.ts';
import { lookAt, namesIn, readWhole } from './local-files.ts';

const compress = promisify(gzip);
const epoch = new Date(0);

interface FolderFile {
  readonly path: string;
  readonly content: Uint8Array;
  readonly executable: boolean;
}

/**
 * A folder as a gzipped tar archive that is the same, byte for byte, wherever and whenever it is packed: sorted, of
 * nobody, from the epoch. All of its files are in it, whatever a `.gitignore` says.
 *
 * @param target the folder of the repository that it replaces
 * Throws `CommandError` for what cannot be read, for links, for what is no file, for an empty folder and for what is
 * beyond the limits; `UnsafePath` and `InvalidEnvironment` (refuse) for what `copyArtifact` would refuse.
 */
export async function packFolder({
  folder,
  target,
  limits,
}: {
  folder: string;
  target: string;
  limits: Limits;
}): Promise<{ readonly content: Buffer; readonly warnings: readonly string[] }> {
  const files = await readFolder({ folder, limits });
  const [first] = files;
  if (first === undefined)
    throw new CommandError({
      subject: folder,
      message: 'holds no file',
      remedy: 'to delete a folder, commit its deletion',
    });
  const chart = first.path.split('/')[0] ?? '';
  if (
    files.every(({ path }) => path.startsWith(`${chart}/`)) &&
    files.some(({ path }) => path === `${chart}/Chart.yaml`)
  ) {
    throw new CommandError({
      subject: folder,
      message: `holds nothing but the chart ${chart}, which would be taken for ${target} itself`,
      remedy: `upload ${join(folder, chart)} --as ${target}/${chart}`,
    });
  }
  const warnings = files.flatMap(({ path, content }) => checkFile({ path: `${target}/${path}`, content }));
  const archive = pack();
  for (const { path, content, executable } of files) {
    archive.entry(
      { name: path, mode: executable ? 0o755 : 0o644, mtime: epoch, uid: 0, gid: 0, uname: '', gname: '' },
      Buffer.from(content),
    );
  }
  archive.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive) if (chunk instanceof Uint8Array) chunks.push(chunk);
  const packed = await compress(Buffer.concat(chunks));
  // The tenth byte of gzip names the operating system (RFC 1952); 255 is none in particular.
  packed[9] = 255;
  return { content: packed, warnings };
}

/**
 * What the pipeline would refuse later, and elsewhere, is refused here and now. Returns what is to be said of a file
 * that it would take, and that nothing would come of.
 */
export function checkFile({ path, content }: { path: string; content: Uint8Array }): readonly string[] {
  safePath({ path, subject: path });
  const text = () => Buffer.from(content).toString('utf8');
  if (environmentOfPath(path) !== undefined) parseEnvironmentFile({ file: path, text: text() });
  const why = mayBeIgnored(path) ? ignoredBecause({ path, text: text() }) : undefined;
  return why === undefined ? [] : [`${path} ${why}`];
}

async function readFolder({ folder, limits }: { folder: string; limits: Limits }): Promise<FolderFile[]> {
  const files: { path: string; mode: number }[] = [];
  let bytes = 0;
  const walk = async (below: string): Promise<void> => {
    for (const name of await namesIn(join(folder, below))) {
      const path = below === '' ? name : `${below}/${name}`;
      const found = await lookAt(join(folder, path));
      if (found.isDirectory()) await walk(path);
      else if (!found.isFile())
        throw new CommandError({
          subject: join(folder, path),
          message: found.isSymbolicLink() ? 'is a link' : 'is no file',
          remedy: 'upload plain files and folders only',
        });
      else files.push({ path, mode: found.mode });
      bytes += found.isFile() ? found.size : 0;
      if (bytes > limits.uploadBytes)
        throw new CommandError({
          subject: folder,
          message: `is larger than ${limits.uploadBytes} bytes`,
          remedy: 'limits.uploadBytes of the configuration allows more',
        });
      if (files.length > limits.uploadFiles)
        throw new CommandError({
          subject: folder,
          message: `holds more than ${limits.uploadFiles} files`,
          remedy: 'limits.uploadFiles of the configuration allows more',
        });
    }
  };
  await walk('');
  const sorted = files.sort((a, b) => (a.path < b.path ? -1 : 1));
  const read: FolderFile[] = [];
  for (const { path, mode } of sorted)
    read.push({ path, content: await readWhole(join(folder, path)), executable: (mode & 0o111) !== 0 });
  return read;
}
