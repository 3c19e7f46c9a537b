import { mkdir, realpath, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { environmentPath, parseEnvironmentFile, type Environment } from '../shared/environment/environment-file.ts';
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

interface NewFile {
  readonly path: string;
  readonly from: string;
  readonly content: string;
}

/**
 * `converge new customer NAME --from ENVIRONMENT`: the files of another customer, with its name replaced. Writes files of
 * the checkout and nothing else, and none that is there.
 *
 * @param folder where the command was called
 */
export async function newCustomer(folder: string, name: string, options: NewCustomerOptions): Promise<CommandResult> {
  refuseNoLabel(name);
  const { workingTree } = options;
  const tree = await openLocalTree(resolve(folder, workingTree), { called: workingTree });
  const names = await tree.names();
  const from = options.from.slice(options.from.indexOf('/') + 1);
  if (!names.includes(from)) throw unknownEnvironment({ name: from, names, called: workingTree });
  const declared = await tree.read(from);
  if (declared.state === 'invalid') throw declared.error;
  if (declared.state === 'absent') throw unknownEnvironment({ name: from, names, called: workingTree });
  const customer = options.customer ?? customerOf(from);
  const rename = renaming({ customer, name });
  const environment = rename(from);
  if (environment === from)
    throw new CommandError({
      subject: from,
      message: customer === name ? `is the environment of ${name} already` : `does not hold ${customer} as a word`,
      remedy: 'say with --customer what the other customer is called in its files',
    });
  const files = await filesFor({ root: tree.folder, from, declared: declared.environment, environment, rename });
  const there = files.filter(({ path }) => existsSync(join(tree.folder, path))).map(({ path }) => path);
  if (there.length > 0)
    throw new CommandError({
      subject: there.join(', '),
      message: `${there.length === 1 ? 'is' : 'are'} there already, and nothing is overwritten`,
      remedy: 'choose another name, or remove it first',
    });
  if (options.dryRun !== true) await writeAll(tree.folder, files);
  const paths = files.map(({ path }) => path);
  const left = [
    ...stillNaming({ customer, name, files }),
    `converge validate ${workingTree}`,
    `git add ${paths.join(' ')} && git commit, or upload them: neither Git's index nor a bucket was touched`,
  ];
  return {
    exit: 0,
    json: { outcome: options.dryRun === true ? 'planned' : 'written', environment, from, files, left },
    lines: linesOf({ files, left, isDry: options.dryRun === true }),
  };
}

/** `ACME Ltd` and `acme_db` are other words: people decide. */
function stillNaming({
  customer,
  name,
  files,
}: {
  customer: string;
  name: string;
  files: readonly NewFile[];
}): string[] {
  const found = files.flatMap(({ path, content }) =>
    content
      .split('\n')
      .flatMap((text, index) =>
        text.toLowerCase().replaceAll(name, '').includes(customer.toLowerCase()) ? [`${path}:${index + 1}`] : [],
      ),
  );
  return found.length === 0
    ? []
    : [`look at what still speaks of ${customer}, in other letters or words: ${found.join(', ')}`];
}

function linesOf({
  files,
  left,
  isDry,
}: {
  files: readonly NewFile[];
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

/** Its name becomes part of others: of objects, whose names may be as long as a DNS label. */
function refuseNoLabel(name: string): void {
  if (/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) return;
  throw new CommandError({
    subject: name,
    message:
      'is no name of a customer: lower-case letters, digits and dashes, 63 at most, a letter or digit at both ends',
  });
}

/** `acme` of `acme-production`. */
function customerOf(environment: string): string {
  return environment.split('-')[0] ?? environment;
}

/** Replaces the name where it stands as a word: between dashes, slashes, dots, blanks, and at both ends of a text. */
function renaming({ customer, name }: { customer: string; name: string }): (text: string) => string {
  const word = customer.replace(/[^a-z0-9]/gi, '\\$&');
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}_])${word}(?![\\p{L}\\p{N}_])`, 'gu');
  return (text) => text.replace(pattern, () => name);
}

/** The environment's own file, and each values file that is the customer's by its path, and no other environment's. */
async function filesFor({
  root,
  from,
  declared,
  environment,
  rename,
}: {
  root: string;
  from: string;
  declared: Environment;
  environment: string;
  rename: (text: string) => string;
}): Promise<NewFile[]> {
  const path = environmentPath(environment);
  const values = declared.sources.flatMap((source) => (source.kind === 'helm' ? source.values : []));
  const own = [...new Set(values)].filter((file) => rename(file) !== file);
  const paths = declared.sources.flatMap((source) =>
    source.kind === 'helm' ? [source.chart] : [source.kind === 'kustomize' ? source.folder : source.path],
  );
  const folders = paths.filter((one) => rename(one) !== one && !existsSync(join(root, rename(one))));
  const [folder] = folders;
  if (folder !== undefined)
    throw new CommandError({
      subject: folder,
      message: `is ${from}'s own by its name, and ${rename(folder)} is not there`,
      remedy: `make it first: cp -r ${folder} ${rename(folder)}`,
    });
  const files = [{ path, from: environmentPath(from) }, ...own.map((file) => ({ path: rename(file), from: file }))];
  return await Promise.all(
    files.map(async (file) => {
      await refuseOutside({ root, path: file.from });
      await refuseOutside({ root, path: file.path });
      const content = rename((await readWhole(join(root, file.from))).toString('utf8'));
      // What it makes must be what an environment file may say: a name of 53 characters, say.
      if (file.path === path) parseEnvironmentFile({ file: path, text: content });
      return { ...file, content };
    }),
  );
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
async function writeAll(root: string, files: readonly NewFile[]): Promise<void> {
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
