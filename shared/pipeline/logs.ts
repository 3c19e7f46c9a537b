import type { LogEntry, Logs, Mention } from '../ports/logs.ts';

/** What lines are asked for. */
export type LogSubject =
  | { readonly kind: 'environment'; readonly name: string; readonly repositories: readonly string[] }
  /** Without a generation: all of that name. */
  | { readonly kind: 'upload'; readonly bucket: string; readonly name: string; readonly generation: string | undefined }
  /** A commit's id, or at least seven digits of its beginning. */
  | { readonly kind: 'commit'; readonly id: string };

export interface LogsAnswer {
  /** The oldest first. */
  readonly entries: readonly LogEntry[];
  /** Whether older ones were left out. */
  readonly mayBeMore: boolean;
}

/**
 * What functions logged of an environment, a commit or an upload; of an upload also of the commits that it became, as far
 * as these lines tell. Throws what `Logs` throws.
 */
export async function logsOf(
  asked: { subject: LogSubject; since: Date; limit: number },
  ports: { readonly logs: Logs },
): Promise<LogsAnswer> {
  const { subject, since, limit } = asked;
  const own = await read({ subject, since, limit }, ports);
  if (subject.kind !== 'upload') return own;
  const later = [];
  for (const id of commitsOf(own.entries))
    later.push(await read({ subject: { kind: 'commit', id }, since, limit }, ports));
  const all = [own, ...later];
  const entries = [...new Map(all.flatMap((one) => one.entries.map((entry) => [entry.id, entry] as const))).values()];
  return {
    entries: entries.toSorted(byTime).slice(-limit),
    mayBeMore: entries.length > limit || all.some(({ mayBeMore }) => mayBeMore),
  };
}

async function read(
  { subject, since, limit }: { subject: LogSubject; since: Date; limit: number },
  { logs }: { logs: Logs },
): Promise<LogsAnswer> {
  const { entries, mayBeMore } = await logs.read({ since, mentions: mentionsOf(subject), limit });
  return { entries: entries.filter((entry) => isAbout(entry, subject)).toSorted(byTime), mayBeMore };
}

function byTime(a: LogEntry, b: LogEntry): number {
  return a.time < b.time ? -1 : a.time > b.time ? 1 : 0;
}

/** So many commits of an upload are followed: one that was uploaded again and again became many. */
const mostCommits = 5;

function commitsOf(entries: readonly LogEntry[]): readonly string[] {
  const ids = entries.flatMap(({ fields }) => {
    const { result } = fields;
    const commit = typeof result === 'object' && result !== null && 'commit' in result ? result.commit : undefined;
    return typeof commit === 'string' && /^[0-9a-f]{40}$/.test(commit) ? [commit] : [];
  });
  return [...new Set(ids)].slice(-mostCommits);
}

/** What each line about the subject has: a few others, too. */
function mentionsOf(subject: LogSubject): readonly Mention[] {
  switch (subject.kind) {
    case 'environment':
      return [...subject.repositories.map((repository) => [`${repository}/${subject.name}`]), ['fanOut', subject.name]];
    case 'upload':
      return [[`gs://${subject.bucket}/${subject.name}`], [`/buckets/${subject.bucket}`, `objects/${subject.name}`]];
    case 'commit':
      return [[subject.id]];
  }
}

/** Whether a line is about the subject: by its texts, each for itself. */
export function isAbout({ message, fields }: LogEntry, subject: LogSubject): boolean {
  const texts = [message, ...textsIn(fields)];
  switch (subject.kind) {
    case 'environment':
      return (
        subject.repositories.some((repository) =>
          texts.some((text) => holdsName(text, `${repository}/${subject.name}`)),
        ) || isSentTo(fields, subject)
      );
    case 'upload':
      return texts.some((text) => holdsArtifact(text, subject)) || isEventOf(fields, subject);
    case 'commit':
      return texts.some((text) => new RegExp(`(?<![0-9a-f])${subject.id}`).test(text));
  }
}

/** Texts deeper than this are of no line of ours. */
const deepest = 6;

function textsIn(value: unknown, depth = 0): readonly string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null || depth > deepest) return [];
  return Object.values(value).flatMap((one) => textsIn(one, depth + 1));
}

/** Not as a part of a longer name, before or behind. */
function holdsName(text: string, name: string): boolean {
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
    if (!isOfName(text[at - 1]) && !isOfName(text[at + name.length])) return true;
  }
  return false;
}

function isOfName(character: string | undefined): boolean {
  return character !== undefined && /[A-Za-z0-9-]/.test(character);
}

/** `fanOut` names the environments of its class that it sent a job to. */
function isSentTo(
  { stage, subject, result }: LogEntry['fields'],
  { name, repositories }: { name: string; repositories: readonly string[] },
): boolean {
  if (stage !== 'fanOut' || typeof subject !== 'string' || !repositories.includes(subject)) return false;
  if (typeof result !== 'object' || result === null) return false;
  const lists: readonly unknown[] = ['due' in result ? result.due : [], 'removed' in result ? result.removed : []];
  return lists.some((list) => Array.isArray(list) && list.includes(name));
}

type Upload = Extract<LogSubject, { kind: 'upload' }>;

function holdsArtifact(text: string, { bucket, name, generation }: Upload): boolean {
  const uri = `gs://${bucket}/${name}${generation === undefined ? '' : `#${generation}`}`;
  for (let at = text.indexOf(uri); at >= 0; at = text.indexOf(uri, at + 1)) {
    // A name may go on with any character but these, which follow one in our sentences.
    if (/^(?:$|[#\s:;,)"'])/.test(text.slice(at + uri.length))) return true;
  }
  return false;
}

/** The line of the event of an object, which says its bucket and name, and no generation. */
function isEventOf({ subject, source }: LogEntry['fields'], { bucket, name }: Upload): boolean {
  return subject === `objects/${name}` && typeof source === 'string' && source.endsWith(`/buckets/${bucket}`);
}
