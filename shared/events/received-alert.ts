import { policyWords } from '../environment/policy.ts';
import { convergedType, diffType, parseAlert, type Alert } from './alert.ts';
import type { IncomingEvent } from './cloud-event.ts';
import {
  isDependencyAlert,
  parseDependencyAlert,
  reachableType,
  unreachableType,
  type DependencyAlert,
} from './dependency-alert.ts';
import {
  isUploadAlert,
  parseUploadAlert,
  uploadAcceptedType,
  uploadRefusedType,
  type UploadAlert,
} from './upload-alert.ts';

/** What stands on the topics `diff` and `converged`: of an environment where no `kind` says otherwise. */
export type ReceivedAlert =
  | (Alert & { readonly kind?: undefined })
  | (DependencyAlert & { readonly kind: 'dependency' })
  | (UploadAlert & { readonly kind: 'upload' });

/** Throws `InvalidEvent` (refuse), also for an event that is no alert. */
export function parseReceivedAlert(event: IncomingEvent): ReceivedAlert {
  if (isDependencyAlert(event)) return { kind: 'dependency', ...parseDependencyAlert(event) };
  return isUploadAlert(event) ? { kind: 'upload', ...parseUploadAlert(event) } : parseAlert(event);
}

/** Of the event that it came as. */
export function typeOfAlert({ kind, topic }: ReceivedAlert): string {
  switch (kind) {
    case undefined:
      return topic === 'diff' ? diffType : convergedType;
    case 'dependency':
      return topic === 'diff' ? unreachableType : reachableType;
    case 'upload':
      return topic === 'diff' ? uploadRefusedType : uploadAcceptedType;
  }
}

/** The JSON that a webhook gets: the alert's data, its topic, and its environment's policy in words where it is of one. */
export function alertBody(alert: ReceivedAlert): string {
  const { topic, data } = alert;
  if (alert.kind !== undefined) return JSON.stringify({ topic, ...data });
  return JSON.stringify({ topic, ...data, policies: policyWords(alert.data.policy) });
}
