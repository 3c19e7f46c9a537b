import { ConvergeError } from '../shared/base/errors.ts';

/** The `ConvergeError` that a call throws, or undefined where it returns. Throws what else it throws. */
export function refusalIfAny(work: () => unknown): ConvergeError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof ConvergeError) return error;
    throw error;
  }
}

/** The `ConvergeError` that a call throws. Throws where it returns, and what else it throws. */
export function refusalOf(work: () => unknown): ConvergeError {
  const refusal = refusalIfAny(work);
  if (refusal === undefined) throw new Error('was not refused');
  return refusal;
}

/**
 * The `ConvergeError` that a promise is rejected with. Rejects where it is fulfilled, and with what else it is rejected
 * with.
 */
export async function rejectionOf(work: Promise<unknown>): Promise<ConvergeError> {
  const value = await work.catch((error: unknown) => {
    if (error instanceof ConvergeError) return error;
    throw error;
  });
  if (value instanceof ConvergeError) return value;
  throw new Error('was not refused', { cause: value });
}
