import type { AlertSink } from '../config.ts';
import { describeError } from '../errors.ts';
import type { Alert } from '../events/alert.ts';
import type { Ports } from './ports.ts';

/**
 * Delivers one alert to every sink. Each sink is tried, whatever becomes of the others; the first failure is thrown after
 * that, so that a redelivery repeats the alert to all of them, under the same id.
 */
export async function deliverAlert(
  { alert, id, sinks }: { alert: Alert; id: string; sinks: readonly AlertSink[] },
  ports: Pick<Ports, 'sinks' | 'log'>,
): Promise<{ delivered: readonly string[] }> {
  const outcomes = await Promise.allSettled(sinks.map(async (sink) => ports.sinks.deliver({ sink, alert, id })));
  const failed = outcomes.flatMap((outcome, index) => (outcome.status === 'rejected' ? [{ sink: sinks[index]?.name, error: outcome.reason as unknown }] : []));
  for (const { sink, error } of failed) ports.log('WARNING', 'an alert was not delivered', { sink, id, error: describeError(error) });
  const [first] = failed;
  if (first !== undefined) throw first.error;
  return { delivered: sinks.map((sink) => sink.name) };
}
