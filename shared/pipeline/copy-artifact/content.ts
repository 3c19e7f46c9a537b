import { environmentOfPath, parseEnvironmentFile } from '../../environment/environment-file.ts';
import { ConvergeError } from '../../base/errors.ts';
import { archiveLimits, foldersOf, layOutArchive, type ArchivedFile } from '../../source/archive.ts';
import { archiveFormatOf, artifactUri, targetOf, type ArchiveFormat, type Target } from '../../source/artifact.ts';
import { triesAgainstOverwriting } from '../common/pauses.ts';
import type { CopyPorts, CopySettings } from './run.ts';
import type { StoredObject } from '../../ports/storage.ts';

/** An upload whose content is checked and here as Git objects; nothing of it is in memory. */
export interface CheckedUpload {
  readonly live: StoredObject;
  readonly target: Target;
  /** By their paths in the repository. */
  readonly files: readonly ArchivedFile[];
}

type ContentPorts = Pick<CopyPorts, 'buckets' | 'unpack' | 'repository'>;

/** No environment file is larger; one is parsed as a whole. */
const environmentFileBytes = 1_048_576;

/** Reads the live generation of an object, the given one or what replaced it meanwhile: undefined where it is gone. */
export async function readUpload({
  live: found,
  ports,
  settings,
}: {
  live: StoredObject;
  ports: ContentPorts;
  settings: CopySettings;
}): Promise<CheckedUpload | undefined> {
  let live: StoredObject | undefined = found;
  for (let attempt = 0; attempt < triesAgainstOverwriting && live !== undefined; attempt++) {
    const target = targetOf(live);
    if (live.bytes > settings.limits.uploadBytes) throw tooLarge({ live, settings });
    const packed = await ports.buckets.read(live);
    if (packed !== undefined) {
      const read = { live, path: target.path, content: packed, ports, settings };
      const format = archiveFormatOf(live.name);
      const files = format === undefined ? [await readFile(read)] : await readGroup({ ...read, format });
      return { live, target, files };
    }
    live = await ports.buckets.find(live);
  }
  if (live === undefined) return undefined;
  throw new ConvergeError({
    code: 'StorageUnavailable',
    subject: artifactUri(live),
    message: `was overwritten during each of ${triesAgainstOverwriting} reads`,
    disposition: 'retry',
  });
}

interface Reading {
  readonly live: StoredObject;
  readonly path: string;
  readonly content: AsyncIterable<Uint8Array>;
  readonly ports: ContentPorts;
  readonly settings: CopySettings;
}

/** Nothing is whole in memory but an environment file, and an object whose size shows at its end. */
async function readFile({ live, path, content, ports, settings }: Reading): Promise<ArchivedFile> {
  const repository = ports.repository(settings.repositoryClass);
  if (live.contentEncoding === undefined && environmentOfPath(path) === undefined) {
    return { path, blob: await repository.writeBlob({ bytes: live.bytes, chunks: content }), executable: false };
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of content) {
    bytes += chunk.length;
    if (bytes > settings.limits.uploadBytes) throw tooLarge({ live, settings });
    chunks.push(chunk);
  }
  const problem = environmentProblem({ path, chunks });
  if (problem !== undefined) throw problem;
  const blob = await repository.writeBlob({ bytes, chunks: each(chunks) });
  return { path, blob, executable: false };
}

async function readGroup({
  live,
  path: folder,
  content,
  format,
  ports,
  settings,
}: Reading & { format: ArchiveFormat }): Promise<readonly ArchivedFile[]> {
  const subject = artifactUri(live);
  const repository = ports.repository(settings.repositoryClass);
  /** By the path at which a file would be what it is refused for: whether a top folder falls away shows at the end. */
  const problems = new Map<string, unknown>();
  const files = await ports.unpack({
    format,
    packed: content,
    limits: archiveLimits({ packedBytes: live.bytes, limits: settings.limits }),
    subject,
    store: async ({ path, bytes, chunks }) => {
      const withoutTop = path.slice((foldersOf(path)[0]?.length ?? -1) + 1);
      const environments = [`${folder}/${path}`, `${folder}/${withoutTop}`].filter(
        (candidate) => environmentOfPath(candidate) !== undefined,
      );
      if (environments.length === 0) return repository.writeBlob({ bytes, chunks });
      const whole: Uint8Array[] = [];
      for await (const chunk of chunks) whole.push(chunk);
      for (const candidate of environments) {
        const problem = environmentProblem({ path: candidate, chunks: whole });
        if (problem !== undefined) problems.set(candidate, problem);
      }
      return repository.writeBlob({ bytes, chunks: each(whole) });
    },
  });
  const laidOut = layOutArchive({ files, subject }).map((file) => ({ ...file, path: `${folder}/${file.path}` }));
  for (const { path } of laidOut) if (problems.has(path)) throw problems.get(path);
  return laidOut;
}

/** Why an environment file is none, or undefined where it is one, or another file. */
function environmentProblem({ path, chunks }: { path: string; chunks: readonly Uint8Array[] }): unknown {
  if (environmentOfPath(path) === undefined) return undefined;
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  if (bytes > environmentFileBytes) {
    return new ConvergeError({
      code: 'InvalidEnvironment',
      subject: path,
      message: `is larger than ${environmentFileBytes} bytes`,
      disposition: 'refuse',
    });
  }
  try {
    parseEnvironmentFile({ file: path, text: Buffer.concat(chunks).toString('utf8') });
    return undefined;
  } catch (error) {
    return error;
  }
}

async function* each(chunks: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  yield* chunks;
}

function tooLarge({ live, settings }: { live: StoredObject; settings: CopySettings }): ConvergeError {
  return new ConvergeError({
    code: 'TooLarge',
    subject: artifactUri(live),
    message: `is larger than ${settings.limits.uploadBytes} bytes`,
    remedy: 'limits.uploadBytes of the configuration allows more',
    disposition: 'refuse',
  });
}
