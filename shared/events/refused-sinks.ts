import type { IncomingEvent } from './cloud-event.ts';

/** The extension attribute of an alert that is sent again to some sinks alone. */
export const sinksAttribute = 'sinks';

/** Bytes of the value of an attribute. https://docs.cloud.google.com/pubsub/quotas#resource_limits */
const longestValue = 1024;

/**
 * Names of sinks as one header of ASCII, with commas between them; undefined where it would be longer than Pub/Sub takes:
 * the alert then goes to all.
 */
export function encodeSinks(names: readonly string[]): string | undefined {
  const text = names.map((name) => encodeURIComponent(name.toWellFormed())).join(',');
  return text === '' || text.length > longestValue ? undefined : text;
}

/** The sinks that an alert is for, by name; undefined: for all, also where nobody can say. */
export function sinksOf({ sinks }: IncomingEvent): readonly string[] | undefined {
  if (sinks === undefined || sinks === '') return undefined;
  try {
    return sinks.split(',').map(decodeURIComponent);
  } catch {
    return undefined;
  }
}
