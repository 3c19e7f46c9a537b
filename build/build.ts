import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import type { Platform } from '../local/go-build.ts';
import { ensureProgram, ensurePrograms, programNames, type Report } from '../local/programs.ts';
import { sumsFile } from '../local/shipped-programs.ts';
import { systemErrorCode } from '../local/local-error.ts';
import { billOfMaterials, licenses } from './bill-of-materials.ts';
import { bundleCommand } from './command.ts';
import { sorted, textFile, writeFiles, type ArchiveFile, type ArchiveFiles } from './files.ts';
import { bundleFunctions } from './functions.ts';
import { goLibraries } from './go-modules.ts';
import { packTarball, packZip } from './pack.ts';
import { npmLibraries } from './packages.ts';

/** What Cloud Functions run on, and whose renderer is in the archive. */
export const deployed: Platform = { os: 'linux', arch: 'amd64' };
/** For the image alone. */
const others: readonly Platform[] = [{ os: 'linux', arch: 'arm64' }];
/** What `npm start` runs on. */
const developers: readonly Platform[] = [
  { os: 'linux', arch: 'amd64' },
  { os: 'linux', arch: 'arm64' },
  { os: 'darwin', arch: 'amd64' },
  { os: 'darwin', arch: 'arm64' },
];

/** Paths below the folder that was built into. */
export const built = {
  /** What Cloud Functions takes, and the same unpacked. */
  archive: 'functions.zip',
  functions: 'functions',
  bill: 'functions.cdx.json',
  renderer: ({ os, arch }: Platform): string => `render/${os}-${arch}/render`,
  command: (version: string): string => `converge-${version}.tgz`,
  sums: sumsFile,
  /** What `CONVERGE_PROGRAMS` may name, with sums of its own. */
  programs: 'programs',
} as const;

export interface BuildOptions {
  readonly root: string;
  readonly out: string;
  readonly targets?: readonly Platform[];
  readonly report?: Report;
}

/**
 * Builds what is deployed and installed into a folder, which it empties before. The same sources give the same bytes,
 * wherever they lie, with the same versions of Node and Go.
 *
 * @param root the project, with its packages installed
 * @param targets what the renderer is built for, beside what the functions run on; absent: everything that the image is
 * made for
 *
 * Throws `LocalError` where Go is missing or the renderer does not build.
 */
export async function build({ root, out, targets = others, report = () => {} }: BuildOptions): Promise<void> {
  const { name, version } = z
    .object({ name: z.string(), version: z.string() })
    .parse(JSON.parse(await readFile(join(root, 'package.json'), 'utf8')));
  const license: ArchiveFile = { content: await readFile(join(root, 'LICENSE')) };
  const tools = join(root, 'tools');
  const renderers: [Platform, string][] = [];
  const renderer = await ensureProgram('render', { target: deployed, tools, report });
  renderers.push([deployed, renderer]);
  for (const target of targets) renderers.push([target, await ensureProgram('render', { target, tools, report })]);

  report('bundling the functions …');
  const functions = await bundleFunctions({ root, version });
  const libraries = [
    ...(await npmLibraries({ root, packages: functions.packages })),
    ...(await goLibraries({ program: renderer, source: join(tools, 'render') })),
  ];
  const bill = billOfMaterials({ name: 'converge-functions', version, libraries });
  const archive = new Map([
    ...functions.files,
    ...(await staticFiles(root)),
    ['bin/render', { content: await readFile(renderer), executable: true }],
    ['sbom.cdx.json', bill],
    ['LICENSE', license],
    ['licenses.txt', licenses(libraries)],
  ]);

  report('bundling the command …');
  const command = await bundleCommand({ root, name, version });
  const commandLibraries = await npmLibraries({ root, packages: command.packages });
  const commandPackage = new Map([
    ...command.files,
    ['sbom.cdx.json', billOfMaterials({ name: 'converge', version, libraries: commandLibraries })],
    ['LICENSE', license],
    ['licenses.txt', licenses(commandLibraries)],
  ]);

  report('packing …');
  const files = new Map<string, ArchiveFile>([
    [built.archive, { content: packZip(archive) }],
    [built.command(version), { content: await packTarball(commandPackage) }],
    [built.bill, bill],
  ]);
  for (const [target, program] of renderers)
    files.set(built.renderer(target), { content: await readFile(program), executable: true });
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  await writeFiles(join(out, built.functions), archive);
  await writeFiles(out, files);
  await writeFile(join(out, built.sums), sums(files));
  for (const [path, { content }] of sorted(files)) report(`${path}: ${(content.length / 1024 / 1024).toFixed(1)} MiB`);
}

/**
 * Builds what `npm start` runs, for each machine, into a folder of what is built for `CONVERGE_PROGRAMS`, and the sums
 * beside. It is some minutes for each; the folder is emptied before.
 *
 * @param targets absent: Linux and macOS on both processors
 */
export async function buildPrograms({
  root,
  out,
  targets = developers,
  report = () => {},
}: BuildOptions): Promise<void> {
  const folder = join(out, built.programs);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const lines: string[] = [];
  for (const target of targets) {
    report(`for ${target.os}/${target.arch}:`);
    const programs = await ensurePrograms({ target, tools: join(root, 'tools'), report });
    for (const program of programNames.map((name) => programs[name])) {
      await copyFile(program, join(folder, basename(program)));
      lines.push(
        `${createHash('sha256')
          .update(await readFile(program))
          .digest('hex')}  ${basename(program)}\n`,
      );
    }
  }
  await writeFile(join(folder, built.sums), lines.join(''));
}

/** `functions.yaml` is what `firebase deploy` reads. */
async function staticFiles(root: string): Promise<ArchiveFiles> {
  try {
    return new Map([['functions.yaml', textFile(await readFile(join(root, 'functions', 'functions.yaml'), 'utf8'))]]);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return new Map();
    throw error;
  }
}

/** As `sha256sum --check` reads it. */
function sums(files: ArchiveFiles): string {
  return sorted(files)
    .map(([path, { content }]) => `${createHash('sha256').update(content).digest('hex')}  ${path}\n`)
    .join('');
}
