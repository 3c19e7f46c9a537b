import type { CommitReport, Verdict } from '../../notices/commit-report.ts';

/** A text of at most so many bytes of UTF-8, no character cut in two. */
export function cutBytes(text: string, largest: number): string {
  if (Buffer.byteLength(text) <= largest) return text;
  const mark = '…';
  let kept = '';
  let bytes = Buffer.byteLength(mark);
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > largest) break;
    kept += character;
  }
  return `${kept}${mark}`;
}

/**
 * A text as Markdown shows it, whatever is in it: in a span of code neither HTML nor links, mentions, references to
 * issues and quick actions mean anything. https://spec.commonmark.org/0.31.2/#code-spans
 */
export function codeSpan(text: string): string {
  const line = text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim();
  const longest = Math.max(0, ...[...line.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  const space = line === '' || line.startsWith('`') || line.endsWith('`') ? ' ' : '';
  return `${fence}${space}${line}${space}${fence}`;
}

const signs: Readonly<Record<Verdict, string>> = { pending: '🟠', success: '✅', failure: '🔴' };

/** What the comment on a pull request begins with, by which it is found again: nobody sees it. */
export function commentMark(repositoryClass: string): string {
  return `<!-- converge ${repositoryClass} -->`;
}

/** The comment on the pull request that was merged by a commit. */
export function commentOf({ repositoryClass, commit, verdict, comment }: CommitReport): string {
  const { title, lines, isWhole } = comment;
  return [
    commentMark(repositoryClass),
    `${signs[verdict]} **Converge** ${codeSpan(title)}`,
    '',
    ...lines.map((line) => `- ${signs[line.verdict]} ${codeSpan(line.name)} ${codeSpan(line.text)}`),
    ...(isWhole ? [] : ['', 'Of many environments, those that failed are named: 20 at most.']),
    '',
    `Of commit ${commit}. This comment is kept up to date.`,
  ].join('\n');
}

/** Whether a comment is the one that Converge keeps; hosts may break its lines in their own way. */
export function isComment(body: string, repositoryClass: string): boolean {
  return body.startsWith(commentMark(repositoryClass));
}

export function isSameText(one: string, other: string): boolean {
  const plain = (text: string): string => text.replaceAll('\r\n', '\n').trim();
  return plain(one) === plain(other);
}
