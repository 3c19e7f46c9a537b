import { http } from '@google-cloud/functions-framework';
import { timeOf } from '../shared/events/cloud-event.ts';
import { parseReceivedAlert } from '../shared/events/received-alert.ts';
import { sinksOf } from '../shared/events/refused-sinks.ts';
import { deliverAlert } from '../shared/pipeline/deliver-alert.ts';
import { commitsOf, gitHostSinks } from '../shared/pipeline/tell-git-hosts.ts';
import { acknowledging } from './delivery.ts';
import { loadConfig, wire } from './wiring.ts';

/** An alert, to everyone the configuration names. Anyone else subscribes to the topics. */
http(
  'deliverAlert',
  acknowledging('deliverAlert', async (event) => {
    const [alert, config] = [parseReceivedAlert(event), loadConfig()];
    const others = gitHostSinks(commitsOf(alert), config, async () => wire('gitHosts', 'repository', 'state'));
    return deliverAlert(
      { alert, id: event.id, time: timeOf(event), sinks: config.alerts.sinks, others, only: sinksOf(event) },
      await wire('sinks', 'state'),
    );
  }),
);
