import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { paint, table, type Line, type PaintedStream } from '../../../cli/command-result.ts';
import { cutTo, widthOf } from '../../../cli/text-width.ts';

const streamOf = (facts: { isTTY?: boolean; columns?: number }): PaintedStream =>
  Object.assign(new PassThrough(), facts);
const painted = (lines: readonly Line[], stream: PaintedStream) =>
  // oxlint-disable-next-line no-control-regex
  lines.map((line) => paint(line, stream).replaceAll(/\u001b\[\d+m/g, ''));
const long = 'the image of the container cannot be pulled, and so it goes on and on';

const rowsOf = (...names: string[]) =>
  names.map((name) => ({ tone: 'plain' as const, cells: [name, 'Healthy', long] }));
const told = (...names: string[]) =>
  table({ heading: ['OBJECT', 'HEALTH', 'MESSAGE'], rows: rowsOf(...names), free: ['MESSAGE'] });

describe('a table', () => {
  it('has columns as wide as a terminal shows them', () => {
    const names = ['日本語日本語', 'e\u0301te\u0301', '👩‍🚀', 'plain', 'a\u001bb'];
    const lines = painted(told(...names), streamOf({}));
    const starts = lines.map((line) => widthOf(line.slice(0, line.search(/HEALTH|Healthy/))));
    expect(new Set(starts)).toEqual(new Set([14]));
  });

  it('is cut to the width of a terminal in what nobody copies', () => {
    const name = 'Deployment acme/a-name-that-is-long';
    const lines = painted(told(name, '日本'), streamOf({ isTTY: true, columns: 70 }));
    expect(lines.map((line) => widthOf(line) <= 70)).toEqual([true, true, true]);
    expect(lines[1]).toMatch(/^Deployment acme\/a-name-that-is-long {2}Healthy {2}the image.*…$/);
  });

  it('keeps names where even those are too wide, and says a beginning of the text', () => {
    const name = 'Deployment acme/a-name-that-is-long';
    const [, row = ''] = painted(told(name), streamOf({ isTTY: true, columns: 20 }));
    expect(row).toBe(`${name}  Healthy  ${cutTo(long, 20)}`);
  });

  it.each([{}, { isTTY: false, columns: 20 }, { isTTY: true }, { isTTY: true, columns: 500 }])(
    'is whole where there is no such terminal: %o',
    (stream) => {
      expect(painted(told('a'), streamOf(stream))[1]).toBe(`a       Healthy  ${long}`);
    },
  );

  it('cuts the widest of its free columns, and goes on in line behind it', () => {
    const lines = table({
      heading: ['FIELD', 'DESIRED', 'OBSERVED', 'WHO'],
      rows: [
        { tone: 'plain', cells: ['/a', 'short', long, 'kubectl'] },
        { tone: 'plain', cells: ['/b', '1', '2', 'me'] },
      ],
      free: ['DESIRED', 'OBSERVED'],
    });
    const [, first = '', second = ''] = painted(lines, streamOf({ isTTY: true, columns: 60 }));
    expect(first).toMatch(/^\/a {5}short {4}the image.*… {2}kubectl$/);
    expect(second.indexOf('me')).toBe(first.indexOf('kubectl'));
  });
});

describe('a text that is cut', () => {
  it.each([
    ['abcdef', 6, 'abcdef'],
    ['abcdef', 5, 'abcd…'],
    ['日本語', 5, '日本…'],
    ['日本語', 4, '日…'],
    ['👩‍🚀👩‍🚀', 3, '👩‍🚀…'],
  ])('%s at %d is %s', (text, columns, cut) => {
    expect(cutTo(text, columns)).toBe(cut);
  });
});
