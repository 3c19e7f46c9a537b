import type { Report } from '../events/report.ts';
import { layoutOf, type Section } from './layout.ts';

const mostRows = 50;

/** A report as text alone: the other part of a mail, and what a terminal shows. */
export function renderText(report: Report): string {
  const { title, subtitle, verdict, figures, sections, notes } = layoutOf(report, { most: mostRows });
  const width = Math.max(...figures.map(({ label }) => label.length));
  return [
    [title, subtitle, '', verdict].join('\n'),
    figures.map(({ label, value }) => `${label.padEnd(width)}  ${value}`).join('\n'),
    ...sections.map(sectionText),
    ...(notes.length === 0 ? [] : [['What this report cannot know', ...notes.map((note) => `  ${note}`)].join('\n')]),
  ]
    .join('\n\n')
    .concat('\n');
}

/** Each row as a few lines, as columns would be wider than any screen: what it is about stands below the rest. */
function sectionText({ title, heading, rows, more }: Section): string {
  const isLong = (column: number): boolean => column > 0 && heading[column]?.startsWith('What') === true;
  const lines = rows.flatMap((row) => {
    const [head = [], ...others] = row.filter((_cell, column) => !isLong(column));
    const first = [head.join(' '), ...others.map((cell) => cell.join(', '))].join('; ');
    const long = row.flatMap((cell, column) => (isLong(column) ? cell.map((line) => `      ${line}`) : []));
    return [`  ${first}`, ...long];
  });
  return [title, ...lines, ...(more === 0 ? [] : [`  and ${more} more`])].join('\n');
}
