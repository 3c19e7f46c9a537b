import { z } from 'zod';
import { parsePath, type FieldPath } from '../fields/field-path.ts';
import { environmentAnnotation, objectAnnotation, partOfLabel } from '../inventory/applyset.ts';
import type { ObjectId } from '../objects/object-id.ts';
import { isTarget, ruleTargetSchema, type RuleTarget } from '../objects/rule-target.ts';

const ignoredPath = z
  .string()
  .startsWith('/', 'expected a JSON pointer, which begins with /')
  .superRefine((path, context) => {
    const problem = path.startsWith('/') ? problemOfIgnoredPath(path) : undefined;
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  });

/**
 * Fields that are neither compared nor written once the object is there: `paths` as written, `fields` as read
 * (`fields/field-path.ts`).
 */
export const ignoreRuleSchema = z
  .strictObject({ target: ruleTargetSchema, paths: z.array(ignoredPath).min(1) })
  .transform(({ target, paths }): IgnoreRule => ({ target, paths, fields: fieldsOf(paths) }));
export interface IgnoreRule {
  readonly target: RuleTarget;
  readonly paths: readonly string[];
  readonly fields: readonly FieldPath[];
}

/** What is ignored of one object. */
export function ignoredFields({ rules, id }: { rules: readonly IgnoreRule[]; id: ObjectId }): readonly FieldPath[] {
  return rules.flatMap(({ target, fields }) => (isTarget({ target, id }) ? fields : []));
}

/** What says which object it is, and whose. */
const identity: readonly (readonly string[])[] = [
  ['apiVersion'],
  ['kind'],
  ['metadata', 'name'],
  ['metadata', 'namespace'],
  ['metadata', 'labels', partOfLabel],
  ['metadata', 'annotations', environmentAnnotation],
  ['metadata', 'annotations', objectAnnotation],
];

/** Why a path cannot be ignored, or undefined. */
export function problemOfIgnoredPath(text: string): string | undefined {
  const parsed = parsePath(text);
  if ('problem' in parsed) return parsed.problem;
  const { path } = parsed;
  const covered = identity.find(
    (names) =>
      path.length <= names.length && path.every((step, at) => step.step === 'field' && step.name === names[at]),
  );
  if (covered !== undefined) return `would cover ${covered.join('.')}, by which the object is known`;
  const keyed = path.find((step, at) => {
    const next = path[at + 1];
    return step.step === 'item' && next?.step === 'field' && Object.hasOwn(step.keys, next.name);
  });
  return keyed === undefined ? undefined : 'would cover the key by which the item is known';
}

/** Reads paths that `problemOfIgnoredPath` let pass. */
export function fieldsOf(paths: readonly string[]): FieldPath[] {
  return paths.flatMap((text) => {
    const parsed = parsePath(text);
    return 'path' in parsed ? [parsed.path] : [];
  });
}
