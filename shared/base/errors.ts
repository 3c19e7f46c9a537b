/**
 * What is to become of the work that met an error:
 * `retry`: the outside world may answer differently later; `refuse`: the input is wrong and stays wrong.
 */
export type Disposition = 'retry' | 'refuse';

/** Stable codes. Callers branch on these, never on a message. */
export const errorCodes = [
  'BadConfiguration',
  'BadRequest',
  'NotFound',
  'MethodNotAllowed',
  'UnsupportedMediaType',
  'PreconditionFailed',
  'TooManyCalls',
  'BadSignature',
  'IssuerUnavailable',
  'NotAllowed',
  'NotAuthenticated',
  'InvalidEnvironment',
  'InvalidEvent',
  'InvalidArchive',
  'NotImplemented',
  'Overloaded',
  'Unforeseen',
  'OwnedByAnother',
  'RemovalGuarded',
  'UnknownCluster',
  'UnknownRepository',
  'UntrustedRevision',
  'UnsafePath',
  'TooLarge',
  'UnreadableBody',
  'RenderFailed',
  'DuplicateObject',
  'EmptyRender',
  'Quarantined',
  'RollbackConflict',
  'RollbackRefused',
  'ActionRefused',
  'ActionConflict',
  'AcceptRefused',
  'GitUnavailable',
  'GitRefused',
  'RepositoryTooLarge',
  'BranchMissing',
  'UnreadableObject',
  'StorageUnavailable',
  'StorageRefused',
  'PubSubUnavailable',
  'LogsUnavailable',
  'ClusterUnavailable',
  'ClusterRefused',
  'ClusterNotFound',
  'ClusterStopped',
  'NoSuchEndpoint',
  'ImpersonationRefused',
  'CredentialsUnavailable',
  'SecretUnavailable',
  'SecretRefused',
  'LeaseLost',
  'LeaseHeld',
  'StaleLook',
  'IntakeBusy',
  'WouldOverwrite',
  'SinkUnavailable',
  'SinkRefused',
] as const;
export type ErrorCode = (typeof errorCodes)[number];

export interface ErrorFacts {
  readonly code: ErrorCode;
  /** The object involved: a path with line, a `gs://` name, an environment key, a Kubernetes object. */
  readonly subject: string;
  /** What happened, in one sentence, without the subject. */
  readonly message: string;
  /** What the reader can do about it. */
  readonly remedy?: string;
  readonly disposition: Disposition;
  /** Names of the alert sinks that refused, where the others have the alert. */
  readonly sinks?: readonly string[];
  /**
   * Of a render: the paths that were read, or looked for, until it failed. Nothing but a change of one of them, or of
   * what the environment names, makes it end otherwise. Absent where that is not known.
   */
  readonly reads?: readonly string[];
  /** What was asked may have been done all the same: its answer was lost. */
  readonly unanswered?: boolean;
  readonly cause?: unknown;
}

/** The one error class of the product: a code, the object involved, the cause, and what to do. */
export class ConvergeError extends Error {
  readonly code: ErrorCode;
  readonly subject: string;
  readonly problem: string;
  readonly remedy: string | undefined;
  readonly disposition: Disposition;
  readonly sinks: readonly string[] | undefined;
  readonly reads: readonly string[] | undefined;
  readonly unanswered: boolean;

  constructor(facts: ErrorFacts) {
    const remedy = facts.remedy === undefined ? '' : ` (${facts.remedy})`;
    super(`${facts.subject}: ${facts.message}${remedy}`, facts.cause === undefined ? {} : { cause: facts.cause });
    this.name = 'ConvergeError';
    this.code = facts.code;
    this.subject = facts.subject;
    this.problem = facts.message;
    this.remedy = facts.remedy;
    this.disposition = facts.disposition;
    this.sinks = facts.sinks;
    this.reads = facts.reads;
    this.unanswered = facts.unanswered ?? false;
  }
}

/** A refusal of what was made of these files, which says so; anything else as it is. */
export function havingRead(error: unknown, reads: readonly string[]): unknown {
  if (!(error instanceof ConvergeError) || error.disposition !== 'refuse') return error;
  const { code, subject, problem: message, remedy, disposition, cause } = error;
  return new ConvergeError({
    ...{ code, subject, message, disposition, reads },
    ...(remedy === undefined ? {} : { remedy }),
    ...(cause === undefined ? {} : { cause }),
  });
}

/**
 * The refusal that an error is, or undefined for one that a later try may mend. An error of the program itself (a stack
 * that overflowed, a value that is not there) comes of its input, and comes again with it: `Unforeseen`. What undici
 * throws as a `TypeError` has a cause.
 */
export function refusalOf(error: unknown, subject: string): ConvergeError | undefined {
  if (error instanceof ConvergeError) return error.disposition === 'refuse' ? error : undefined;
  const isOfProgram =
    error instanceof RangeError ||
    error instanceof SyntaxError ||
    error instanceof ReferenceError ||
    (error instanceof TypeError && error.cause === undefined);
  if (!isOfProgram) return undefined;
  const message =
    error instanceof RangeError && error.message.startsWith('Maximum call stack')
      ? 'is nested too deeply to be read'
      : `met an error that nobody foresaw (${error.name})`;
  return new ConvergeError({
    code: 'Unforeseen',
    subject,
    message,
    remedy: 'the log has more; please report it',
    disposition: 'refuse',
    cause: error,
  });
}

/** The message of anything thrown, with the messages of its causes behind it. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `: ${describeError(error.cause)}`;
  return `${error.message}${cause}`;
}
