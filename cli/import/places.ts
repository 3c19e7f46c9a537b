import type { Checkout } from './checkout.ts';

/** Of the clusters that the objects name, how each is called in the operator's configuration. */
export interface ClusterNames {
  /** Of those that name none. */
  readonly usual: string | undefined;
  readonly renamed: Readonly<Record<string, string>>;
}

/** What a cluster is called here; a name that the user gave takes its place. */
export function clusterNamed(name: string, { renamed }: ClusterNames): string {
  return Object.hasOwn(renamed, name) ? (renamed[name] ?? name) : name;
}

/** One address of a Git repository, however it is written. */
export function sameAddress(url: string): string {
  return url
    .replace(/^[a-z+]+:\/\//i, '')
    .replace(/^[^/@]*@/, '')
    .replace(/^([^/:]+):(?!\d+\/)/, '$1/')
    .replace(/\.git\/?$|\/$/, '')
    .toLowerCase();
}

/** Whether a repository that an object names is the one that is looked at. Where nobody knows, what is there decides. */
export function isThisRepository(
  { url, folder }: { url: string | undefined; folder: string },
  { checkout, home }: { checkout: Checkout; home: ReadonlySet<string> },
): boolean {
  const isThere = folder === '' || checkout.folders.has(folder) || checkout.paths.has(folder);
  if (url === undefined || home.size === 0 || home.has(sameAddress(url))) return isThere;
  // A fork has another address: a folder that is there is not there by chance.
  return folder !== '' && isThere;
}

export function withoutDots(path: string): string | undefined {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.join('/');
}

/** The cluster whose entry point a file is, by the folder `clusters/<name>/`. */
export function clusterOfFile(file: string): string | undefined {
  return /(?:^|\/)clusters?\/([^/]+)\//.exec(file)?.[1];
}
