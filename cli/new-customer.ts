import { existsSync } from 'node:fs';
import { mkdir, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { environmentsFolder } from '../shared/environment/environment-file.ts';
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
import { actionSchema } from '../shared/pipeline/act/action.ts';
import { newCustomerAction, newCustomerSchema } from '../shared/pipeline/act/new-customer.ts';
import { changePorts, unannouncedLines } from './announcing.ts';
import { act, saidOf, type ActOptions } from './ask-act.ts';
import type { CommandResult, Line } from './command-result.ts';
import { CommandError } from './command-error.ts';
import type { Context } from './context.ts';
import { keyToActOn } from './declared-key.ts';
import { openLocalTree } from './local-tree.ts';
import { readWhole } from './local-files.ts';
import { withEscapes } from './manifest-yaml.ts';
import { unknownEnvironment } from './render.ts';

export interface NewCustomerOptions extends ActOptions {
  /** The environment of another customer. */
  readonly from: string;
  /** What the other customer is called in its files; absent: the first word of the environment's name. */
  readonly customer?: string;
  /** The checkout that is written into; absent: where the command was called, where that is one. */
  readonly workingTree?: string;
  /** On the branch, wherever the command was called. */
  readonly commit?: boolean;
}

/**
 * `converge new customer NAME --from ENVIRONMENT`: the files of another customer, with its name replaced. In a checkout they
 * are written there; elsewhere they are one commit on the branch.
 *
 * @param where.folder where the command was called
 * @param where.context opens the configuration
 */
export async function newCustomer(
  where: { readonly folder: string; readonly context: () => Context },
  name: string,
  options: NewCustomerOptions,
): Promise<CommandResult> {
  const { workingTree, commit = false, reason, ownRights } = options;
  if (workingTree !== undefined && commit)
    throw new CommandError({
      subject: '--working-tree',
      message: 'says where the files are written, and with --commit none is',
      remedy: 'give one of them',
    });
  const tree = commit ? undefined : (workingTree ?? checkoutAt(where.folder));
  if (tree === undefined) return await commitCustomer(openAnyhow(where), name, options);
  if (reason !== undefined || ownRights === true)
    throw new CommandError({
      subject: reason === undefined ? '--own-rights' : '--reason',
      message: 'is of a commit, and in a checkout none is made',
      remedy: 'leave it out, or have it committed with --commit',
    });
  return await writeCustomer(where.folder, name, { ...options, workingTree: tree });
}

/** What holds environments, or lies below what does. */
function checkoutAt(folder: string): string | undefined {
  for (let at = resolve(folder); ; at = dirname(at)) {
    if (existsSync(join(at, environmentsFolder))) return '.';
    if (at === dirname(at)) return undefined;
  }
}

function openAnyhow({ context }: { context: () => Context }): Context {
  try {
    return context();
  } catch (error) {
    if (!(error instanceof CommandError) || error.subject !== 'configuration') throw error;
    throw new CommandError({
      subject: '.',
      message: `holds no folder ${environmentsFolder}/, into which files could be written, and no configuration says where they could be committed`,
      remedy: 'name the root of a checkout with --working-tree DIR, or a configuration with --config FILE',
    });
  }
}

/** Writes files of the checkout and nothing else, and none that is there. */
async function writeCustomer(
  folder: string,
  name: string,
  options: NewCustomerOptions & { readonly workingTree: string },
): Promise<CommandResult> {
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
    json: {
      ...{
        outcome: dryRun ? 'planned' : 'written',
        repository: null,
        environment: plan.environment,
        from,
        files,
        left,
      },
      ...{ commit: null, message: null, announced: false },
    },
    lines: [
      ...(dryRun
        ? fileLines(files, 'would write')
        : fileLines(
            files.map((file) => ({ ...file, content: null })),
            'wrote',
          )),
      ...leftLines(left),
    ],
  };
}

function told(refusal: CustomerRefusal): CommandError {
  return new CommandError(refusal);
}

/** By one commit on the branch, through `act` or by the rights of whoever calls. */
async function commitCustomer(context: Context, name: string, options: NewCustomerOptions): Promise<CommandResult> {
  const from = await keyToActOn(context, options.from, options);
  const read = actionSchema.safeParse({
    ...{ action: 'new-customer', name, from, customer: options.customer, ...saidOf(options) },
  });
  if (!read.success || read.data.action !== 'new-customer') {
    const [issue] = read.error?.issues ?? [];
    const of = String(issue?.path[0]);
    throw new CommandError({
      subject: of === 'name' ? name : `--${of}`,
      message: of === 'name' ? `is no name of a customer: ${issue?.message ?? ''}` : (issue?.message ?? 'is wrong'),
    });
  }
  const action = read.data;
  context.progress(`adding ${name} to ${from.split('/')[0] ?? ''}`);
  const { unannounced, ...result } = await act(context, {
    ...{ action, options, schema: newCustomerSchema },
    own: async (by) => newCustomerAction(action, by, await changePorts(context)),
  });
  const { outcome, repository, environment, commit, message, files, left } = result;
  const what = `${repository}/${environment}`;
  const first: Readonly<Record<typeof outcome, Line>> = {
    done: { text: `${what} is added, by ${commit ?? ''}`, tone: 'good' },
    planned: { text: `${what} would be added`, tone: 'heading' },
    nothing: { text: `${what} is there already, with these files`, tone: 'plain' },
  };
  const words = { done: 'wrote', planned: 'would write', nothing: 'has' }[outcome];
  return {
    exit: 0,
    json: result,
    lines: [
      first[outcome],
      ...fileLines(files, words),
      ...(outcome === 'planned' ? textLines(message ?? '').map((text): Line => ({ text, tone: 'detail' })) : []),
      ...leftLines(left),
      ...unannouncedLines(unannounced),
    ],
  };
}

function fileLines(
  files: readonly { readonly path: string; readonly from: string; readonly content: string | null }[],
  words: string,
): Line[] {
  return files.flatMap(({ path, from, content }): Line[] => [
    { text: `${words} ${path} (from ${from})`, tone: 'good' },
    ...textLines(content ?? '').map((text): Line => ({ text, tone: 'plain' })),
  ]);
}

function textLines(text: string): string[] {
  if (text === '') return [];
  return text
    .trimEnd()
    .split('\n')
    .map((line) => `  ${withEscapes(line)}`);
}

function leftLines(left: readonly string[]): Line[] {
  if (left.length === 0) return [];
  return [
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
