/**
 * What the user of the command is told in a line and a remedy, without a stack. Exit code 2: a mistake in the command
 * line, its surroundings or the configuration; 1: something else went wrong. `lasting`: asking again is answered the same.
 */
export class CommandError extends Error {
  readonly subject: string;
  readonly problem: string;
  readonly remedy: string | undefined;
  readonly exit: 1 | 2;
  readonly lasting: boolean;

  constructor({
    subject,
    message,
    remedy,
    exit = 2,
    lasting = exit === 2,
  }: {
    subject: string;
    message: string;
    remedy?: string;
    exit?: 1 | 2;
    lasting?: boolean;
  }) {
    super(`${subject}: ${message}`);
    this.name = 'CommandError';
    this.subject = subject;
    this.problem = message;
    this.remedy = remedy;
    this.exit = exit;
    this.lasting = lasting;
  }
}
