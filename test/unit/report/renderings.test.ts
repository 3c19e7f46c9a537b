import { describe, expect, it } from 'vitest';
import type { Report } from '../../../shared/events/report.ts';
import { renderHtml } from '../../../shared/report/html.ts';
import { layoutOf } from '../../../shared/report/layout.ts';
import { escapeMarkdown, renderMarkdown } from '../../../shared/report/markdown.ts';
import { renderText } from '../../../shared/report/plain.ts';
import { environmentOf, image, incidentOf, reportOf, surveyed } from './reported.ts';

const renderings = { html: renderHtml, markdown: renderMarkdown, text: renderText };

const healed = incidentOf({ id: 'healed', closedAt: '2026-11-21T02:00:00.000Z', since: '2026-11-21T01:00:00.000Z' });
if (healed.diff !== undefined) healed.diff.action = 'healed';
const reverted = incidentOf({
  ...{ id: 'reverted', closedAt: '2026-11-21T03:00:00.000Z' },
  reverted: { by: 'Olga Ops', reason: 'the test is over', at: '2026-11-21T02:59:00.000Z' },
});
const week = reportOf([
  environmentOf({ state: 'Diverged', incidents: [incidentOf(), healed, reverted] }),
  environmentOf({
    name: 'demo',
    state: 'Suspended',
    policy: { suspend: true, selfHeal: true, prune: true, ignored: 0 },
  }),
  environmentOf({ name: 'late', checkedAt: null, state: 'Unknown', message: 'no look at it has come to its end yet' }),
]);

/** What somebody may write into a summary, a name or a value. */
const hostile = [
  '<script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '"><a href="https://evil.example">here</a>',
  '[here](https://evil.example)',
  '![x](https://evil.example/pixel.png)',
  '| new | column |',
  '\u001b[31mred\u001b[0m',
  '\u202egpj.exe',
  'a\nb\r\nc',
  '@channel @everyone',
  'https://evil.example www.evil.example',
  '`code` *bold* ~~gone~~',
];

const remembered = { desired: 'd', observed: 'o', apiVersion: 'a/v1' };
function hostileSurvey(text: string) {
  return {
    ...surveyed,
    ...{ version: text, unlisted: [text], more: 3 },
    undeclared: [{ namespace: text, kind: text, count: 2, names: [text] }],
    deprecated: [{ apiVersion: 'a/v1', kind: 'K', removedIn: text, use: text, message: text }],
  };
}

function hostileReport(text: string): Report {
  const object = { ...image, name: text, message: text };
  const fields = [{ path: text, desired: text, observed: text, manager: text }];
  const incident = incidentOf({ summary: text, subject: text }, [
    { ...object, fields },
    { ...object, fields: [] },
  ]);
  const reverted = { by: text, reason: text, at: '2026-11-21T01:59:00.000Z' };
  const closed = incidentOf({ id: 'closed', summary: text, closedAt: '2026-11-21T02:00:00.000Z', reverted });
  const quarantine = { revision: text, inputs: {}, reason: text, at: '2026-11-20T00:00:00.000Z', revert: null };
  return reportOf(
    [
      environmentOf({
        ...{ name: text, cluster: text, message: text, state: 'Unknown' },
        ...{
          incidents: [incident, closed],
          memory: {
            quarantine: { ...quarantine, refused: text },
            survey: hostileSurvey(text),
            objects: { 'a/K/n/o': remembered },
          },
        },
      }),
    ],
    {
      refused: [
        {
          class: text,
          upload: text,
          since: text,
          reason: text,
          message: text,
          remedy: text,
          author: text,
          build: text,
        },
      ],
      unknown: [text],
      ...{ name: text, unreadable: [{ repository: text, message: text }] },
      chosen: { classes: [text], environments: [text], labels: { [text]: text } },
    },
  );
}

