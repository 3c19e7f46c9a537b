import { z } from 'zod';
import { ConvergeError } from '../base/errors.ts';
import type { Report } from '../events/report.ts';
import { decodeReport, reportsFolder } from '../report/report-paths.ts';
import { readState, type StateAccess } from './common/read-state.ts';

const day = /^\d{4}-\d{2}-\d{2}/;

export const keptReportSchema = z.object({
  id: z.string().describe('Of one report: the day for which it was due, and its name'),
  name: z.string().describe('As the configuration calls it'),
  due: z.string().describe('The day for which it was due, in UTC'),
  keptAt: z.string().describe('When it was kept, ISO 8601, by the clock of Storage'),
  html: z.string().nullable().describe('`gs://` name of the page; null: it is not there'),
  markdown: z.string().nullable().describe('`gs://` name; null: it is not there'),
  json: z.string().describe('`gs://` name'),
});
export type KeptReport = Readonly<z.infer<typeof keptReportSchema>>;

/** The reports that are kept: of each name one for each day. Throws `StorageUnavailable` (retry). */
export async function listReports({ bucket }: { bucket: string }, { state }: StateAccess): Promise<KeptReport[]> {
  const listed = await state.list(reportsFolder);
  const paths = new Set(listed.map(({ path }) => path));
  const nameOf = (path: string): string | null => (paths.has(path) ? `gs://${bucket}/${path}` : null);
  return listed.flatMap(({ path, updatedAt }) => {
    const id = path.slice(reportsFolder.length).replace(/\.json$/, '');
    const json = nameOf(path);
    if (json === null || !path.endsWith('.json') || !day.test(id)) return [];
    const [stem, due] = [`${reportsFolder}${id}`, id.slice(0, 10)];
    const [html, markdown] = [nameOf(`${stem}.html`), nameOf(`${stem}.md`)];
    return [{ id, name: id.slice(11), due, keptAt: updatedAt.toISOString(), html, markdown, json }];
  });
}

/**
 * One report as it is kept. Throws `NotFound` (refuse) where there is none, `StorageUnavailable` (retry), also where nobody
 * can read what is in its place.
 */
export async function readReport({ id }: { id: string }, ports: StateAccess): Promise<Report> {
  const path = `${reportsFolder}${id}.json`;
  // `latest-weekly` is no report of its own, and nothing else of the bucket is one.
  const found = day.test(id) && !id.includes('/') ? await readState({ path, decode: decodeReport }, ports) : undefined;
  if (found === undefined) throw noReport(id);
  if ('value' in found) return found.value;
  const message = `cannot be read: it ${found.unreadable}`;
  throw new ConvergeError({ code: 'StorageUnavailable', subject: path, message, disposition: 'retry' });
}

function noReport(subject: string): ConvergeError {
  return new ConvergeError({
    ...{ code: 'NotFound', subject, message: 'is no report that is kept', disposition: 'refuse' },
    remedy: '/v1/reports lists them',
  });
}
