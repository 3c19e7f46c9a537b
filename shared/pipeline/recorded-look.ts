import { ConvergeError, type ErrorCode } from '../base/errors.ts';
import type { Failing, Hindrance } from '../memory/look-times.ts';
import type { ReconcileRequested } from '../events/reconcile-requested.ts';
import type { Look, LookRecorder } from './common/record-looks.ts';
import type { ReconcileResult } from './reconcile.ts';
import type { Ports } from '../ports/ports.ts';

/**
 * One look, which is taken down with when it began and whether it came to an end. One that found another run at work is
 * none, but where nobody can read by whom: what it says of that is taken down at once. Resolves with what the look does,
 * and throws what it throws.
 */
export async function recordedLook(
  {
    job: { repository, environment },
    looks,
    now,
  }: { job: ReconcileRequested; looks: LookRecorder } & Pick<Ports, 'now'>,
  look: (onHindered: (by: Hindrance) => Promise<void>) => Promise<ReconcileResult>,
): Promise<ReconcileResult> {
  const at = now();
  const ended = async (outcome: Look['outcome'], failed?: Omit<Failing, 'since'>): Promise<void> =>
    looks.looked({ repository, environment, at, outcome, ...(failed === undefined ? {} : { failed }) });
  const onHindered = async (hindered: Hindrance): Promise<void> =>
    looks.looked({ repository, environment, at, outcome: 'attempted', hindered });
  let result: ReconcileResult;
  try {
    result = await look(onHindered);
  } catch (error) {
    const isNone = error instanceof ConvergeError && error.code === 'LeaseHeld';
    if (!isNone) await ended('attempted', reasonOf(error));
    throw error;
  }
  await ended(outcomeOf(result));
  return result;
}

/** Others were faster: nothing is wrong. */
const othersWereFaster: readonly ErrorCode[] = ['StaleLook', 'LeaseLost'];

/** Undefined for what nobody foresaw, too: of that the log says more than everybody may read. */
function reasonOf(error: unknown): Omit<Failing, 'since'> | undefined {
  if (!(error instanceof ConvergeError) || othersWereFaster.includes(error.code)) return undefined;
  return { code: error.code, subject: error.subject, problem: error.problem };
}

function outcomeOf({ outcome }: ReconcileResult): Look['outcome'] {
  switch (outcome) {
    case 'absent':
    case 'removed':
      return 'gone';
    case 'unchanged':
    case 'converged':
    case 'waiting':
    case 'diverged':
    case 'suspended':
    case 'frozen':
      return 'checked';
  }
}
