import { matchesPattern } from '../base/pattern.ts';
import type { Report } from '../events/report.ts';
import type { ReportedEnvironment } from './reported-environment.ts';

/** Which environments a report is of: empty is all. In each a `*` stands for any text. */
export type Choice = Report['chosen'];

/** Whether a class may have environments of the choice. */
export function choosesClass({ classes }: Choice, repository: string): boolean {
  return isAny(classes, [repository]);
}

/** Whether all that is said is so of an environment. Its name may be said with its class: `master/acme`. */
export function chooses(
  choice: Choice,
  { repository, name, labels }: Pick<ReportedEnvironment, 'repository' | 'name' | 'labels'>,
): boolean {
  return (
    choosesClass(choice, repository) &&
    isAny(choice.environments, [name, `${repository}/${name}`]) &&
    Object.entries(choice.labels).every(([label, value]) => {
      const said = Object.hasOwn(labels, label) ? labels[label] : undefined;
      return said !== undefined && matchesPattern({ pattern: value, text: said });
    })
  );
}

/** Whether all environments of its classes are of the choice. */
export function choosesAllOf({ environments, labels }: Choice): boolean {
  return environments.length === 0 && Object.keys(labels).length === 0;
}

function isAny(patterns: readonly string[], texts: readonly string[]): boolean {
  return patterns.length === 0 || patterns.some((pattern) => texts.some((text) => matchesPattern({ pattern, text })));
}
