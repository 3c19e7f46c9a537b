import { http } from '@google-cloud/functions-framework';
import { parseReconcileRequested } from '../shared/events/reconcile-requested.ts';
import { reconcile } from '../shared/pipeline/reconcile.ts';
import { recordedLook } from '../shared/pipeline/recorded-look.ts';
import { acknowledging } from './delivery.ts';
import { loadConfig, loadLooks, loadWatch, wire } from './wiring.ts';

/** One job: bring one environment to the head of its branch, or say exactly why not. */
http(
  'reconcile',
  acknowledging('reconcile', async (event) => {
    const ports = await wire('state', 'repository', 'cluster', 'renderer', 'topics', 'signatures');
    const job = parseReconcileRequested(event);
    const { limits, repositories, reports = [], freeze } = loadConfig();
    const writeback = repositories[job.repository]?.writeback ?? false;
    const settings = { limits, event: event.id, writeback, freeze, surveys: reports.length > 0 };
    const looks = await loadLooks();
    const watch = await loadWatch();
    const span = watch.begin();
    const watched = { repository: watch.repository(ports.repository), cluster: watch.cluster(ports.cluster) };
    try {
      return await recordedLook({ job, looks, now: ports.now }, async (onHindered) =>
        reconcile(job, { ...ports, ...watched }, { ...settings, onHindered }),
      );
    } finally {
      await span.tell();
    }
  }),
);
