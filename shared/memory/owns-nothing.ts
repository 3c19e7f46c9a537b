import type { Memory } from './memory.ts';

/**
 * Whether an environment was attempted, and nothing was ever written for it in any cluster: it failed before. Not said
 * of one of which nothing is known, nor of one that was recalled from its branch, nor where a run died that may have
 * written.
 */
export function ownsNothing({
  attempted,
  converged,
  cluster,
  objects,
  rolledOut,
  suspects,
  lateUntil,
}: Memory): boolean {
  const isKnown = Object.values(attempted?.inputs ?? {}).some((id) => id !== null);
  const isWritten = converged !== undefined || cluster !== '' || Object.keys(objects).length > 0;
  const mayBeWritten = rolledOut !== undefined || suspects !== undefined || lateUntil !== undefined;
  return isKnown && !isWritten && !mayBeWritten;
}
