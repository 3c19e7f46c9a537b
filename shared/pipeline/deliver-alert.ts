import type { AlertSink } from '../config/sinks.ts';
import { ConvergeError, describeError } from '../base/errors.ts';
import type { ReceivedAlert } from '../events/received-alert.ts';
import { deliverOrHold } from './common/deliver-held.ts';
import type { DeliverPorts } from './common/deliver-to-sink.ts';

/** Somebody who is told of an alert in a way of their own: it is tried, and fails, as a sink. */
export interface OtherSink {
  readonly name: string;
  readonly tell: () => Promise<string>;
}

/**
 * Delivers one alert to every sink, or to some alone. Each sink is tried on its own: what becomes of the others delays
 * and repeats nothing there, as each has a record of what it was told. A failure that a later try may mend is thrown
 * before any other, so that the alert comes again, for those that do not have it; else a refusal that names every sink
 * that refused.
 *
 * @param only names of sinks, of an alert that is sent again; undefined: all
 * @param time when its event was made, ISO 8601; undefined where nobody said
 */
export async function deliverAlert(
  {
    alert,
    id,
    time,
    sinks,
    others = [],
    only,
  }: {
    alert: ReceivedAlert;
    id: string;
    time: string | undefined;
    sinks: readonly AlertSink[];
    others?: readonly OtherSink[];
    only: readonly string[] | undefined;
  },
  ports: DeliverPorts,
): Promise<{ delivered: readonly string[] }> {
  const alerted = sinks.map((sink): OtherSink => {
    return { name: sink.name, tell: async () => deliverOrHold({ sink, alert, id, time }, ports) };
  });
  const chosen = [...alerted, ...others].filter(({ name }) => only === undefined || only.includes(name));
  const outcomes = await Promise.allSettled(chosen.map(async ({ tell }) => tell()));
  const tried = chosen.flatMap(({ name }, index) => {
    const outcome = outcomes[index];
    return outcome?.status === 'rejected' ? [{ sink: name, error: outcome.reason as unknown }] : [];
  });
  const gone = (only ?? []).filter((name) => !chosen.some((sink) => sink.name === name));
  const failed = [...tried, ...gone.map((sink) => ({ sink, error: notConfigured(sink) }))];
  for (const { sink, error } of failed)
    ports.log('WARNING', 'an alert was not delivered', { sink, id, error: describeError(error) });
  const worst = failed.find(({ error }) => !isRefusal(error)) ?? failed[0];
  if (worst === undefined)
    return { delivered: chosen.flatMap(({ name }, index) => (isSent(outcomes[index]) ? [name] : [])) };
  if (!isRefusal(worst.error)) throw worst.error;
  const { code, subject, problem: message, remedy, disposition, cause } = worst.error;
  throw new ConvergeError({
    ...{ code, subject, message, disposition, cause, sinks: failed.map(({ sink }) => sink) },
    ...(remedy === undefined ? {} : { remedy }),
  });
}

function isSent(outcome: PromiseSettledResult<string> | undefined): boolean {
  return outcome?.status === 'fulfilled' && (outcome.value === 'delivered' || outcome.value === 'told');
}

function isRefusal(error: unknown): error is ConvergeError {
  return error instanceof ConvergeError && error.disposition === 'refuse';
}

/** It was, when the alert was refused: nobody else is sent it in its stead. */
function notConfigured(name: string): ConvergeError {
  return new ConvergeError({
    code: 'SinkRefused',
    subject: `alert sink ${name}`,
    message: 'the configuration has no sink of that name any more',
    remedy: 'configure it again under that name, and send the dead letter again',
    disposition: 'refuse',
  });
}
