import type { AlertSink } from '../config/config.ts';
import { ConvergeError, describeError } from '../base/errors.ts';
import type { Alert } from '../events/alert.ts';
import type { Ports } from '../ports/ports.ts';

/**
 * Delivers one alert to every sink. Each sink is tried, whatever becomes of the others. A failure that a later
 * try may mend is thrown before any other, so that the redelivery repeats the alert to all of them, under the same id.
 */
export async function deliverAlert(
  { alert, id, sinks }: { alert: Alert; id: string; sinks: readonly AlertSink[] },
  ports: Pick<Ports, 'sinks' | 'log'>,
): Promise<{ delivered: readonly string[] }> {
  const outcomes = await Promise.allSettled(sinks.map(async (sink) => ports.sinks.deliver({ sink, alert, id })));
  const failed = outcomes.flatMap((outcome, index) =>
    outcome.status === 'rejected' ? [{ sink: sinks[index]?.name, error: outcome.reason as unknown }] : [],
  );
  for (const { sink, error } of failed)
    ports.log('WARNING', 'an alert was not delivered', { sink, id, error: describeError(error) });
  const retryable = failed.find(({ error }) => !(error instanceof ConvergeError) || error.disposition === 'retry');
  const worst = retryable ?? failed[0];
  if (worst !== undefined) throw worst.error;
  return { delivered: sinks.map((sink) => sink.name) };
}
