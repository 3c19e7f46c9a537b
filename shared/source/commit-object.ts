import { oneLine } from './commit-message.ts';

/** What is read of a commit: no more than a tree, its parents and what people are shown. */
export interface CommitObject {
  readonly tree: string;
  readonly parents: readonly string[];
  readonly message: string;
  /** When it was committed, in seconds since 1970; 0, as in git, where it says no time that can be read. */
  readonly seconds: number;
}

/** `problem`: in words that follow "commit …". */
export type Unreadable = { readonly problem: string };

/** Characters of an author: a header may be a line of megabytes. */
const authorLength = 200;
const idLine = /^([0-9a-f]{40})\n/i;
/** The end of the year 9999: a later time has no date in ISO 8601 that others read. */
const lastSecond = 253_402_300_799;

/**
 * Takes a commit apart as git's own `parse_commit_buffer` does: a line of the tree, then those of the parents, each as
 * git wants them or the commit is unreadable. Whatever else is odd, author, committer, date, encoding, headers of
 * others or none at all, takes nothing of that away, and is shown as it can be.
 *
 * @param raw the commit as it is hashed, without git's own header
 */
export function parseCommit(raw: Uint8Array): CommitObject | Unreadable {
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.length);
  const blank = bytes.indexOf('\n\n');
  const header = bytes.toString('latin1', 0, blank === -1 ? bytes.length : blank + 1);
  const tree = idAfter({ header, at: 0, word: 'tree ' });
  if (tree === undefined) return { problem: 'names no tree in its first line' };
  const parents: string[] = [];
  let at = 'tree '.length + 41;
  for (; header.startsWith('parent ', at); at += 'parent '.length + 41) {
    const parent = idAfter({ header, at, word: 'parent ' });
    if (parent === undefined) return { problem: `has a line of its parent ${parents.length + 1} that is none` };
    parents.push(parent);
  }
  const lines = header.slice(at).split('\n');
  const committer = lines.find((line) => line.startsWith('committer ')) ?? '';
  const encoding = encodingOf(lines);
  return {
    tree,
    parents,
    message: textOf({ bytes: blank === -1 ? bytes.subarray(bytes.length) : bytes.subarray(blank + 2), encoding }),
    seconds: secondsOf(committer),
  };
}

/** `Ana <ana@example.com>`, as its header has it; undefined where it says none. */
export function authorOf(raw: Uint8Array): string | undefined {
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.length);
  const blank = bytes.indexOf('\n\n');
  const header = bytes.subarray(0, blank === -1 ? bytes.length : blank);
  const encoding = encodingOf(header.toString('latin1').split('\n'));
  const lines = textOf({ bytes: header, encoding }).split('\n');
  const author = lines.find((line) => line.startsWith('author '))?.slice('author '.length) ?? '';
  const named = oneLine(author.slice(0, author.lastIndexOf('>') + 1), authorLength);
  return named === '' ? undefined : named;
}

function encodingOf(header: readonly string[]): string | undefined {
  return header
    .find((line) => line.startsWith('encoding '))
    ?.slice('encoding '.length)
    .trim();
}

/** The commit or tag that an annotated tag points to, as `parse_tag_buffer` of git reads it. */
export function parseTag(raw: Uint8Array): { readonly object: string } | Unreadable {
  const start = Buffer.from(raw.buffer, raw.byteOffset, Math.min(raw.length, 256)).toString('latin1');
  const object = idAfter({ header: start, at: 0, word: 'object ' });
  const type = /^type ([a-z]+)\n/.exec(start.slice('object '.length + 41))?.[1];
  if (object === undefined || type === undefined) return { problem: 'is a tag that points to nothing' };
  return type === 'commit' || type === 'tag' ? { object } : { problem: `is a tag of a ${type}` };
}

function idAfter({ header, at, word }: { header: string; at: number; word: string }): string | undefined {
  if (!header.startsWith(word, at)) return undefined;
  return idLine.exec(header.slice(at + word.length, at + word.length + 41))?.[1]?.toLowerCase();
}

/** Behind the last `>`, as git finds it: names and addresses may hold anything. */
function secondsOf(committer: string): number {
  const digits = /^\s*(\d{1,15})(?!\d)/.exec(committer.slice(committer.lastIndexOf('>') + 1))?.[1];
  const seconds = committer.includes('>') && digits !== undefined ? Number(digits) : 0;
  return seconds <= lastSecond ? seconds : 0;
}

/** An encoding that nobody knows, or that the text is not in, leaves what of it is UTF-8. */
function textOf({ bytes, encoding }: { bytes: Buffer; encoding: string | undefined }): string {
  if (encoding === undefined) return bytes.toString('utf8');
  try {
    const decoder = new TextDecoder(encoding, { fatal: true, ignoreBOM: true });
    // Headers are ASCII: no text in UTF-16 follows them, whatever they say.
    return decoder.encoding.startsWith('utf-') ? bytes.toString('utf8') : decoder.decode(bytes);
  } catch {
    return bytes.toString('utf8');
  }
}
