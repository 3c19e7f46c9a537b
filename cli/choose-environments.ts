import { matchesPattern } from '../shared/base/pattern.ts';
import { dependencySubject } from '../shared/events/dependency-alert.ts';
import {
  hasLabels,
  type EnvironmentState,
  type EnvironmentStatus,
  type Status,
} from '../shared/pipeline/common/environment-status.ts';
import { CommandError } from './command-error.ts';
import type { Context } from './context.ts';

/** What somebody asks about; nothing of it: everything. */
export interface Choice {
  /** `<name>`, or `<class>/<name>`. */
  readonly names: readonly string[];
  /** Classes, `*` being any text. */
  readonly class: readonly string[];
  /** What the file of an environment has to say, all of it. */
  readonly label: Readonly<Record<string, string>>;
}

/** From the gravest to what is well; the contracts state it. */
const troubleFirst: readonly EnvironmentState[] = [
  ...(['Failed', 'Diverged', 'Unknown', 'Stale'] as const),
  ...(['Removing', 'Converging', 'Frozen', 'Suspended', 'Converged'] as const),
];

/**
 * What a status says of what is chosen, trouble first and then by class and name. Uploads are of a class and of no
 * environment: they are left out where environments are named, or chosen by their labels. Of what does not answer that is
 * shown which those stand on. Throws `CommandError` where nothing is called so.
 */
export function chosenOf(found: Status, choice: Choice, { config }: Pick<Context, 'config'>): Required<Status> {
  const { names, class: classes, label: labels } = choice;
  checkClasses(classes, Object.keys(config.repositories));
  const isOfClass = (name: string): boolean =>
    classes.length === 0 || classes.some((pattern) => matchesPattern({ pattern, text: name }));
  const environments = found.environments.filter(({ repository }) => isOfClass(repository));
  const unreadable = found.unreadable.filter(({ repository }) => isOfClass(repository));
  const named =
    names.length === 0
      ? environments
      : environments.filter((environment) => names.some((name) => isCalled(environment, name)));
  const said = Object.entries(labels);
  const chosen = named.filter((environment) => hasLabels(environment, said));
  if (unreadable.length === 0) {
    checkNames(names, environments);
    checkLabels(said, { chosen, named });
  }
  const isOfAll = names.length === 0 && said.length === 0;
  return {
    environments: chosen.toSorted(byTrouble),
    unreadable,
    uploads: isOfAll ? found.uploads.filter(({ repository }) => isOfClass(repository)) : [],
    unreachable: (found.unreachable ?? []).filter(({ subject }) => isOfAll || isStoodOn(subject, chosen)),
  };
}

/** A bucket of uploads is of no environment: what Git says and the cluster has is seen all the same. */
function isStoodOn(subject: string, chosen: readonly EnvironmentStatus[]): boolean {
  return chosen.some(
    ({ cluster, repository }) =>
      subject === dependencySubject({ kind: 'cluster', name: cluster }) ||
      subject === dependencySubject({ kind: 'repository', name: repository }),
  );
}

export function isCalled(
  { repository, name }: Pick<EnvironmentStatus, 'repository' | 'name'>,
  called: string,
): boolean {
  return called === name || called === `${repository}/${name}`;
}

function byTrouble(a: EnvironmentStatus, b: EnvironmentStatus): number {
  const [first, second] = [a, b].map(({ repository, name }) => `${repository}/${name}`) as [string, string];
  return troubleFirst.indexOf(a.state) - troubleFirst.indexOf(b.state) || (first < second ? -1 : 1);
}

function checkClasses(classes: readonly string[], known: readonly string[]): void {
  const missing = classes.find((pattern) => !known.some((text) => matchesPattern({ pattern, text })));
  if (missing === undefined) return;
  throw new CommandError({
    subject: `--class ${missing}`,
    message: 'is no class of the configuration',
    remedy: `there are ${known.toSorted().join(', ') || 'none'}`,
  });
}

function checkNames(names: readonly string[], environments: readonly EnvironmentStatus[]): void {
  const missing = names.find((name) => !environments.some((environment) => isCalled(environment, name)));
  if (missing === undefined) return;
  throw new CommandError({
    subject: missing,
    message: 'is no environment',
    remedy: `there are ${environments.map(({ name }) => name).join(', ') || 'none'}`,
  });
}

/** What no environment says is a typing error, and not a wish that all is well. */
function checkLabels(
  said: readonly (readonly [string, string])[],
  { chosen, named }: { chosen: readonly EnvironmentStatus[]; named: readonly EnvironmentStatus[] },
): void {
  if (said.length === 0 || chosen.length > 0) return;
  const known = [
    ...new Set(named.flatMap(({ labels }) => Object.entries(labels).map(([label, value]) => `${label}=${value}`))),
  ];
  throw new CommandError({
    subject: `--label ${said.map(([label, value]) => `${label}=${value}`).join(' --label ')}`,
    message: 'is of no environment',
    remedy: `there are ${known.toSorted().slice(0, mostNamed).join(', ') || 'none'}`,
  });
}

const mostNamed = 20;
