import type { Report } from '../events/report.ts';
import { layoutOf, type Layout, type Section } from './layout.ts';
import { plainText } from './text.ts';

/**
 * Bytes of the HTML: Gmail shows 102 KB of a mail, and cuts the rest.
 * https://developers.google.com/workspace/gmail/ampemail/tips
 */
const largestHtml = 100_000;
const mostRows = 100;

const font = 'font-family:Helvetica,Arial,sans-serif;color:#202124;';
/** Long names are broken: `Unhealthy` has room in the narrowest column. */
const cellStyle = `${font}font-size:13px;line-height:1.4;padding:6px 8px;border-bottom:1px solid #e0e0e0;vertical-align:top;text-align:left;word-break:break-word;min-width:68px;`;

/**
 * A report as a page that mail clients show: tables and inline styles, no script, nothing that is loaded. Long lists are
 * cut, and counted, until it is no larger than mail clients show.
 *
 * @param remarks what whoever sends it has to say of it, a line each
 */
export function renderHtml(report: Report, { remarks = [] }: { remarks?: readonly string[] } = {}): string {
  for (let most = mostRows; ; most = Math.floor(most / 2)) {
    const html = pageOf(layoutOf(report, { most }), remarks);
    if (most === 0 || Buffer.byteLength(html) <= largestHtml) return html;
  }
}

function pageOf(
  { title, subtitle, verdict, isWell, figures, sections, notes }: Layout,
  remarks: readonly string[],
): string {
  const colour = isWell ? '#137333' : '#a50e0e';
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
    `<title>${escapeHtml(title)}</title></head>`,
    '<body style="margin:0;padding:16px;background:#ffffff;">',
    '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="max-width:960px;margin:0 auto;"><tr><td>',
    `<h1 style="${font}font-size:22px;margin:0 0 4px;">${escapeHtml(title)}</h1>`,
    `<p style="${font}font-size:13px;color:#5f6368;margin:0 0 12px;">${escapeHtml(subtitle)}</p>`,
    `<p style="${font}font-size:16px;font-weight:bold;color:${colour};margin:0 0 12px;">${escapeHtml(verdict)}</p>`,
    figuresTable(figures),
    ...sections.map(sectionTable),
    ...(notes.length === 0 ? [] : [notesList(notes)]),
    ...remarks.map(
      (remark) => `<p style="${font}font-size:13px;margin:16px 0 0;">${escapeHtml(plainText(remark))}</p>`,
    ),
    '</td></tr></table></body></html>',
    '',
  ].join('\n');
}

function figuresTable(figures: Layout['figures']): string {
  const rows = figures.map(
    ({ label, value }) =>
      `<tr><th scope="row" style="${cellStyle}width:30%;">${escapeHtml(label)}</th><td style="${cellStyle}">${escapeHtml(value)}</td></tr>`,
  );
  return `<table width="100%" cellpadding="0" cellspacing="0" style="border-collapse:collapse;margin:0 0 16px;">${rows.join('\n')}</table>`;
}

function sectionTable({ title, heading, rows, more }: Section): string {
  const head = heading.map(
    (text) => `<th scope="col" style="${cellStyle}background:#f1f3f4;">${escapeHtml(text)}</th>`,
  );
  const body = rows.map(
    (row) =>
      `<tr>${row.map((lines) => `<td style="${cellStyle}">${lines.map(escapeHtml).join('<br>')}</td>`).join('')}</tr>`,
  );
  const left = more === 0 ? '' : `<p style="${font}font-size:13px;margin:4px 0 0;">And ${more} more.</p>`;
  return [
    `<h2 style="${font}font-size:16px;margin:20px 0 6px;">${escapeHtml(title)}</h2>`,
    `<table width="100%" cellpadding="0" cellspacing="0" style="border-collapse:collapse;"><tr>${head.join('')}</tr>`,
    ...body,
    `</table>${left}`,
  ].join('\n');
}

function notesList(notes: readonly string[]): string {
  const items = notes.map((note) => `<li style="margin:0 0 4px;">${escapeHtml(note)}</li>`);
  return `<h2 style="${font}font-size:16px;margin:20px 0 6px;">What this report cannot know</h2>\n<ul style="${font}font-size:13px;margin:0;padding-left:20px;">${items.join('')}</ul>`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? '');
}
