import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..', '..', '..');
const pages = [
  ...['README.md', 'CONTRIBUTING.md', 'terraform/README.md'],
  ...globSync(['docs/**/*.md', 'examples/**/*.md'], { cwd: root }),
].sort();

const isRow = (line: string | undefined): line is string => line?.startsWith('|') === true;
const cells = (row: string): number => row.replace(/\\\|/g, '').split('|').length;

/** A row that stands alone is text with bars, and no row, to whoever renders the page. https://github.github.com/gfm/#tables-extension- */
it.each(pages)('each table of %s has a head, and rows as wide as that', (page) => {
  const lines = readFileSync(join(root, page), 'utf8')
    .replace(/^```[^]*?^```$/gm, '')
    .split('\n');
  const broken = lines.flatMap((line, index) => {
    if (!isRow(line)) return [];
    const before = lines[index - 1];
    const isFine = isRow(before) ? cells(line) === cells(before) : /^\|[ :|-]+\|$/.test(lines[index + 1] ?? '');
    return isFine ? [] : [line.slice(0, 80)];
  });
  expect(broken).toEqual([]);
});
