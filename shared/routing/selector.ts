import { z } from 'zod';
import { diffReasons } from '../base/diff-reasons.ts';
import { errorCodes } from '../base/errors.ts';
import { nearestName } from '../base/nearest-name.ts';
import { matchesPattern } from '../base/pattern.ts';

/** The gravest first, as PagerDuty ranks them. */
export const severities = ['critical', 'error', 'warning', 'info'] as const;
export type Severity = (typeof severities)[number];

export const alertKinds = ['environment', 'dependency', 'upload', 'report'] as const;
export type AlertKind = (typeof alertKinds)[number];

/** A `*` stands for any text, and nothing else for anything but itself. */
const pattern = z.string().min(1);

/** All that alerts say for a reason: of a diff, and the code of a dependency's or an upload's error. */
const knownReasons: readonly string[] = [...diffReasons, ...errorCodes];
/** Characters of a word that is looked for among them. */
const longestReason = 60;

/** One that no alert has would choose none, and nobody would miss them. */
const reason = pattern.superRefine((said, context) => {
  if (knownReasons.some((text) => matchesPattern({ pattern: said, text }))) return;
  const nearest = nearestName({ name: said.slice(0, longestReason).replaceAll('*', ''), among: knownReasons });
  context.addIssue({
    code: 'custom',
    message: `is ${said}, which is no reason of an alert: the nearest is ${nearest}`,
  });
});

/** Which alerts are meant: all that is said of one must be so, by any of its patterns. */
export const selectorSchema = z
  .strictObject({
    kinds: z.array(z.enum(alertKinds)).min(1).optional(),
    classes: z.array(pattern).min(1).optional(),
    environments: z.array(pattern).min(1).optional(),
    clusters: z.array(pattern).min(1).optional(),
    /** Of the environment's file: each must be there, with a value that the pattern takes. */
    labels: z.record(z.string().min(1), pattern).optional(),
    reasons: z.array(reason).min(1).optional(),
    severities: z.array(z.enum(severities)).min(1).optional(),
  })
  .refine((selector) => Object.keys(selector).length > 0, 'says nothing: leave it away to mean every alert');
export type Selector = z.infer<typeof selectorSchema>;

/** What an alert is chosen by. Undefined is what it does not have: no pattern takes that, `*` neither. */
export interface Selectable {
  readonly kind: AlertKind;
  readonly repositoryClass: string | undefined;
  readonly environment: string | undefined;
  readonly cluster: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly reason: string | undefined;
  readonly severity: Severity;
}

/** Whether one of the selectors means the alert; undefined selectors mean every alert. */
export function isSelected(alert: Selectable, selectors: readonly Selector[] | undefined): boolean {
  return selectors === undefined || selectors.some((selector) => selects(selector, alert));
}

function selects(selector: Selector, alert: Selectable): boolean {
  const { kinds, classes, environments, clusters, labels, reasons } = selector;
  return (
    (kinds === undefined || kinds.includes(alert.kind)) &&
    takes(classes, alert.repositoryClass) &&
    takes(environments, alert.environment) &&
    takes(clusters, alert.cluster) &&
    takes(reasons, alert.reason) &&
    (selector.severities === undefined || selector.severities.includes(alert.severity)) &&
    Object.entries(labels ?? {}).every(([label, value]) => takes([value], labelOf(alert, label)))
  );
}

function labelOf({ labels }: Selectable, label: string): string | undefined {
  return Object.hasOwn(labels, label) ? labels[label] : undefined;
}

function takes(patterns: readonly string[] | undefined, text: string | undefined): boolean {
  if (patterns === undefined) return true;
  return text !== undefined && patterns.some((pattern) => matchesPattern({ pattern, text }));
}
