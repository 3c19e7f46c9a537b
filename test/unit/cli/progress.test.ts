import { describe, expect, it } from 'vitest';
import { progressOn } from '../../../cli/progress.ts';

function streamOf({ isTTY }: { isTTY: boolean }) {
  const written: string[] = [];
  const ticks: (() => void)[] = [];
  let time = 1_000;
  const progress = progressOn(
    { isTTY, write: (text) => written.push(text) },
    { now: () => time, every: (_milliseconds, work) => ticks.push(work) },
  );
  return {
    ...{ written, progress },
    pass: (seconds: number) => {
      time += seconds * 1_000;
      for (const tick of ticks) tick();
    },
  };
}

describe('progress', () => {
  it('is told at once on a terminal, each line once, and without its commands', () => {
    const { written, progress, pass } = streamOf({ isTTY: true });
    progress('uploads a');
    progress('uploads a');
    progress('uploads \u{1B}[31mb');
    pass(15);
    expect(written).toEqual(['uploads a\n', 'uploads  [31mb\n']);
  });

  it('is told a log every 15 seconds: the last line, and how long it has been', () => {
    const { written, progress, pass } = streamOf({ isTTY: false });
    pass(15);
    progress('uploads a');
    progress('uploads b');
    pass(15);
    pass(15);
    expect(written).toEqual(['works (15 s)\n', 'uploads b (30 s)\n', 'uploads b (45 s)\n']);
  });
});
