import { dump } from 'js-yaml';
import { cutTo } from './text-width.ts';
import { paint, type CommandResult, type Line, type PaintedStream } from './command-result.ts';

/** Where a command that goes on tells what it sees, until Ctrl-C ends it. */
export interface LiveOutput {
  /** A screen whose lines can be drawn anew; false also where programs are told. */
  readonly canRedraw: boolean;
  /** One value for programs (a line of JSON, a document of YAML), the lines for people. */
  tell(part: Pick<CommandResult, 'json' | 'lines'>): void;
  /** These lines in the place of all that is on the screen, as many of them as it has room for. */
  redraw(lines: readonly Line[]): void;
}

interface Screen extends PaintedStream {
  readonly rows?: number | undefined;
  readonly columns?: number | undefined;
}

/** @param form `--output` of the command */
export function liveOutput({ form, stream }: { form: string; stream: Screen }): LiveOutput {
  let isDrawn = false;
  return {
    canRedraw: form === 'text' && stream.isTTY === true,
    tell({ json, lines }) {
      if (form === 'json') stream.write(`${JSON.stringify(json)}\n`);
      else if (form === 'yaml') stream.write(`---\n${dump(JSON.parse(JSON.stringify(json)), yamlStyle)}`);
      else for (const line of lines) stream.write(`${paint(line, stream)}\n`);
    },
    redraw(lines) {
      const rows = sizeOf(stream.rows, 24);
      const shown = fitting(lines, { rows, columns: sizeOf(stream.columns, 80) });
      // What stood there before is scrolled away, not overwritten.
      const cleared = isDrawn ? '' : '\n'.repeat(rows);
      isDrawn = true;
      stream.write(`${cleared}\u001b[H${shown.map((line) => `${paint(line, stream)}\u001b[K\n`).join('')}\u001b[J`);
    },
  };
}

/** A terminal that nobody told its size says 0. */
function sizeOf(told: number | undefined, usual: number): number {
  return told === undefined || told === 0 ? usual : told;
}

const yamlStyle = { noRefs: true, lineWidth: -1 } as const;

/** A line that wraps, or one too many, would scroll the screen, and the next drawing begin in its middle. */
function fitting(lines: readonly Line[], { rows, columns }: { rows: number; columns: number }): readonly Line[] {
  const room = Math.max(rows - 1, 2);
  const more: Line = { text: `… and ${lines.length - room + 1} more lines`, tone: 'detail' };
  const shown = lines.length <= room ? lines : [...lines.slice(0, room - 1), more];
  return shown.map(({ text, tone, fitted }) => ({ text: cutTo(fitted?.(columns) ?? text, columns), tone }));
}
