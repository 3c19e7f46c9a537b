import type { CommitReport, Verdict } from '../../notices/commit-report.ts';
import type { PlanReport, ReportedPlan } from '../../notices/plan-report.ts';

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

/**
 * As what a host's Markdown shows nobody a mark: a comment of HTML; or, where HTML is shown as text, the definition of a link
 * that nothing refers to. https://spec.commonmark.org/0.31.2/#link-reference-definitions
 */
export type Hiding = 'html' | 'definition';

function hidden(text: string, hiding: Hiding): string {
  return hiding === 'html' ? `<!-- ${text} -->` : `[//]: # (${text})\n`;
}

/** What the comment on a pull request begins with, by which it is found again: nobody sees it. */
function commentMark(repositoryClass: string, hiding: Hiding): string {
  return hidden(`converge ${repositoryClass}`, hiding);
}

/** The comment on the pull request that was merged by a commit. */
export function commentOf(
  { repositoryClass, commit, verdict, comment }: CommitReport,
  hiding: Hiding = 'html',
): string {
  const { title, lines, isWhole } = comment;
  return [
    commentMark(repositoryClass, hiding),
    `${signs[verdict]} **Converge** ${codeSpan(title)}`,
    '',
    ...lines.map((line) => `- ${signs[line.verdict]} ${codeSpan(line.name)} ${codeSpan(line.text)}`),
    ...(isWhole ? [] : ['', 'Of many environments, those that failed are named: 20 at most.']),
    '',
    `Of commit ${commit}. This comment is kept up to date.`,
  ].join('\n');
}

/** Whether a comment is the one that Converge keeps; hosts may break its lines in their own way. */
export function isComment(body: string, repositoryClass: string, hiding: Hiding = 'html'): boolean {
  return body.startsWith(commentMark(repositoryClass, hiding).trimEnd());
}

export function isSameText(one: string, other: string): boolean {
  const plain = (text: string): string => text.replaceAll('\r\n', '\n').trim();
  return plain(one) === plain(other);
}

/**
 * The status that shows a plan. A head may be proposed to the branches of several classes: what one would do is no word on the
 * others.
 */
export function planContext(repositoryClass: string): string {
  return `converge/plan/${repositoryClass}`;
}

/** What the comment with a plan begins with: nobody sees it. */
function planMark(repositoryClass: string, hiding: Hiding): string {
  return hidden(`converge plan ${repositoryClass}`, hiding);
}

export function isPlanComment(body: string, repositoryClass: string, hiding: Hiding = 'html'): boolean {
  return body.startsWith(planMark(repositoryClass, hiding).trimEnd());
}

/** Of an environment, so that one of thousands of objects hides no other. */
const mostLines = 200;
const longestLine = 1000;
/** Bytes for what is said of what was cut. */
const aside = 400;

/**
 * The comment with a plan, of at most so many bytes of UTF-8. What strangers wrote stands in spans and blocks of code alone,
 * where neither HTML nor mentions, references and quick actions mean anything.
 */
export function planCommentOf(report: PlanReport, largest: number, hiding: Hiding = 'html'): string {
  const { repositoryClass, verdict, title, notes, environments } = report;
  const top = [
    planMark(repositoryClass, hiding),
    `${signs[verdict]} **Converge plan** ${codeSpan(title)}`,
    '',
    ...notes.map((note) => `- ${codeSpan(cutBytes(note, longestLine))}`),
    '',
  ].join('\n');
  const end = 'Nothing of it is applied. This comment is kept up to date.';
  let body = cutBytes(top, largest - aside);
  let left = largest - aside - Buffer.byteLength(body);
  let cutLines = 0;
  let cutEnvironments = 0;
  for (const environment of environments) {
    const { text, omitted } = sectionOf(environment, left);
    const bytes = Buffer.byteLength(text);
    // Those that follow are told as well, where each takes less.
    if (bytes > left) {
      cutEnvironments += 1;
      continue;
    }
    body += text;
    left -= bytes;
    cutLines += omitted;
  }
  const cut = [
    ...(cutLines === 0 ? [] : [`${cutLines} ${cutLines === 1 ? 'line' : 'lines'}`]),
    ...(cutEnvironments === 0 ? [] : [`${cutEnvironments} ${cutEnvironments === 1 ? 'environment' : 'environments'}`]),
  ];
  const cutWords =
    cut.length === 0
      ? ''
      : `Cut from this comment: ${cut.join(' and ')}. \`converge plan --all --class ${repositoryClass} --pr ${report.number}\` shows all.\n\n`;
  return `${body}\n${cutWords}${end}`;
}

function sectionOf(
  { name, verdict, summary, lines }: ReportedPlan,
  largest: number,
): { readonly text: string; readonly omitted: number } {
  const head = `\n${signs[verdict]} ${codeSpan(name)} ${codeSpan(cutBytes(summary, longestLine))}\n`;
  if (lines.length === 0) return { text: head, omitted: 0 };
  const shown = lines.map(({ sign, text }) => `${sign} ${cutBytes(oneLine(text), longestLine)}`);
  const longest = Math.max(2, ...shown.flatMap((line) => [...line.matchAll(/`+/g)].map(([run]) => run.length)));
  const fence = '`'.repeat(longest + 1);
  const frame = `\n${fence}diff\n${fence}\n`;
  let room = largest - Buffer.byteLength(head) - Buffer.byteLength(frame);
  const kept: string[] = [];
  for (const line of shown.slice(0, mostLines)) {
    room -= Buffer.byteLength(line) + 1;
    if (room < 0) break;
    kept.push(line);
  }
  const omitted = lines.length - kept.length;
  if (kept.length === 0) return { text: head, omitted };
  return { text: `${head}\n${fence}diff\n${kept.join('\n')}\n${fence}\n`, omitted };
}

function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ');
}
