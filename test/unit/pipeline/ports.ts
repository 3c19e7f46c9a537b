import { ConvergeError, type ErrorCode, type ErrorFacts } from '../../../shared/base/errors.ts';
import type { OutgoingEvent, Topic } from '../../../shared/events/cloud-event.ts';
import type { Log } from '../../../shared/ports/ports.ts';
import type { Topics } from '../../../shared/ports/messages.ts';
import type { Signatures } from '../../../shared/ports/signatures.ts';
import type { Commit, Repository, TreeEntry } from '../../../shared/ports/git.ts';
import type { StateStore } from '../../../shared/ports/storage.ts';

/** Whether a path is a folder's file of that name, in which `*` is any text. */
function isNamed(path: string, file: string): boolean {
  const [folder = '', name = '', ...deeper] = path.split('/');
  const [before = '', after] = file.split('*');
  const fits = after === undefined ? name === file : name.startsWith(before) && name.endsWith(after);
  return folder !== '' && deeper.length === 0 && fits;
}

/*
 * Ports for tests of single stages, as small as the ports are. The whole pipeline is tested on the real parts only.
 */

/** A clock that stands until it is moved. */
export function clockAt(start: string): { now: () => Date; forward: (seconds: number) => void } {
  let time = new Date(start).getTime();
  return {
    now: () => new Date(time),
    forward: (seconds) => {
      time += seconds * 1000;
    },
  };
}

/** A map with generations. `storageNow` is Storage's clock, which is not the caller's. */
export function stateInMemory(storageNow: () => Date): StateStore & {
  readonly objects: ReadonlyMap<string, unknown>;
  /** What is at a path, undefined where nothing is, or nobody can read it. */
  valueAt(path: string): unknown;
  /** Puts something that is no state of Converge at a path: no JSON, or more than is read. */
  spoil(path: string, text: string): void;
  /** What is written at a path, as JSON. */
  textAt(path: string): string | undefined;
} {
  const objects = new Map<
    string,
    { text: string; generation: number; writtenAt: Date; metadata: Readonly<Record<string, string>> }
  >();
  let generations = 0;
  return {
    get objects() {
      return new Map([...objects].map(([path, { text }]) => [path, JSON.parse(text) as unknown]));
    },
    valueAt(path) {
      const content = contentOf(objects.get(path)?.text ?? '');
      return 'value' in content ? content.value : undefined;
    },
    spoil(path, text) {
      generations += 1;
      objects.set(path, { text, generation: generations, writtenAt: storageNow(), metadata: {} });
    },
    textAt: (path) => objects.get(path)?.text,
    async read(path) {
      const found = objects.get(path);
      if (found === undefined) return undefined;
      return {
        ...contentOf(found.text),
        generation: String(found.generation),
        writtenAt: found.writtenAt,
        readAt: storageNow(),
      };
    },
    async generationOf(path) {
      const found = objects.get(path);
      return found === undefined ? undefined : String(found.generation);
    },
    async write({ path, value, ifGeneration, metadata = {} }) {
      const live = objects.get(path);
      if (ifGeneration === 'absent' && live !== undefined) return 'conflict';
      if (typeof ifGeneration === 'object' && String(live?.generation) !== ifGeneration.generation) return 'conflict';
      generations += 1;
      objects.set(path, { text: JSON.stringify(value), generation: generations, writtenAt: storageNow(), metadata });
      return { generation: String(generations) };
    },
    async list(prefix, file) {
      const isListed = (path: string): boolean =>
        path.startsWith(prefix) && (file === undefined || isNamed(path.slice(prefix.length), file));
      return [...objects]
        .flatMap(([path, { text, generation, writtenAt: updatedAt, metadata }]) =>
          isListed(path)
            ? [{ path, generation: String(generation), bytes: Buffer.byteLength(text), updatedAt, metadata }]
            : [],
        )
        .sort((a, b) => (a.path < b.path ? -1 : 1));
    },
    async delete({ path, generation }) {
      const live = objects.get(path);
      if (live !== undefined && String(live.generation) !== generation) return 'conflict';
      objects.delete(path);
      return 'deleted';
    },
  };
}

/** As the adapter reads it. */
function contentOf(text: string): { readonly value: unknown } | { readonly unreadable: string } {
  if (text.length > 64 * 2 ** 20) return { unreadable: 'is larger than 64 MiB' };
  try {
    return { value: JSON.parse(text) };
  } catch {
    return { unreadable: text === '' ? 'is empty' : 'is no JSON' };
  }
}

export interface Published {
  readonly topic: Topic;
  readonly event: OutgoingEvent;
}

export function recordingTopics(): Topics & { readonly published: readonly Published[] } {
  const published: Published[] = [];
  return { published, publish: async (topic, event) => void published.push({ topic, event }) };
}

