import { parseTime } from '../base/time.ts';
import type { Environment } from './environment-file.ts';

export type SuspensionKeys = Pick<Environment, 'suspend' | 'suspendUntil' | 'suspendReason'>;

/** That an environment is suspended: until when (ISO 8601; absent: without an end), and why, where its file says so. */
export interface EnvironmentSuspension {
  readonly until?: string;
  readonly reason?: string;
}

/** Whether an environment is suspended now. A time that its file gives ends it, whatever else it says. */
export function environmentSuspension(
  { suspend, suspendUntil, suspendReason }: SuspensionKeys,
  now: Date,
): EnvironmentSuspension | undefined {
  const isSuspended = suspendUntil === undefined ? suspend : now.getTime() < parseTime(suspendUntil);
  if (!isSuspended) return undefined;
  return {
    ...(suspendUntil === undefined ? {} : { until: suspendUntil }),
    ...(suspendReason === undefined ? {} : { reason: suspendReason }),
  };
}

/** As its file says it, for people: `suspendUntil: 2026-11-30T06:00:00Z (moves to another zone)`. */
export function environmentSuspensionWords({ until, reason }: EnvironmentSuspension): string {
  const what = until === undefined ? 'suspend: true' : `suspendUntil: ${until}`;
  return reason === undefined ? what : `${what} (${reason})`;
}

/** What a file says beside that. */
export function withoutSuspension(environment: Environment): Omit<Environment, keyof SuspensionKeys> {
  const { suspend: _suspend, suspendUntil: _until, suspendReason: _reason, ...rest } = environment;
  return rest;
}
