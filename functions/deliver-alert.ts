import { http } from '@google-cloud/functions-framework';
import { parseAlert } from '../shared/events/alert.ts';
import { isUploadAlert, parseUploadAlert } from '../shared/events/upload-alert.ts';
import { sinksOf } from '../shared/events/refused-sinks.ts';
import { deliverAlert } from '../shared/pipeline/deliver-alert.ts';
import { acknowledging } from './delivery.ts';
import { loadConfig, wire } from './wiring.ts';

/** An alert, to everyone the configuration names. Anyone else subscribes to the topics. */
http(
  'deliverAlert',
  acknowledging('deliverAlert', async (event) => {
    // No sink shows these yet: whoever wants them subscribes to the topics.
    if (isUploadAlert(event)) return { passedOver: parseUploadAlert(event).data.artifact };
    return await deliverAlert(
      { alert: parseAlert(event), id: event.id, sinks: loadConfig().alerts.sinks, only: sinksOf(event) },
      await wire('sinks'),
    );
  }),
);
