import type { AlertSink } from '../shared/config/sinks.ts';
import type { ReceivedAlert } from '../shared/events/received-alert.ts';
import { noticeOf } from '../shared/notices/notice.ts';
import type { SinkDelivery } from '../shared/ports/messages.ts';

/** What a sink is handed of an alert that it has not heard of, but for what is given. */
export function deliveryOf({
  sink,
  alert,
  ...given
}: { sink: AlertSink; alert: ReceivedAlert } & Partial<SinkDelivery>): SinkDelivery {
  const notice = noticeOf(alert, { isTold: false });
  return { sink, alert, notice, id: 'event-7', time: undefined, message: undefined, perhaps: false, ...given };
}
