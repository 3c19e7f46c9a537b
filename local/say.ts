import { styleText } from 'node:util';
import type { Report } from './programs.ts';

/** How a line of the story or of the start is meant; the terminal's colours follow from it. */
export type Tone = 'heading' | 'step' | 'detail' | 'good' | 'bad';

/** Tells the user one line. */
export type Say = (text: string, tone?: Tone) => void;

const styles = { heading: 'bold', step: 'reset', detail: 'dim', good: 'green', bad: 'red' } as const;
const indents = { heading: '', step: '  ', detail: '    ', good: '  ', bad: '  ' } as const;

/** Between two lines of progress in a log. */
const quietMilliseconds = 15_000;

/** Lines to a stream, coloured where it is a terminal (and `NO_COLOR` is not set). */
export function sayTo(stream: NodeJS.WriteStream): Say {
  return (text, tone = 'step') => {
    const lines = text
      .split('\n')
      .map((line) => `${indents[tone]}${line}`)
      .join('\n');
    stream.write(`${styleText(styles[tone], lines, { stream })}\n`);
  };
}

/**
 * Progress lines to a stream: one that ends in `…` is overwritten by the next where the stream is a terminal, and else
 * one in 15 seconds is written.
 */
export function reportTo(stream: NodeJS.WriteStream): Report {
  return tell({ out: stream, progress: stream }).report;
}

/**
 * Lines and progress that go on at the same time: on a terminal, the line of progress stays the last.
 *
 * @param now in milliseconds
 */
export function tell(
  { out, progress }: { out: NodeJS.WriteStream; progress: NodeJS.WriteStream },
  now: () => number = () => performance.now(),
): { say: Say; report: Report } {
  let provisional: string | undefined;
  let written = -Infinity;
  const takeBack = (): void => {
    if (provisional !== undefined && progress.isTTY) progress.write('\x1b[1A\x1b[2K');
  };
  const lines = sayTo(out);
  return {
    say(text, tone) {
      const isBelow = provisional !== undefined && progress.isTTY && out.isTTY;
      if (isBelow) takeBack();
      lines(text, tone);
      if (isBelow) progress.write(`  ${provisional}\n`);
    },
    report(line) {
      takeBack();
      provisional = line.endsWith('…') ? line : undefined;
      if (provisional !== undefined && !progress.isTTY) {
        if (now() - written < quietMilliseconds) return;
        written = now();
      }
      progress.write(`  ${line}\n`);
    },
  };
}
