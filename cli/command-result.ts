import { styleText } from 'node:util';

/** How a line of an answer is meant; the terminal's colours follow from it. */
export type Tone = 'heading' | 'plain' | 'detail' | 'good' | 'warning' | 'bad';
export interface Line {
  readonly text: string;
  readonly tone: Tone;
}

/**
 * What a command came to: 0 converged or done, 1 diverged, failed or not known. One value for programs, and the same as lines for
 * people.
 */
export interface CommandResult {
  readonly exit: 0 | 1;
  readonly json: unknown;
  readonly lines: readonly Line[];
  /** What whoever reads it should know, told beside it: on standard error. */
  readonly notes?: readonly string[];
}

const styles = {
  heading: 'bold',
  plain: 'reset',
  detail: 'dim',
  good: 'green',
  warning: 'yellow',
  bad: 'red',
} as const;

/** A terminal, or what takes its place. */
export interface PaintedStream extends NodeJS.WritableStream {
  readonly isTTY?: boolean | undefined;
}

/**
 * Coloured where the stream is a terminal and `NO_COLOR` is not set. What others wrote (a commit, a status) may hold a
 * terminal's commands: it stays text.
 */
export function paint({ text, tone }: Line, stream: PaintedStream): string {
  const line = text.replace(/[\p{Cc}\p{Cf}]+/gu, ' ');
  return tone === 'plain' || stream.isTTY !== true ? line : styleText(styles[tone], line, { stream });
}

/** Rows under a heading, their columns as wide as the longest cell; the last column is not padded. */
export function table({
  heading,
  rows,
}: {
  heading: readonly string[];
  rows: readonly { readonly cells: readonly string[]; readonly tone: Tone }[];
}): Line[] {
  const all = [{ cells: heading, tone: 'heading' as const }, ...rows];
  const widths = heading.map((_cell, column) => Math.max(...all.map(({ cells }) => (cells[column] ?? '').length)));
  return all.map(({ cells, tone }) => ({
    tone,
    text: cells
      .map((cell, column) => cell.padEnd(column === cells.length - 1 ? 0 : (widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  }));
}

/** `2026-11-21 01:02:05`, UTC, of an ISO 8601 time. */
export function shortTime(time: string): string {
  return time.slice(0, 19).replace('T', ' ');
}

/** `main@9f2c6a1b3d4e` of `main@sha1:9f2c6a1b3d4e5f60718293a4b5c6d7e8f9012345`. */
export function plainRevision(revision: string): string {
  return revision.replace(/@sha1:([0-9a-f]{12})[0-9a-f]*$/, '@$1');
}
