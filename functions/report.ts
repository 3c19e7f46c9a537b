import { http } from '@google-cloud/functions-framework';
import { parseDuration } from '../shared/environment/duration.ts';
import { dueReports, report } from '../shared/pipeline/report.ts';
import { answering } from './delivery.ts';
import { loadConfig, wire } from './wiring.ts';

/** Called by a scheduler: `?report=NAME` makes that report of the configuration, and no name those that are due. */
http(
  'report',
  answering('report', async (request) => {
    const { reports = [], repositories, checks } = loadConfig();
    const settings = { repositories: Object.keys(repositories), interval: parseDuration(checks.interval) };
    const ports = await wire('repository', 'state', 'documents', 'topics');
    const name = typeof request.query['report'] === 'string' ? request.query['report'] : undefined;
    const tick = request.get('x-cloudscheduler-scheduletime') ?? '';
    const made: string[] = [];
    for (const due of await dueReports({ reports, name, tick }, ports))
      made.push((await report({ ...due, ...settings }, ports)).name);
    return { status: 200, body: { made } };
  }),
);
