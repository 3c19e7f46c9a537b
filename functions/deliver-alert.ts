import { http } from '@google-cloud/functions-framework';
import { timeOf } from '../shared/events/cloud-event.ts';
import { parseReceivedAlert } from '../shared/events/received-alert.ts';
import { sinksOf } from '../shared/events/refused-sinks.ts';
import { deliverAlert } from '../shared/pipeline/deliver-alert.ts';
import { acknowledging } from './delivery.ts';
import { loadConfig, wire } from './wiring.ts';

/** An alert, to everyone the configuration names. Anyone else subscribes to the topics. */
http(
  'deliverAlert',
  acknowledging('deliverAlert', async (event) =>
    deliverAlert(
      {
        alert: parseReceivedAlert(event),
        id: event.id,
        time: timeOf(event),
        sinks: loadConfig().alerts.sinks,
        only: sinksOf(event),
      },
      await wire('sinks', 'state'),
    ),
  ),
);
