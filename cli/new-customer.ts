import { existsSync } from 'node:fs';
import { mkdir, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import {
  alreadyThere,
  makeCustomer,
  pathsToLookAt,
  planCustomer,
  type CustomerFile,
  type CustomerPlan,
  type CustomerRefusal,
  type Found,
} from '../shared/environment/new-customer.ts';
import type { CommandResult, Line } from './command-result.ts';
import { CommandError } from './command-error.ts';
import { openLocalTree } from './local-tree.ts';
import { readWhole } from './local-files.ts';
import { withEscapes } from './manifest-yaml.ts';
import { unknownEnvironment } from './render.ts';

export interface NewCustomerOptions {
  /** The environment of another customer. */
  readonly from: string;
  readonly workingTree: string;
  /** What the other customer is called in its files; absent: the first word of the environment's name. */
  readonly customer?: string;
  readonly dryRun?: boolean;
}

/**
 * `converge new customer NAME --from ENVIRONMENT`: the files of another customer, with its name replaced. Writes files of
 * the checkout and nothing else, and none that is there.
 *
 * @param folder where the command was called
 */
export async function newCustomer(folder: string, name: string, options: NewCustomerOptions): Promise<CommandResult> {
  const { workingTree, customer, dryRun = false } = options;
  const tree = await openLocalTree(resolve(folder, workingTree), { called: workingTree });
  const names = await tree.names();
  const from = options.from.slice(options.from.indexOf('/') + 1);
  const declared = names.includes(from) ? await tree.read(from) : { state: 'absent' as const };
  if (declared.state === 'invalid') throw declared.error;
  if (declared.state === 'absent') throw unknownEnvironment({ name: from, names, called: workingTree });
  const plan = planCustomer({ name, from: declared.environment, customer });
  if ('refused' in plan) throw told(plan.refused);
  const made = makeCustomer(plan, await lookInto(tree.folder, plan));
  if ('refused' in made) throw told(made.refused);
  const { files, isThere } = made;
  if (isThere) throw told(alreadyThere(files));
  if (!dryRun) await writeAll(tree.folder, files);
  const paths = files.map(({ path }) => path);
  const left = [
    ...made.left,
    `converge validate ${workingTree}`,
    `git add ${paths.join(' ')} && git commit, or upload them: neither Git's index nor a bucket was touched`,
  ];
  return {
    exit: 0,
    json: { outcome: dryRun ? 'planned' : 'written', environment: plan.environment, from, files, left },
    lines: linesOf({ files, left, isDry: dryRun }),
  };
}

function told(refusal: CustomerRefusal): CommandError {
  return new CommandError(refusal);
}

function linesOf({
  files,
  left,
  isDry,
}: {
  files: readonly CustomerFile[];
  left: readonly string[];
  isDry: boolean;
}): Line[] {
  const said = files.flatMap(({ path, from, content }): Line[] => [
    { text: `${isDry ? 'would write' : 'wrote'} ${path} (from ${from})`, tone: 'good' },
    ...(isDry
      ? content
          .trimEnd()
          .split('\n')
          .map((text): Line => ({ text: `  ${withEscapes(text)}`, tone: 'plain' }))
      : []),
  ]);
  return [
    ...said,
    { text: 'What is left:', tone: 'heading' },
    ...left.map((text): Line => ({ text: `  ${text}`, tone: 'plain' })),
  ];
}

/** A link within the checkout is what it leads to; one that leads nowhere is nothing. */
async function lookInto(root: string, plan: CustomerPlan): Promise<ReadonlyMap<string, Found>> {
  const found = new Map<string, Found>();
  const contents = new Set(plan.copies.flatMap(({ path, from }) => [path, from]));
  for (const path of pathsToLookAt(plan)) {
    const at = join(root, path);
    if (contents.has(path)) await refuseOutside({ root, path });
    const there = await stat(at).catch((error: unknown) => nothingOr(error, path));
    if (there === 'nothing' || there.isDirectory()) found.set(path, there === 'nothing' ? there : 'folder');
    else found.set(path, there.isFile() && contents.has(path) ? await readWhole(at) : 'other');
  }
  return found;
}

function nothingOr(error: unknown, path: string): 'nothing' {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'nothing';
  const why = error instanceof Error ? error.message.replace(/, \w+( '.*')?$/, '') : String(error);
  throw new CommandError({
    subject: path,
    message: `cannot be looked at: ${why}`,
    remedy: 'let the user that runs this read it, and enter the folders above it',
  });
}

/** What a link leads to outside is no file of the checkout: a copy of it would be committed, or a file written there. */
async function refuseOutside({ root, path }: { root: string; path: string }): Promise<void> {
  let there = join(root, path);
  while (!existsSync(there)) there = dirname(there);
  const [first] = relative(await realpath(root), await realpath(there)).split(sep);
  if (first !== '..') return;
  throw new CommandError({
    subject: path,
    message: 'leaves the checkout by a symbolic link',
    remedy: 'make it a file or a folder of the checkout',
  });
}

/** All or none, and none over a file that came there meanwhile. */
async function writeAll(root: string, files: readonly CustomerFile[]): Promise<void> {
  const written: string[] = [];
  for (const { path, content } of files)
    try {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), content, { flag: 'wx' });
      written.push(path);
    } catch (error) {
      for (const one of written) await rm(join(root, one));
      const why = error instanceof Error ? error.message.replace(/, \w+( '.*')?$/, '') : String(error);
      throw new CommandError({
        subject: path,
        message: `cannot be written, and nothing was: ${why}`,
        remedy: 'let the user that runs this write there; --dry-run shows what it would write',
        exit: 1,
      });
    }
}
