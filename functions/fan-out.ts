import { http } from '@google-cloud/functions-framework';
import { parseChangeCommitted } from '../shared/events/change-committed.ts';
import { fanOut } from '../shared/pipeline/fan-out.ts';
import { tellCommitted } from '../shared/pipeline/tell-git-hosts.ts';
import { acknowledging } from './delivery.ts';
import { loadConfig, loadWatch, wire } from './wiring.ts';

/** A commit arrived: one job for each environment it affects. */
http(
  'fanOut',
  acknowledging('fanOut', async (event) => {
    const ports = await wire('repository', 'state', 'topics');
    const watch = await loadWatch();
    const span = watch.begin();
    try {
      const change = parseChangeCommitted(event);
      const result = await fanOut(change, { ...ports, repository: watch.repository(ports.repository) });
      await tellCommitted(change, loadConfig(), async () => wire('gitHosts', 'repository', 'state'));
      return result;
    } finally {
      await span.tell();
    }
  }),
);
