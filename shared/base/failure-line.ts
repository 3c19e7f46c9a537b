import { ConvergeError, describeError, refusalOf, type ErrorCode } from './errors.ts';

/** Others are at work: the message comes again, and nothing is wrong. */
const ordinary: readonly ErrorCode[] = ['LeaseHeld', 'StaleLook', 'IntakeBusy'];

/** What a function logs of a message whose work failed. */
export interface FailureLine {
  readonly severity: 'INFO' | 'WARNING' | 'ERROR';
  readonly message: string;
  readonly fields: { readonly code: string | undefined; readonly error: string; readonly stack?: string | undefined };
  /** Undefined where a later try may mend it. */
  readonly refused: ConvergeError | undefined;
}

/**
 * One line of a failure: its stack only where the program failed, or nobody foresaw the error.
 *
 * @param work.subject what is refused where the program failed, whose error names nothing
 */
export function failureLine(error: unknown, { stage, subject }: { stage: string; subject: string }): FailureLine {
  const refused = refusalOf(error, subject);
  const known = refused ?? (error instanceof ConvergeError ? error : undefined);
  const fields = { code: known?.code, error: describeError(error), ...stackOf({ error, known }) };
  if (refused === undefined && known !== undefined && ordinary.includes(known.code))
    return { severity: 'INFO', message: `${stage} comes again`, fields, refused };
  return { severity: refused === undefined ? 'WARNING' : 'ERROR', message: `${stage} failed`, fields, refused };
}

function stackOf({ error, known }: { error: unknown; known: ConvergeError | undefined }): { stack?: string } {
  const isForeseen = known !== undefined && known.code !== 'Unforeseen';
  return isForeseen || !(error instanceof Error) || error.stack === undefined ? {} : { stack: error.stack };
}
