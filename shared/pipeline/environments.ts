import { ConvergeError } from '../base/errors.ts';
import { environmentKey } from '../base/revision.ts';
import { matchesPattern } from '../base/pattern.ts';
import type { Config } from '../config/config.ts';
import type { Ports } from '../ports/ports.ts';
import { hasLabels, needsSomebody, type EnvironmentStatus, type Status } from './common/environment-status.ts';
import type { StateAccess } from './common/read-state.ts';
import { statusNow } from './status.ts';

type StatusPorts = StateAccess & Pick<Ports, 'now' | 'repository'>;

/** Which environments are asked for; nothing of it: all. */
export interface ChosenEnvironments {
  /** Classes, `*` being any text. */
  readonly classes: readonly string[];
  /** What the file of an environment has to say, all of it. */
  readonly labels: readonly (readonly [label: string, value: string])[];
  /** Only those of which nobody can say that they are well. */
  readonly isOfProblems: boolean;
}

/**
 * The environments that are chosen, as `status` has them, and the repositories that could not be read: of those nobody knows
 * all environments. Throws `BadRequest` (refuse) for a pattern of which there is no class.
 */
export async function chosenEnvironments(
  config: Pick<Config, 'checks' | 'repositories'>,
  { classes, labels, isOfProblems }: ChosenEnvironments,
  ports: StatusPorts,
): Promise<Pick<Status, 'environments' | 'unreadable'>> {
  const names = classesOf(config, classes);
  const repositories = Object.fromEntries(names.map((name) => [name, config.repositories[name]]));
  const { environments, unreadable } = await statusNow({ ...config, repositories }, ports);
  const chosen = environments.filter(
    (environment) => hasLabels(environment, labels) && (!isOfProblems || needsSomebody(environment)),
  );
  return { environments: chosen, unreadable };
}

/**
 * The classes of the configuration that patterns choose: all where there are none. Throws `BadRequest` (refuse) for one that
 * chooses none.
 */
export function classesOf({ repositories }: Pick<Config, 'repositories'>, patterns: readonly string[]): string[] {
  const names = Object.keys(repositories).sort();
  const matches = (text: string) => (pattern: string) => matchesPattern({ pattern, text });
  const missing = patterns.find((pattern) => !names.some((name) => matches(name)(pattern)));
  if (missing === undefined)
    return patterns.length === 0 ? names : names.filter((name) => patterns.some(matches(name)));
  throw new ConvergeError({
    code: 'BadRequest',
    subject: 'class',
    message: `is no class of the configuration: ${missing}`,
    remedy: `there are ${names.join(', ') || 'none'}`,
    disposition: 'refuse',
  });
}

/**
 * One environment, as `status` has it. Throws `NotFound` (refuse) where no file declares it and nothing of it is remembered,
 * and `GitUnavailable` (retry) where nobody can say, since its repository cannot be read.
 */
export async function oneEnvironment(
  config: Pick<Config, 'checks' | 'repositories'>,
  { repository, environment }: { repository: string; environment: string },
  ports: StatusPorts,
): Promise<EnvironmentStatus> {
  const own = Object.hasOwn(config.repositories, repository) ? config.repositories[repository] : undefined;
  const subject = environmentKey({ repository, environment });
  if (own === undefined) throw notFound(repository, 'is no class of the configuration');
  const { environments, unreadable } = await statusNow({ ...config, repositories: { [repository]: own } }, ports);
  const found = environments.find(({ name }) => name === environment);
  if (found !== undefined) return found;
  const [unread] = unreadable;
  if (unread === undefined) throw notFound(subject, 'is no environment');
  const message = `nobody can say whether there is one: ${unread.message}`;
  throw new ConvergeError({ code: 'GitUnavailable', subject, message, disposition: 'retry' });
}

function notFound(subject: string, message: string): ConvergeError {
  const remedy = '/v1/environments lists them';
  return new ConvergeError({ code: 'NotFound', subject, message, remedy, disposition: 'refuse' });
}
