import { environmentSuspensionWords } from './suspension.ts';
import { environmentPath, parseEnvironmentFile, type Environment } from './environment-file.ts';

/** Its name becomes part of others: of objects, whose names may be as long as a DNS label. */
export const customerNamePattern = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
export const customerNameExpected = 'lower-case letters, digits and dashes, 63 at most, a letter or digit at both ends';

/** What all files of a new customer may be together: they are held in memory, and shown. */
const mostBytes = 8 << 20;
const mostFiles = 100;
/** How many lines are named that still speak of the other customer. */
const mostSpeaking = 20;

/** Why there can be no files, for whoever asked for them. */
export interface CustomerRefusal {
  readonly subject: string;
  readonly message: string;
  readonly remedy: string;
}
interface Refused {
  readonly refused: CustomerRefusal;
}

/** Paths from the root of the tree. */
interface Copy {
  readonly path: string;
  readonly from: string;
}

export interface CustomerPlan {
  readonly name: string;
  /** What the other customer is called in its files. */
  readonly customer: string;
  /** The new one's. */
  readonly environment: string;
  /** The environment file first, and then each values file that is the customer's by its path. */
  readonly copies: readonly Copy[];
  /** What must be there already: charts, overlays and manifests that are the customer's by their paths. */
  readonly needed: readonly Copy[];
}

export interface CustomerFile extends Copy {
  readonly content: string;
}

/** What a tree has at a path: a file's bytes, or what is none (a link, a submodule). */
export type Found = Uint8Array | 'nothing' | 'folder' | 'other';

/**
 * Which files a customer takes, made from those of another one: its environment file, and the values files that are the
 * other customer's by their paths. A name is replaced where it stands as a word: between dashes, slashes, dots, blanks, and at
 * both ends of a text.
 *
 * @param from an environment of the other customer's
 * @param customer what that one is called in its files; undefined: the first word of the environment's name
 */
export function planCustomer({
  name,
  from,
  customer = firstWordOf(from.name),
}: {
  name: string;
  from: Environment;
  customer?: string | undefined;
}): CustomerPlan | Refused {
  if (!customerNamePattern.test(name))
    return refused(name, `is no name of a customer: ${customerNameExpected}`, 'choose another name');
  const rename = renaming({ customer, name });
  const environment = rename(from.name);
  if (customer === '' || environment === from.name)
    return refused(
      from.name,
      customer === name ? `is the environment of ${name} already` : `does not hold ${customer} as a word`,
      'say with --customer what the other customer is called in its files',
    );
  const claimed = from.previousNames.find((one) => rename(one) === one);
  if (claimed !== undefined)
    return refused(
      environmentPath(from.name),
      `says that it was called ${claimed} before: a copy would take what is its own for the new customer's`,
      'take previousNames out of it once it has converged under its own name',
    );
  const named = (paths: readonly string[]): Copy[] =>
    [...new Set(paths)].map((path) => ({ path: rename(path), from: path })).filter((copy) => copy.path !== copy.from);
  const values = from.sources.flatMap((source) => (source.kind === 'helm' ? source.values : []));
  const others = from.sources.map((source) =>
    source.kind === 'helm' ? source.chart : source.kind === 'kustomize' ? source.folder : source.path,
  );
  const copies = [{ path: environmentPath(environment), from: environmentPath(from.name) }, ...named(values)];
  if (copies.length > mostFiles)
    return refused(
      environmentPath(from.name),
      `has more than ${mostFiles - 1} values files of ${customer}'s own`,
      'copy them by hand',
    );
  const twice = copies.find(({ path }, index) => copies.findIndex((one) => one.path === path) < index);
  if (twice !== undefined)
    return refused(twice.path, `would be made from two files of ${from.name}`, 'choose another name');
  return { name, customer, environment, copies, needed: named(others) };
}

/** All paths of a tree that `makeCustomer` asks for. */
export function pathsToLookAt({ copies, needed }: CustomerPlan): string[] {
  const paths = [
    ...copies.flatMap(({ path, from }) => [from, path, ...foldersAbove(path)]),
    ...needed.map(({ path }) => path),
  ];
  return [...new Set(paths)];
}

/**
 * The files of a new customer, of which a tree has none; `isThere`: it has all of them as they would be made. Throws
 * `InvalidEnvironment` (refuse) where the name makes others that an environment file may not say.
 *
 * @param tree what is at each of `pathsToLookAt`
 */
