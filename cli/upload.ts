import { createHash } from 'node:crypto';
import { isAbsolute, normalize, relative, resolve } from 'node:path';
import type { RepositoryConfig } from '../shared/config/config.ts';
import { branchName, branchPatterns, classesOfBranch } from '../shared/source/branches.ts';
import { artifactUri, destinationOf, withoutArchiveEnding, type ArtifactId } from '../shared/source/artifact.ts';
import type { CommandResult, Line } from './command-result.ts';
import { awaitCommit, awaitConvergence, type Outcome } from './await-upload.ts';
import { readBuild, type Build } from './ci-environment.ts';
import { CommandError } from './command-error.ts';
import type { Context } from './context.ts';
import { lookAt, readWhole } from './local-files.ts';
import { checkFile, packFolder } from './pack-folder.ts';

export interface UploadOptions {
  readonly branch?: string;
  readonly class?: string;
  readonly as?: string;
  readonly wait?: boolean;
  /** Milliseconds, for the commit and, with `wait`, for the convergence after it. */
  readonly timeout: number;
  readonly commit?: string;
  readonly build?: string;
  readonly author?: string;
}

interface Prepared {
  readonly name: string;
  readonly content: Buffer;
}

/** How often an upload is tried against others to the same name. */
const tries = 5;

/**
 * `converge upload FOLDER|FILE…`: exit code 0 where it became a commit and, with `--wait`, everything it affects
 * converged.
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
  for (const { name, content } of prepared) {
    context.progress(`uploads gs://${bucket}/${name}`);
    artifacts.push(await put({ context, bucket, name, content, metadata }));
  }
  const deadline = context.ports.now().getTime() + options.timeout;
  const commits = new Set<string>();
  for (const artifact of artifacts) commits.add(await awaitCommit(context, { repositoryClass, artifact, deadline }));
  const outcome = options.wait
    ? await awaitConvergence(context, { repositoryClass, commits: [...commits], deadline })
    : undefined;
  return {
    exit: outcome === undefined || outcome.failed.length + outcome.late.length === 0 ? 0 : 1,
    json: {
      repository: repositoryClass,
      artifacts,
      commits: [...commits],
      environments: outcome?.environments ?? null,
    },
    lines: linesOf({ repositoryClass, artifacts, commits: [...commits], outcome }),
  };
}

function repositoryOf({ config }: Context, repositoryClass: string): RepositoryConfig {
  const repository = config.repositories[repositoryClass];
  if (repository !== undefined) return repository;
  throw new CommandError({
    subject: `--class ${repositoryClass}`,
    message: 'is no repository of the configuration',
    remedy: `configured are ${Object.keys(config.repositories).sort().join(', ')}`,
  });
}

/** Throws `CommandError` with the rule where no class, or more than one, takes the branch. */
function chooseClass({ context, options, build }: { context: Context; options: UploadOptions; build: Build }): string {
  if (options.class !== undefined) return options.class;
  const ref = options.branch ?? build.branch;
  if (ref === undefined) {
    const silent = build.ci === undefined ? 'no CI says' : `${build.ci} does not say`;
    throw new CommandError({
      subject: '--branch',
      message: `is not given, and ${silent} which branch this is`,
      remedy: 'give --branch BRANCH, or --class CLASS',
    });
  }
  const branch = branchName(ref);
  const patterns = Object.fromEntries(
    Object.entries(context.config.repositories).map(([repositoryClass, { branches }]) => [
      repositoryClass,
      branchPatterns({ repositoryClass, configured: branches }),
    ]),
  );
  const classes = classesOfBranch({ branch, patterns });
  const [chosen] = classes;
  if (chosen !== undefined && classes.length === 1) return chosen;
  const rule = Object.entries(patterns)
    .map(([repositoryClass, taken]) => `${taken.join(', ') || 'none'} → ${repositoryClass}`)
    .join('; ');
  throw new CommandError({
    subject: `branch ${branch}`,
    message: classes.length === 0 ? 'is taken to no bucket' : `is taken to more than one: ${classes.join(', ')}`,
    remedy: `the rule is ${rule}; repositories.<class>.branches changes it, --class CLASS goes round it`,
  });
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
    return {
      name: `${target}.tgz`,
      content: await packFolder({ folder: resolve(context.folder, path), target, limits: context.config.limits }),
    };
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
  checkFile({ path: name, content });
  return { name, content };
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
 * it is. Without a build nobody can tell a retry from a wish to bring something back, and it is written anew.
 */
async function put({
  context,
  bucket,
  name,
  content,
  metadata,
}: Prepared & { context: Context; bucket: string; metadata: Readonly<Record<string, string>> }): Promise<ArtifactId> {
  const uploads = await context.open.uploads();
  const md5 = createHash('md5').update(content).digest('base64');
  for (let attempt = 0; attempt < tries; attempt++) {
    const live = await uploads.find({ bucket, name });
    const isSame =
      live !== undefined &&
      live.md5 === md5 &&
      Object.keys({ ...live.metadata, ...metadata }).every((key) => live.metadata[key] === metadata[key]);
    if (isSame && (metadata['converge-build'] !== undefined || attempt > 0))
      return { bucket, name, generation: live.generation };
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

function linesOf({
  repositoryClass,
  artifacts,
  commits,
  outcome,
}: {
  repositoryClass: string;
  artifacts: readonly ArtifactId[];
  commits: readonly string[];
  outcome: Outcome | undefined;
}): Line[] {
  return [
    ...artifacts.map((artifact) => ({ text: `uploaded  ${artifactUri(artifact)}`, tone: 'plain' as const })),
    ...commits.map((commit) => ({ text: `committed ${commit} (${repositoryClass})`, tone: 'plain' as const })),
    ...(outcome?.lines ?? []),
  ];
}
