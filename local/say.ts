import { styleText } from 'node:util';

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
export function reportTo(
  stream: NodeJS.WriteStream,
  now: () => number = () => performance.now(),
): (line: string) => void {
  let provisional = false;
  let written = -Infinity;
  return (line) => {
    const before = provisional && stream.isTTY ? '\x1b[1A\x1b[2K' : '';
    provisional = line.endsWith('…');
    if (provisional && !stream.isTTY && now() - written < quietMilliseconds) return;
    if (provisional) written = now();
    stream.write(`${before}  ${line}\n`);
  };
}
