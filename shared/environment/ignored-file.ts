import { environmentOfPath, environmentsFolder } from './environment-file.ts';

/** Whether a file of that name may be meant as that of an environment, though it is none: its text says. */
export function mayBeIgnored(path: string): boolean {
  return /\.ya?ml$/i.test(path) && environmentOfPath(path) === undefined;
}

/** Larger ones are read by nobody: an environment file is smaller. Characters. */
const longestText = 1_048_576;

/**
 * Why a file that is meant to declare an environment, as it seems, declares none: in words that follow its path.
 * Undefined for any other file, also for one whose text does not say in plain keys that it is of an environment.
 */
export function ignoredBecause({ path, text }: { path: string; text: string }): string | undefined {
  if (!mayBeIgnored(path)) return undefined;
  const isDirect = path.startsWith(`${environmentsFolder}/`) && path.split('/').length === 2;
  if (!isDirect && !saysEnvironment(text)) return undefined;
  return isDirect
    ? `is ignored: the name of an environment file ends in .yaml`
    : `is ignored: an environment file lies directly in ${environmentsFolder}/`;
}

function saysEnvironment(text: string): boolean {
  if (text.length > longestText) return false;
  return /^apiVersion:\s*["']?converge\.dev\//m.test(text) && /^kind:\s*["']?Environment["']?\s*(#.*)?$/m.test(text);
}
