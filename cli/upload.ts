import { isAbsolute, normalize, relative, resolve } from 'node:path';
import { destinationOf, withoutArchiveEnding, type ArtifactId } from '../shared/source/artifact.ts';
import type { CommandResult } from './command-result.ts';
import { chooseClass, repositoryOf, type ClassOptions } from './choose-class.ts';
import { readBuild, type Build } from './ci-environment.ts';
import { CommandError } from './command-error.ts';
import type { Context } from './context.ts';
import { isToBeTriedAgain, wasRefused } from './await-upload.ts';
import { followUploads, type FollowOptions } from './follow-uploads.ts';
import { lookAt, readWhole } from './local-files.ts';
import { checkFile, packFolder } from './pack-folder.ts';
import { isSameUpload, md5Of } from '../shared/source/same-upload.ts';

export interface UploadOptions extends ClassOptions, FollowOptions {
  readonly as?: string;
  readonly commit?: string;
  readonly build?: string;
  readonly author?: string;
}

interface Prepared {
  readonly name: string;
  readonly content: Buffer;
  /** What is to be said of it before it is uploaded. */
  readonly warnings: readonly string[];
}

/** How often an upload is tried against others to the same name. */
const tries = 5;

/**
 * `converge upload FOLDER|FILE…`: exit code 0 where it became a commit and, with `--wait`, everything it affects
 * converged, which is one environment at least, unless that is allowed.
 */
export async function upload(
  context: Context,
  paths: readonly string[],
  options: UploadOptions,
): Promise<CommandResult> {
  const build = readBuild(context.environment);
  const repositoryClass = chooseClass({ context, options, build });
  const { bucket } = repositoryOf(context, repositoryClass);
  const prepared: Prepared[] = [];
  // Nothing is uploaded before all of it is known to be right.
  for (const path of paths) prepared.push(await prepare({ context, path, as: options.as, alone: paths.length === 1 }));
  const twice = prepared.find(({ name }, index) =>
    prepared.some((other, earlier) => earlier < index && other.name === name),
  );
  if (twice !== undefined) throw new CommandError({ subject: twice.name, message: 'is uploaded twice' });
  const metadata = metadataOf({ build, options });
  const artifacts: ArtifactId[] = [];
  const warnings = prepared.flatMap((one) => one.warnings);
  for (const warning of warnings) context.progress(warning);
  for (const { name, content } of prepared) {
    context.progress(`uploads gs://${bucket}/${name}`);
    artifacts.push(
      await put({ context, repositoryClass, bucket, name, content, metadata, waits: options.wait === true }),
    );
  }
  return await followUploads(context, { repositoryClass, artifacts, warnings, options });
}

/**
 * A folder becomes the atomic group `<path>.tgz`, a file is uploaded as it is, under its own path or the one that
 * `--as` gives.
 */
async function prepare({
  context,
  path,
  as,
  alone,
}: {
  context: Context;
  path: string;
  as: string | undefined;
  alone: boolean;
}): Promise<Prepared> {
  if (as !== undefined && !alone)
    throw new CommandError({ subject: '--as', message: 'names one folder or file, and there are several' });
  const found = await lookAt(resolve(context.folder, path), { called: path });
  const name = (as ?? placeOf({ context, path })).replace(/\/+$/, '');
  if (found.isDirectory()) {
    const target = withoutArchiveEnding(name);
    // Refused before it is read: `.` or a path that leaves the tree.
    destinationOf({ bucket: '', name: target, generation: '0' });
    const packed = await packFolder({ folder: resolve(context.folder, path), target, limits: context.config.limits });
    return { name: `${target}.tgz`, ...packed };
  }
  if (!found.isFile())
    throw new CommandError({
      subject: path,
      message: found.isSymbolicLink() ? 'is a link' : 'is no file',
      remedy: 'upload plain files and folders only',
    });
  const { limits } = context.config;
  if (found.size > limits.uploadBytes)
    throw new CommandError({
      subject: path,
      message: `is larger than ${limits.uploadBytes} bytes`,
      remedy: 'limits.uploadBytes of the configuration allows more',
    });
  const content = await readWhole(resolve(context.folder, path));
  return { name, content, warnings: checkFile({ path: name, content }) };
}

function placeOf({ context, path }: { context: Context; path: string }): string {
  const place = isAbsolute(path) ? relative(context.folder, path) : normalize(path);
  if (place === '' || place === '.' || place.startsWith('..') || isAbsolute(place)) {
    throw new CommandError({ subject: path, message: 'says no path in the repository', remedy: 'give --as PATH' });
  }
  return place.replaceAll('\\', '/');
}

function metadataOf({ build, options }: { build: Build; options: UploadOptions }): Readonly<Record<string, string>> {
  const said = [
    ['converge-commit', options.commit ?? build.commit],
    ['converge-build', options.build ?? build.build],
    ['converge-author', options.author ?? build.author],
  ] as const;
  return Object.fromEntries(
    said.flatMap(([key, value]) => (value === undefined || value === '' ? [] : [[key, value]])),
  );
}

/**
 * Writes the object once, however often it is asked to: what the bucket holds already from this very build is left as
 * it is, unless it was refused, or what is made of it has failed and is waited for: the cause may be mended since. Without a build nobody can tell a retry from a wish to
 * bring something back, and it is written anew.
 */
async function put({
  context,
  repositoryClass,
  bucket,
  name,
  content,
  metadata,
  waits,
}: Omit<Prepared, 'warnings'> & {
  context: Context;
  repositoryClass: string;
  bucket: string;
  metadata: Readonly<Record<string, string>>;
  waits: boolean;
}): Promise<ArtifactId> {
  const uploads = await context.open.uploads();
  const md5 = md5Of(content);
  for (let attempt = 0; attempt < tries; attempt++) {
    const live = await uploads.find({ bucket, name });
    if (live !== undefined && isSameUpload(live, { md5, metadata })) {
      const artifact = { bucket, name, generation: live.generation };
      // Our own write, whose answer was lost.
      if (attempt > 0) return artifact;
      const isOfBuild = metadata['converge-build'] !== undefined;
      const of = { ...artifact, repositoryClass };
      if (isOfBuild && !(await wasRefused(context, of))) {
        if (!waits || !(await isToBeTriedAgain(context, of))) return artifact;
        context.progress(
          `what is made of gs://${bucket}/${name} has failed: it is written once more, to be tried again`,
        );
      }
    }
    const written = await uploads.write({
      bucket,
      name,
      content,
      metadata,
      ifGeneration: live === undefined ? 'absent' : { generation: live.generation },
    });
    if (written !== 'conflict') return { bucket, name, generation: written.generation };
  }
  throw new CommandError({
    subject: `gs://${bucket}/${name}`,
    message: `was overwritten by somebody else during each of ${tries} tries`,
    exit: 1,
  });
}
