import { isMap } from '../../../objects/exact-json.ts';
import type { ObjectId } from '../../../objects/object-id.ts';
import type { RuleTarget } from '../../../objects/rule-target.ts';
import type { FieldEdit } from './field-edit.ts';

/** The edit of an environment file that adds fields of one object to its ignore rules, to the rule of that object where it has one. */
export function ignoreEdits(
  file: unknown,
  { id, paths }: { id: ObjectId; paths: readonly string[] },
): readonly FieldEdit[] {
  const spec = isMap(file) && isMap(file['spec']) ? file['spec'] : {};
  const rules: readonly unknown[] = Array.isArray(spec['ignore']) ? (spec['ignore'] as readonly unknown[]) : [];
  const own = rules.findIndex((rule) => isMap(rule) && isMap(rule['target']) && isOf(rule['target'], id));
  const rule = rules[own];
  if (isMap(rule) && Array.isArray(rule['paths'])) {
    const there: readonly unknown[] = rule['paths'];
    return paths
      .filter((path) => !there.includes(path))
      .map((path, at) => ({ path: ['spec', 'ignore', own, 'paths', there.length + at], value: path }));
  }
  const made = { target: targetOf(id), paths };
  return rules.length > 0
    ? [{ path: ['spec', 'ignore', rules.length], value: made }]
    : [{ path: ['spec', 'ignore'], value: [made] }];
}

function targetOf({ group, kind, namespace, name }: ObjectId): RuleTarget {
  return { group, kind, ...(namespace === undefined ? {} : { namespace }), name };
}

/** Whether a rule is of this object alone. */
function isOf(target: Readonly<Record<string, unknown>>, id: ObjectId): boolean {
  const wanted = targetOf(id);
  const isOfGroup = target['group'] === undefined || target['group'] === wanted.group;
  return isOfGroup && (['kind', 'namespace', 'name'] as const).every((key) => target[key] === wanted[key]);
}