export function makeCustomer(
  plan: CustomerPlan,
  tree: ReadonlyMap<string, Found>,
): Refused | { readonly isThere: boolean; readonly files: readonly CustomerFile[]; readonly left: readonly string[] } {
  const at = (path: string): Found => tree.get(path) ?? 'nothing';
  const missing = plan.needed.find(({ path }) => at(path) === 'nothing');
  if (missing !== undefined)
    return refused(
      missing.from,
      `is ${plan.customer}'s own by its name, and ${missing.path} is not there`,
      `make it first: cp -r ${missing.from} ${missing.path}`,
    );
  const rename = renaming(plan);
  const files: CustomerFile[] = [];
  let bytes = 0;
  for (const { path, from } of plan.copies) {
    const found = at(from);
    if (typeof found === 'string')
      return refused(
        from,
        found === 'nothing' ? 'is not there' : 'is no file: a link, a folder or a submodule',
        found === 'nothing' ? 'see which values files the environment file names' : 'make it a file',
      );
    const text = textOf(found);
    if (text === undefined)
      return refused(from, 'is no text in UTF-8, in which a name could be replaced', 'copy it by hand');
    bytes += found.length;
    if (bytes > mostBytes)
      return refused(from, `and those before it are more than ${mostBytes} bytes`, 'copy them by hand');
    files.push({ path, from, content: rename(text) });
  }
  const [declaration] = files;
  const made = declaration && parseEnvironmentFile({ file: declaration.path, text: declaration.content });
  const there = files.filter(({ path }) => at(path) !== 'nothing');
  const isThere = files.every(({ path, content }) => isSame(at(path), content));
  if (there.length > 0 && !isThere) return { refused: alreadyThere(there) };
  for (const { path } of files) {
    const above = foldersAbove(path).find((folder) => at(folder) !== 'nothing' && at(folder) !== 'folder');
    if (above !== undefined) return refused(above, `is no folder, and ${path} would be in it`, 'choose another name');
  }
  return { isThere, files, left: [...(made === undefined ? [] : stillSuspended(made)), ...stillSpeaking(plan, files)] };
}

export function alreadyThere(files: readonly Pick<Copy, 'path'>[]): CustomerRefusal {
  return {
    subject: files.map(({ path }) => path).join(', '),
    message: `${files.length === 1 ? 'is' : 'are'} there already, and nothing is overwritten`,
    remedy: 'choose another name, or remove it first',
  };
}

/** A repair of the other customer's is none of the new one's, and a maintenance of all may be. */
function stillSuspended({ name, ...said }: Environment): string[] {
  const { suspend, suspendUntil: until, suspendReason: reason } = said;
  if (!suspend && until === undefined) return [];
  const words = environmentSuspensionWords({
    ...(until === undefined ? {} : { until }),
    ...(reason === undefined ? {} : { reason }),
  });
  return [`${environmentPath(name)} says ${words}, as the other one's does: converge resume ${name} ends that`];
}

/** `ACME Ltd` and `acme_db` are other words: people decide. */
function stillSpeaking({ customer, name }: CustomerPlan, files: readonly CustomerFile[]): string[] {
  const found = files.flatMap(({ path, content }) =>
    content
      .split('\n')
      .flatMap((text, index) =>
        text.toLowerCase().replaceAll(name, '').includes(customer.toLowerCase()) ? [`${path}:${index + 1}`] : [],
      ),
  );
  if (found.length === 0) return [];
  const more = found.length > mostSpeaking ? `, and ${found.length - mostSpeaking} more` : '';
  const named = found.slice(0, mostSpeaking).join(', ');
  return [`look at what still speaks of ${customer}, in other letters or words: ${named}${more}`];
}

/** `acme` of `acme-production`. */
function firstWordOf(environment: string): string {
  return environment.split('-')[0] ?? environment;
}

function renaming({ customer, name }: { customer: string; name: string }): (text: string) => string {
  const word = customer.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}_])${word}(?![\\p{L}\\p{N}_])`, 'gu');
  return (text) => text.replace(pattern, () => name);
}

function foldersAbove(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_part, index) => parts.slice(0, index + 1).join('/'));
}

/** Undefined for what is no UTF-8: of its bytes some would be lost. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function isSame(found: Found, content: string): boolean {
  return typeof found !== 'string' && textOf(found) === content;
}

function refused(subject: string, message: string, remedy: string): Refused {
  return { refused: { subject, message, remedy } };
}
