import { http } from '@google-cloud/functions-framework';
import { parseChangeCommitted } from '../shared/events/change-committed.ts';
import { fanOut } from '../shared/pipeline/fan-out.ts';
import { acknowledging } from './delivery.ts';
import { loadWatch, wire } from './wiring.ts';

/** A commit arrived: one job for each environment it affects. */
http(
  'fanOut',
  acknowledging('fanOut', async (event) => {
    const ports = await wire('repository', 'state', 'topics');
    const watch = await loadWatch();
    const span = watch.begin();
    try {
      return await fanOut(parseChangeCommitted(event), { ...ports, repository: watch.repository(ports.repository) });
    } finally {
      await span.tell();
    }
  }),
);
