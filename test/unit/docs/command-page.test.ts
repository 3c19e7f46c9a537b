import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeProgram } from '../../../cli/program.ts';

const page = readFileSync(join(import.meta.dirname, '../../../docs/command.md'), 'utf8');
const verbs = makeProgram({
  open: () => {
    throw new Error('a document opens nothing');
  },
  answer: () => undefined,
}).commands.map((command) => command.name());

/** The last cells of the tables: what is typed here. */
const ours = [...page.matchAll(/^\|.*\| ([^|]*) \|$/gm)].map(([, cell = '']) => cell).join('\n');

describe('the page that stands beside flux and argocd', () => {
  it.each(verbs)('has a row for converge %s', (verb) => {
    expect(ours).toMatch(new RegExp(`converge ${verb}[ \`]`));
  });

  it('has four cells in each row', () => {
    const rows = page.split('\n').filter((line) => line.startsWith('|'));
    for (const row of rows) expect(row.split('|'), row).toHaveLength(6);
  });
});
