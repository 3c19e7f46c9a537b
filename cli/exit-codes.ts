import type { ErrorCode } from '../shared/base/errors.ts';

/** What the user can mend in the command line, the configuration or the files that are uploaded. */
const mistakes: ReadonlySet<string> = new Set<ErrorCode>([
  'ActionRefused',
  'BadConfiguration',
  'BadRequest',
  'InvalidEnvironment',
  'NotFound',
  'NotImplemented',
  'RollbackRefused',
  'TooLarge',
  'UnknownRepository',
  'UnsafePath',
]);

/** The exit code of an error of a stage, by its code: here or of a function that was asked. */
export function exitOf(code: string): 1 | 2 {
  return mistakes.has(code) ? 2 : 1;
}
