import type { Diff } from '../../events/alert.ts';
import { anew } from '../incident.ts';
import { openIncidents, withIncident } from '../incidents.ts';
import type { Memory } from '../memory.ts';
import type { Quarantine } from '../quarantine.ts';

/** A memory that was lost takes its quarantine over from the copy that uploads are checked against. Clears nothing. */
export function quarantineFound(memory: Memory, { quarantine }: { quarantine: Quarantine }): Memory {
  return { ...memory, quarantine };
}

/** Another environment's rollback took back what this one attempted, too. Clears nothing. */
export function quarantineShared(memory: Memory, { quarantine }: { quarantine: Quarantine }): Memory {
  return { ...memory, quarantine };
}

/** The branch has other inputs by now. Clears `quarantine`. */
export function quarantineEnded(memory: Memory): Memory {
  return { ...memory, quarantine: undefined };
}

/** A person brought its inputs back. Clears nothing: what is rolled back once is not rolled back again. */
export function quarantineLifted(memory: Memory, { commit }: { commit: string }): Memory {
  const { quarantine } = memory;
  return quarantine === undefined ? memory : { ...memory, quarantine: { ...quarantine, lifted: commit } };
}

/** What became of a rollback: the quarantine as it is from now on, and what the alert says of it. */
export type RollbackDone = { readonly note: string } & (
  | { readonly rollback: NonNullable<Diff['rollback']>; readonly quarantine: Quarantine }
  | { readonly rollback: null; readonly quarantine: Quarantine | undefined }
);

/**
 * What became of a rollback: in the quarantine, and in the alert that tells of the failure, which is thereby to be
 * told. Clears `quarantine` where nothing was rolled back.
 */
export function rollbackDone(memory: Memory, { quarantine, rollback, note }: RollbackDone): Memory {
  const open = openIncidents(memory);
  const incident = open.find(({ diff, told }) => diff !== undefined && !told) ?? open[0];
  if (incident?.diff === undefined) return { ...memory, quarantine };
  // A run that died said it, as its evidence tells.
  if (incident.diff.summary.endsWith(`; ${note}`)) return { ...memory, quarantine };
  const summary = `${incident.summary}; ${note}`;
  const diff: Diff = { ...incident.diff, rollback, summary: `${incident.diff.summary}; ${note}` };
  return { ...withIncident(memory, { ...anew(incident), summary, diff }), quarantine };
}
