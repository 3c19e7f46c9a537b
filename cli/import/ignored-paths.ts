import { ignoreRuleSchema } from '../../shared/environment/ignore-rule.ts';
import type { Built, Findings } from './findings.ts';
import type { Fields, KeyPath } from './values.ts';

/** A rule whose paths the environment file takes; others are told. */
export function checkedRule({
  object,
  path,
  target,
  paths,
  findings,
}: {
  object: Built;
  path: KeyPath;
  target: Fields;
  paths: readonly string[];
  findings: Findings;
}): Fields[] {
  const taken = paths.filter((pointer) => {
    if (/\/\d+(\/|$)/.test(pointer)) {
      findings.missing(object, path, {
        message: `${pointer}: an item of a list by its number, which moves`,
        remedy: 'by its key: /spec/template/spec/containers[name=web]/image',
      });
      return false;
    }
    const checked = ignoreRuleSchema.safeParse({ target, paths: [pointer] });
    if (!checked.success)
      findings.missing(object, path, {
        message: `${pointer}: ${checked.error.issues[0]?.message ?? 'is no path'}`,
        remedy: 'see Ignored fields in docs/contracts.md',
      });
    return checked.success;
  });
  return taken.length === 0 ? [] : [{ target, paths: taken }];
}
