/** Where progress goes; a terminal, or what takes its place: the log of a CI. */
export interface ProgressStream {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

/** Milliseconds after which a log is told that work goes on. */
export const tellsEach = 15_000;

/**
 * Tells each line at once on a terminal, the same one only once. A log is told the last one every 15 seconds, and how
 * long it has been: whoever waits sees that something happens, and what, and no more.
 *
 * @param every calls what it is given each so many milliseconds, and keeps no process alive
 */
export function progressOn(
  stream: ProgressStream,
  { now, every }: { now: () => number; every: (milliseconds: number, work: () => void) => void },
): (line: string) => void {
  const startedAt = now();
  let last = '';
  if (stream.isTTY !== true)
    every(tellsEach, () => {
      const seconds = Math.round((now() - startedAt) / 1000);
      stream.write(`${last === '' ? 'works' : oneLine(last)} (${seconds} s)\n`);
    });
  return (line) => {
    if (line === last) return;
    last = line;
    if (stream.isTTY === true) stream.write(`${oneLine(line)}\n`);
  };
}

/** What others wrote may hold a terminal's commands. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]+/gu, ' ');
}