describe.each(Object.entries(renderings))('a report as %s', (_form, render) => {
  it('says what differs, since when, by whom, and what ended', () => {
    const said = render(week).replaceAll('\\', '').replaceAll('&gt;', '>');
    for (const text of [
      ...['1 of 3 environments differs from Git; 1 was not looked at.', 'Drift report: weekly'],
      ...['2026-11-21 01:02 UTC', '1 d 4 h', 'kubectl-set', 'on production-eu'],
      'Deployment acme/web /spec/template/spec/containers[name=web]/image: Git has shop:1.4.2, the cluster shop:1.4.3',
      ...[
        'Drifted, and as Git says again',
        'healed',
        'undone at the request of Olga Ops',
        'suspend: true',
        'no look at it has come to its end yet',
      ],
    ])
      expect(said).toContain(text);
  });

  it('says that all is well where it is', () => {
    const said = render(reportOf([environmentOf()]));
    expect(said).toContain('Nothing differs from Git in 1 environment.');
    expect(said).not.toContain('Differs from Git now');
  });

  it('is the same for the same report', () => {
    expect(render(week)).toBe(render(week));
  });

  it.each(hostile)('shows %j as text', (text) => {
    const said = render(hostileReport(text));
    const controls = said
      .replaceAll('\n', '')
      .replaceAll('\u200b', '')
      .match(/[\p{Cc}\p{Cf}]/gu);
    expect(controls).toBeNull();
    expect(said.match(/@(channel|everyone)/) === null || render !== renderMarkdown).toBe(true);
  });

  it('counts what it leaves out', () => {
    const many = Array.from({ length: 300 }, (_, index) =>
      environmentOf({ name: `environment-${index}`, incidents: [incidentOf({ summary: 'x'.repeat(2_000) })] }),
    );
    const said = render(reportOf(many));
    expect(said.toLowerCase()).toMatch(/and \d+ more/);
    expect(Buffer.byteLength(said)).toBeLessThan(100_001);
  });
});

describe('a report as HTML', () => {
  it.each(hostile)('has no other elements than without %j', (text) => {
    const elementsOf = (html: string): string[] => (html.match(/<\/?[a-z!][^>]*>/g) ?? []).toSorted();
    expect(elementsOf(renderHtml(hostileReport(text)))).toEqual(elementsOf(renderHtml(hostileReport('quiet'))));
  });

  it('loads nothing, runs nothing, and has its styles inside', () => {
    const html = renderHtml(week);
    expect(html).not.toMatch(/<(script|link|img|iframe|style|form)\b|\bon\w+=|url\(|javascript:/i);
    expect(html).toMatch(/^<!doctype html>\n<html lang="en"><head><meta charset="utf-8">/);
  });
});

describe('Markdown', () => {
  it('keeps text from being a link, an image, a mention or a cell', () => {
    expect(escapeMarkdown('[here](https://evil.example)')).toBe('\\[here\\](https\\://evil.example)');
    expect(escapeMarkdown('![x](y)')).toBe('!\\[x\\](y)');
    expect(escapeMarkdown('shop:1.4.2: :tada: ~~a~~')).toBe('shop:1.4.2: \\:tada: \\~\\~a\\~\\~');
    expect(escapeMarkdown('a | b')).toBe('a \\| b');
    expect(escapeMarkdown('@channel')).toBe('@\u200bchannel');
    expect(escapeMarkdown('www.evil.example')).toBe('www\\.evil.example');
  });

  it('has as many cells in each row as in its heading', () => {
    for (const text of hostile) {
      const counts = renderMarkdown(hostileReport(text))
        .split('\n\n')
        .filter((block) => block.startsWith('|'))
        .map((block) => new Set(block.split('\n').map((line) => line.replaceAll('\\|', '').split('|').length)));
      expect(counts.length).toBeGreaterThan(3);
      expect(counts.every(({ size }) => size === 1)).toBe(true);
    }
  });
});

it('what a commit brought is by its author, and drift by who wrote to the cluster, or not known', () => {
  const cause = {
    ...{ commit: '7b1e6a1b3d4e'.padEnd(40, '0'), subject: 'Break it', author: 'Ana <ana@example.com>' },
    ...{ artifact: null, build: null, restores: null },
  };
  const bySaid = (reason: 'Failed' | 'Drifted', objects: Parameters<typeof incidentOf>[1]) => {
    const incident = incidentOf({ reason }, objects);
    if (incident.diff !== undefined) incident.diff.cause = cause;
    const { sections } = layoutOf(reportOf([environmentOf({ state: 'Failed', incidents: [incident] })]), { most: 5 });
    return sections[0]?.rows[0]?.at(-1);
  };
  const silent = [{ ...image, fields: [] }];
  expect(bySaid('Failed', silent)).toEqual(['Ana <ana@example.com>', 'in 7b1e6a1b3d4e']);
  expect(bySaid('Drifted', silent)).toEqual(['not known']);
  expect(bySaid('Drifted', [image])).toEqual(['kubectl-set']);
});
