import type { AlertSink } from '../config/config.ts';
import type { SinkAbilities } from './delivery-record.ts';

/** By the kind of the sink: what is not listed gets each alert. */
export function abilitiesOf(sink: AlertSink): SinkAbilities {
  return 'webhook' in sink ? { updates: true, news: true } : { updates: false, news: false };
}
