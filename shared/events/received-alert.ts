import { policyWords } from '../environment/policy.ts';
import { encodeAlert, parseAlert, type Alert } from './alert.ts';
import type { IncomingEvent, OutgoingEvent } from './cloud-event.ts';
import {
  encodeDependencyAlert,
  isDependencyAlert,
  parseDependencyAlert,
  type DependencyAlert,
} from './dependency-alert.ts';
import { encodeReport, parseReport, reportType, type Report } from './report.ts';
import { encodeUploadAlert, isUploadAlert, parseUploadAlert, type UploadAlert } from './upload-alert.ts';

/** What stands on the topics `diff`, `converged` and `report`: of an environment where no `kind` says otherwise. */
export type ReceivedAlert =
  | (Alert & { readonly kind?: undefined })
  | (DependencyAlert & { readonly kind: 'dependency' })
  | (UploadAlert & { readonly kind: 'upload' })
  | { readonly kind: 'report'; readonly topic: 'report'; readonly data: Report };

/** Throws `InvalidEvent` (refuse), also for an event that is no alert. */
export function parseReceivedAlert(event: IncomingEvent): ReceivedAlert {
  if (isDependencyAlert(event)) return { kind: 'dependency', ...parseDependencyAlert(event) };
  if (event.type === reportType) return { kind: 'report', topic: 'report', data: parseReport(event) };
  return isUploadAlert(event) ? { kind: 'upload', ...parseUploadAlert(event) } : parseAlert(event);
}

/** The event that it came as. */
export function encodeReceivedAlert(alert: ReceivedAlert, time: Date): OutgoingEvent {
  switch (alert.kind) {
    case undefined:
      return encodeAlert(alert, time);
    case 'dependency':
      return encodeDependencyAlert(alert, time);
    case 'upload':
      return encodeUploadAlert(alert, time);
    case 'report':
      return encodeReport(alert.data, time);
  }
}

/** What a webhook gets: the alert's data, with its environment's policy in words where it is of one. */
export function alertData(alert: ReceivedAlert): object {
  if (alert.kind !== undefined) return alert.data;
  return { ...alert.data, policies: policyWords(alert.data.policy) };
}
