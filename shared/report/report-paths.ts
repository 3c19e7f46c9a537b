import { reportSchema, type Report } from '../events/report.ts';

/** Where reports are kept in the state bucket. */
export const reportsFolder = 'reports/';

/** Of one report, by the day for which it was due: `reports/2026-11-22-weekly.html`. */
export function reportPaths({ name, due }: Pick<Report, 'name' | 'due'>): {
  readonly html: string;
  readonly markdown: string;
  readonly json: string;
} {
  const stem = `${reportsFolder}${due.slice(0, 10)}${name === '' ? '' : `-${name}`}`;
  return { html: `${stem}.html`, markdown: `${stem}.md`, json: `${stem}.json` };
}

/** The last one of a name, which the next is compared with. */
export function latestReportPath(name: string): string {
  return `${reportsFolder}latest-${name}.json`;
}

/** Undefined for a shape that is not known: there is none before, then. */
export function decodeReport(value: unknown): Report | undefined {
  return reportSchema.safeParse(value).data;
}
