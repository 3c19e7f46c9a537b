import { ConvergeError } from '../../shared/base/errors.ts';
import { inSeconds, within } from '../../shared/adapters/patience.ts';
import { CommandError } from '../command-error.ts';

/**
 * What came of one check. `not-asked` is neither good nor bad: somebody else can ask, and `remedy` says who. A `warning` is
 * good still, and soon may not be.
 */
export interface Finding {
  /** What is checked, a word or two. */
  readonly check: string;
  /** Of what. */
  readonly subject: string;
  readonly state: 'ok' | 'warning' | 'failed' | 'not-asked';
  readonly message: string;
  /** Null where nothing is to be done. */
  readonly remedy: string | null;
}

type About = Pick<Finding, 'check' | 'subject'>;

export function ok(about: About, message: string): Finding {
  return { ...about, state: 'ok', message, remedy: null };
}

export function warning(about: About, message: string, remedy: string): Finding {
  return { ...about, state: 'warning', message, remedy };
}

export function failed(about: About, message: string, remedy: string): Finding {
  return { ...about, state: 'failed', message, remedy };
}

export function notAsked(about: About, message: string, remedy: string): Finding {
  return { ...about, state: 'not-asked', message, remedy };
}

/** Longer than any of the systems is waited for by its own patience. Milliseconds. */
const longest = 45_000;

/**
 * What the work found; a finding of its own where it fails. Who has no credentials here, or no file of them, has asked nothing.
 */
export async function lookInto(
  about: About,
  work: () => Promise<Finding | readonly Finding[]>,
): Promise<readonly Finding[]> {
  try {
    const late = () =>
      new CommandError({ subject: about.subject, message: `no answer in ${inSeconds(longest)}`, exit: 1 });
    const found = await within({ milliseconds: longest, work: work(), late });
    return [found].flat();
  } catch (error) {
    if (error instanceof ConvergeError || error instanceof CommandError) return [findingOf(about, error)];
    throw error;
  }
}

function findingOf(about: About, error: ConvergeError | CommandError): Finding {
  const code = error instanceof ConvergeError ? error.code : undefined;
  const isMine = code === 'CredentialsUnavailable' || code === 'SecretUnavailable';
  const remedy =
    code === 'CredentialsUnavailable'
      ? 'sign in: gcloud auth application-default login'
      : (error.remedy ?? 'docs/runbook.md says what it means');
  const message = `${error.subject}: ${error.problem}`;
  return isMine ? notAsked(about, message, remedy) : failed(about, message, remedy);
}
