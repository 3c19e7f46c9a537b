import { durationOf } from './draft.ts';
import type { Built, Findings } from './findings.ts';
import type { Generated } from './tree.ts';
import { at, groupOf, listAt, textAt, type Fields } from './values.ts';

/** What an object has from the one that applies it. */
export interface Owner {
  readonly cluster?: string;
  readonly dependsOn: readonly string[];
  readonly generated: readonly Generated[];
  readonly above: readonly string[];
}
export const inheritsNothing: Owner = { dependsOn: [], generated: [], above: [] };

/** `healthCheckExprs` as rules of `health`; what is neither healthy nor degraded is under way in both. */
export function healthRules(object: Built, findings: Findings): Fields {
  const rules = listAt(object.value, ['spec', 'healthCheckExprs']).flatMap((entry, index) => {
    const [kind, healthy, degraded] = [textAt(entry, ['kind']), textAt(entry, ['current']), textAt(entry, ['failed'])];
    if (kind === undefined || healthy === undefined) {
      findings.missing(object, ['spec', 'healthCheckExprs', index], {
        message: 'has no kind, or no expression for what is current',
        remedy: 'write a rule of health',
      });
      return [];
    }
    if (at(entry, ['inProgress']) !== undefined)
      findings.settled(
        `${String(object.value['kind'])} spec.healthCheckExprs.inProgress`,
        'what is neither healthy nor degraded is under way',
      );
    return [{ target: { group: groupOf(entry), kind }, healthy, ...(degraded === undefined ? {} : { degraded }) }];
  });
  return rules.length === 0 ? {} : { health: rules };
}

export function timeoutOf(object: Built, findings: Findings): Fields {
  const timeout = textAt(object.value, ['spec', 'timeout']);
  if (timeout === undefined) return {};
  const duration = durationOf(timeout);
  if (duration === undefined)
    findings.missing(object, ['spec', 'timeout'], {
      message: `${timeout}: is no duration`,
      remedy: 'write it like 90s or 1h30m',
    });
  return duration === undefined ? {} : { timeout: duration };
}
