import * as git from 'isomorphic-git';
import { ConvergeError } from '../../errors.ts';

interface GitErrorFacts {
  readonly subject: string;
  readonly message: string;
  readonly remedy?: string;
  readonly cause?: unknown;
}

/** An answer that stays: only a person changes it. */
export function gitRefused(facts: GitErrorFacts): ConvergeError {
  return new ConvergeError({ code: 'GitRefused', disposition: 'refuse', ...facts });
}

/** The host may answer otherwise later. */
export function gitUnavailable(facts: GitErrorFacts): ConvergeError {
  return new ConvergeError({ code: 'GitUnavailable', disposition: 'retry', ...facts });
}

/** What isomorphic-git and its HTTP client threw, as one of ours. */
export function translateGitError({ error, subject }: { error: unknown; subject: string }): ConvergeError {
  if (error instanceof ConvergeError) return error;
  if (error instanceof git.Errors.HttpError && isRefusal(error.data.statusCode)) {
    const isAuth = [401, 403, 404].includes(error.data.statusCode);
    return gitRefused({
      subject,
      message: `answered ${error.data.statusCode} ${error.data.statusMessage}: ${error.data.response ?? ''}`.slice(0, 500),
      ...(isAuth ? { remedy: 'check the URL and the credentials of this repository' } : {}),
      cause: error,
    });
  }
  const code = systemCode(error);
  return gitUnavailable({
    subject,
    message: code === undefined ? 'the Git host did not answer as it should' : `the Git host can't be reached: ${code}`,
    cause: error,
  });
}

function isRefusal(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 429;
}

export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

export function refusal(error: InstanceType<typeof git.Errors.GitPushError>, ref: string): string {
  return error.data.result.refs[ref]?.error ?? error.data.result.error ?? 'without a reason';
}

/** The report of git's own receive-pack when two pushes take one ref at once and neither is through yet. */
export function lostRace(error: InstanceType<typeof git.Errors.GitPushError>, ref: string): boolean {
  return error.data.result.refs[ref]?.error === 'failed to update ref';
}
