/** One line that a function logged. */
export interface LogEntry {
  /** The same for the same line, whenever it is read. */
  readonly id: string;
  /** ISO 8601. */
  readonly time: string;
  /** As Cloud Logging has it: `INFO`, `WARNING`, `ERROR`, `DEFAULT`. */
  readonly severity: string;
  readonly message: string;
  /** All else that was logged with it. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Texts that stand in one line. */
export type Mention = readonly string[];

export interface Logs {
  /**
   * What functions logged since then, the oldest first: lines that have these texts, among others perhaps. Of more than
   * `limit` the last ones. Throws `LogsUnavailable` (retry), `CredentialsUnavailable` (retry).
   *
   * @param mentions a line is wanted that has all texts of one of them, wherever they stand in it
   */
  read(asked: { since: Date; mentions: readonly Mention[]; limit: number }): Promise<FoundLog>;
}

export interface FoundLog {
  readonly entries: readonly LogEntry[];
  /** Whether there were more than `limit`. */
  readonly mayBeMore: boolean;
}
