import type { Report } from '../events/report.ts';
import { layoutOf, type Section } from './layout.ts';

/** GitHub and GitLab take 65,536 characters of a comment and more, and nobody reads as many rows. */
const mostRows = 50;

/** A report as Markdown: GitHub's, with tables. */
export function renderMarkdown(report: Report): string {
  const { title, subtitle, verdict, figures, sections, notes } = layoutOf(report, { most: mostRows });
  const table = tableOf({
    heading: ['', ''],
    rows: figures.map(({ label, value }) => [[label], [value]]),
  });
  return [
    `# ${escapeMarkdown(title)}`,
    escapeMarkdown(subtitle),
    `**${escapeMarkdown(verdict)}**`,
    table,
    ...sections.flatMap((section) => [`## ${escapeMarkdown(section.title)}`, tableOf(section), ...moreOf(section)]),
    ...(notes.length === 0
      ? []
      : ['## What this report cannot know', notes.map((note) => `- ${escapeMarkdown(note)}`).join('\n')]),
  ]
    .join('\n\n')
    .concat('\n');
}

function moreOf({ more }: Section): string[] {
  return more === 0 ? [] : [`And ${more} more.`];
}

function tableOf({ heading, rows }: Pick<Section, 'heading' | 'rows'>): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(heading.map(escapeMarkdown)),
    line(heading.map(() => '---')),
    ...rows.map((row) => line(row.map((lines) => lines.map(escapeMarkdown).join('<br>')))),
  ].join('\n');
}

/**
 * Text that stays text: no link, no image, no HTML, no smiley, no end of a cell. Hosts of Git call whoever stands behind an `@`,
 * escaped or not: an empty space that is not seen keeps them from it.
 */
export function escapeMarkdown(text: string): string {
  return text
    .replace(/[\\`*_{}[\]#|<>&~$]/g, (character) => `\\${character}`)
    .replace(/:(?=\/\/|[\w+-]+:)/g, '\\:')
    .replace(/\bwww\./gi, (found) => `${found.slice(0, -1)}\\.`)
    .replaceAll('@', '@\u200b');
}