export function recordingLog(): Log & { readonly lines: readonly string[] } {
  const lines: string[] = [];
  const log: Log = (severity, message) => void lines.push(`${severity} ${message}`);
  return Object.assign(log, { lines });
}

/** Nobody wants signatures. */
export const noSignatures: Signatures = {
  trustRoot: async () => undefined,
  verifyOpenpgp: async () => ({ verdict: 'bad', key: 'unknown', why: 'is not an allowed key' }),
  problemOfOpenpgpKeys: async () => undefined,
};

/** What a job says that no person asks for. */
export const byNobody = { by: '', reason: '', revert: '', since: '', override: '' };

export const commitId = (digit: string): string => digit.repeat(40);

/** A repository of one commit, with these files; an entry's id is its content. Undefined: an empty repository. */
export function repositoryWith({
  repositoryClass = 'master',
  commit = commitId('a'),
  files,
}: {
  repositoryClass?: string;
  commit?: string;
  files: Readonly<Record<string, string>> | undefined;
}): Repository {
  const head: Commit = { id: commit, tree: 'tree', parents: [], message: 'Initial', committedAt: new Date(0) };
  const entries = Object.entries(files ?? {});
  const unused = async (): Promise<never> => {
    throw new Error('this test needs no more of Git');
  };
  const entryAt = (path: string): TreeEntry | undefined => {
    const below = entries.filter(([file]) => file.startsWith(`${path}/`));
    if (below.length > 0) return { path, kind: 'folder', id: JSON.stringify(below) };
    const content = files?.[path];
    return content === undefined ? undefined : { path, kind: 'file', id: content };
  };
  return {
    ...{ repositoryClass, url: `https://git.example.com/family/${repositoryClass}.git`, branch: 'main' },
    head: async () => (files === undefined ? undefined : head.id),
    fetchHead: async () => (files === undefined ? undefined : head),
    findCommit: async (id) => (files === undefined || id !== head.id ? undefined : head),
    entry: async ({ path }) => entryAt(path),
    async list({ folder }) {
      const names = entries.flatMap(([file]) =>
        file.startsWith(`${folder}/`) ? [file.slice(folder.length + 1).split('/')[0] ?? ''] : [],
      );
      return [...new Set(names)].flatMap((name) => entryAt(`${folder}/${name}`) ?? []);
    },
    readLink: async () => undefined,
    async readFile({ path }) {
      const content = files?.[path];
      return content === undefined ? undefined : Buffer.from(content);
    },
    ...{
      history: unused,
      isAncestor: unused,
      checkout: unused,
      commit: unused,
      push: unused,
      files: unused,
      rawCommit: async () => Buffer.from('author Ana <ana@example.com> 1763683200 +0000\n\n'),
    },
    ...{ writeBlob: unused, readRef: unused, writeRef: unused, fetchRef: unused, listRefs: unused, writeNotes: unused },
  };
}

/** A repository whose host does not answer. */
export function unreachableRepository(repositoryClass: string): Repository {
  return failing(repositoryClass, {
    code: 'GitUnavailable',
    message: 'the Git host does not answer',
    disposition: 'retry',
  });
}

/** A repository whose branch cannot be read. */
export function failingRepository(repositoryClass: string, code: ErrorCode): Repository {
  return failing(repositoryClass, {
    code,
    message: 'the branch cannot be read',
    disposition: code === 'GitUnavailable' ? 'retry' : 'refuse',
  });
}

function failing(repositoryClass: string, facts: Pick<ErrorFacts, 'code' | 'message' | 'disposition'>): Repository {
  const fail = async (): Promise<never> => {
    throw new ConvergeError({ subject: repositoryClass, ...facts });
  };
  return { ...repositoryWith({ repositoryClass, files: {} }), head: fail, fetchHead: fail };
}

/** The repositories of a configuration, by class. */
export function repositories(...all: readonly Repository[]): (repositoryClass: string) => Repository {
  return (repositoryClass) => {
    const found = all.find((repository) => repository.repositoryClass === repositoryClass);
    if (found !== undefined) return found;
    throw new ConvergeError({
      code: 'UnknownRepository',
      subject: repositoryClass,
      message: 'is not configured',
      disposition: 'refuse',
    });
  };
}

/** The text of a valid environment file. */
export function environmentText(name: string, spec: readonly string[] = []): string {
  const lines = [
    'apiVersion: converge.dev/v1',
    'kind: Environment',
    `metadata: { name: ${name} }`,
    'spec:',
    '  cluster: sandbox',
    '  namespace: acme',
    '  sources: [{ manifests: manifests/shop }]',
    ...spec.map((line) => `  ${line}`),
  ];
  return `${lines.join('\n')}\n`;
}
