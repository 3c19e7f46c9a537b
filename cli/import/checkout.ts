import { readdir, readFile, realpath } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { CommandError } from '../command-error.ts';
import { lookAt, namesIn } from '../local-files.ts';
import { readDocuments, type Document, type Unread } from './documents.ts';

/** The files of a folder, all paths from it with `/`. */
export interface Checkout {
  /** Every file, whatever it holds. */
  readonly paths: ReadonlySet<string>;
  /** Every folder, itself (`''`) among them. */
  readonly folders: ReadonlySet<string>;
  /** What lies directly in a folder: the paths of files and of folders, sorted. */
  readonly inFolder: ReadonlyMap<string, { readonly files: string[]; readonly folders: string[] }>;
  /** The text of what is YAML or JSON by its name, or a kustomization. */
  readonly texts: ReadonlyMap<string, string>;
  /** Links, and where each leads in words. None is followed. */
  readonly links: readonly { readonly file: string; readonly isInside: boolean }[];
  /** The addresses of the Git repository's remotes; empty where it is none. */
  readonly remotes: readonly string[];
  documents(file: string): readonly Document[];
  unread(file: string): readonly Unread[];
}

/** Throws `CommandError` (2) where the folder, or a file of it, is not there or may not be read. */
export async function readCheckout(folder: string, { called }: { called: string }): Promise<Checkout> {
  if (!(await lookAt(folder, { called })).isDirectory())
    throw new CommandError({ subject: called, message: 'is no folder', remedy: 'name the folder of a checkout' });
  const paths = new Set<string>();
  const folders = new Set(['']);
  const texts = new Map<string, string>();
  const links: { file: string; isInside: boolean }[] = [];
  const root = await realpath(folder);
  await namesIn(root);
  const inFolder = new Map<string, { files: string[]; folders: string[] }>();
  const walk = async (below: string): Promise<void> => {
    const here = { files: [] as string[], folders: [] as string[] };
    inFolder.set(below, here);
    const entries = await readdir(join(root, below), { withFileTypes: true }).catch((error: unknown) => {
      throw unreadable(below, error);
    });
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.name === '.git') continue;
      if (entry.isSymbolicLink()) links.push({ file: path, isInside: await leadsInside(root, path) });
      else if (entry.isDirectory()) {
        folders.add(path);
        here.folders.push(path);
        await walk(path);
      } else if (entry.isFile()) {
        paths.add(path);
        here.files.push(path);
        if (/\.(ya?ml|json)$/i.test(path) || entry.name === 'Kustomization')
          texts.set(
            path,
            await readFile(join(root, path), 'utf8').catch((error: unknown) => {
              throw unreadable(path, error);
            }),
          );
      }
    }
  };
  await walk('');
  const config = await readFile(join(root, '.git/config'), 'utf8').catch(() => '');
  const remotes = [...config.matchAll(/^\s*url\s*=\s*(\S+)/gm)].flatMap(([, url]) => url ?? []);
  return { paths, folders, inFolder, texts, links, remotes, ...readerOf(texts) };
}

function readerOf(texts: ReadonlyMap<string, string>): Pick<Checkout, 'documents' | 'unread'> {
  const read = new Map<string, ReturnType<typeof readDocuments>>();
  const of = (file: string): ReturnType<typeof readDocuments> => {
    const known = read.get(file) ?? readDocuments({ file, text: texts.get(file) ?? '' });
    read.set(file, known);
    return known;
  };
  return { documents: (file) => of(file).documents, unread: (file) => of(file).unread };
}

async function leadsInside(root: string, path: string): Promise<boolean> {
  const target = await realpath(join(root, path)).catch(() => undefined);
  if (target === undefined) return false;
  const from = relative(root, resolve(target));
  return from !== '..' && !from.startsWith('../');
}

function unreadable(path: string, error: unknown): CommandError {
  return new CommandError({
    subject: path === '' ? 'the folder' : path,
    message: `cannot be read: ${error instanceof Error ? error.message.replace(/, \w+( '.*')?$/, '') : String(error)}`,
    remedy: 'let the user that runs this read it, and enter the folders above it',
  });
}
