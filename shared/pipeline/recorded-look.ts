import type { ReconcileRequested } from '../events/reconcile-requested.ts';
import type { Look, LookRecorder } from './common/record-looks.ts';
import type { ReconcileResult } from './reconcile.ts';
import type { Ports } from '../ports/ports.ts';

/**
 * One look, which is taken down with when it began and whether it came to an end. One that found another run at work is
 * none. Resolves with what the look does, and throws what it throws.
 */
export async function recordedLook(
  {
    job: { repository, environment },
    looks,
    now,
  }: { job: ReconcileRequested; looks: LookRecorder } & Pick<Ports, 'now'>,
  look: () => Promise<ReconcileResult>,
): Promise<ReconcileResult> {
  const at = now();
  const ended = async (outcome: Look['outcome']): Promise<void> =>
    looks.looked({ repository, environment, at, outcome });
  let result: ReconcileResult;
  try {
    result = await look();
  } catch (error) {
    await ended('attempted');
    throw error;
  }
  const outcome = outcomeOf(result);
  if (outcome !== undefined) await ended(outcome);
  return result;
}

function outcomeOf({ outcome }: ReconcileResult): Look['outcome'] | undefined {
  switch (outcome) {
    case 'busy':
      return undefined;
    case 'superseded':
      return 'attempted';
    case 'absent':
    case 'removed':
      return 'gone';
    case 'unchanged':
    case 'converged':
    case 'waiting':
    case 'diverged':
    case 'suspended':
      return 'checked';
  }
}
