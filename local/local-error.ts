/** A condition of this machine or of the command line that its user can do something about: shown without a stack. */
export class LocalError extends Error {
  readonly remedy: string | undefined;

  constructor({ message, remedy, cause }: { message: string; remedy?: string; cause?: unknown }) {
    super(remedy === undefined ? message : `${message}\n  ${remedy}`, cause === undefined ? {} : { cause });
    this.name = 'LocalError';
    this.remedy = remedy;
  }
}

/** The `code` of a Node system error (`ENOENT`), or undefined for anything else that was thrown. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
