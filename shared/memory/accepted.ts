import type { Incident } from './incident.ts';
import type { Memory } from './memory.ts';

/** Who accepted the drift of an incident, and the commit that says so. */
export interface Accepted {
  readonly by: string;
  readonly commit: string;
}

/**
 * Whether an incident that ends with a convergence ends because a person accepted it: the commit that changed an input last says
 * so, or one that came with it, and nothing converged with it before.
 */
export function acceptedBy(
  { cause, converged }: Pick<Memory, 'cause' | 'converged'>,
  { id, reason }: Pick<Incident, 'id' | 'reason'>,
): Accepted | undefined {
  const last = cause?.found?.commit;
  if (last === undefined || cause?.accepts?.incident !== id || reason !== 'Drifted') return undefined;
  const { by, commit = last } = cause.accepts;
  return converged?.cause?.commit === last ? undefined : { by, commit };
}
