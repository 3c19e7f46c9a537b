import type { FieldDiff, ObjectDiff } from './object-diff.ts';
import { maskFields } from './masking.ts';
import type { ObjectId } from '../objects/object-id.ts';
import { wholeObjectDiff } from './divergence.ts';
import { lastPart } from '../fields/field-path.ts';
import type { AnnotationProblem } from '../ownership/suspended-object.ts';

/** What is told of an object once and keeps nothing from converging: it is as Git says, as far as Git can say. */
export interface Notices {
  readonly diffs: readonly ObjectDiff[];
  /** The paths that have been told with these, to be remembered. */
  readonly noted: readonly string[];
}

/**
 * Fields that admission rewrote, fields that others keep, and an annotation that says what cannot be, except those told
 * before.
 */
export function noticesOf({
  id,
  apiVersion,
  mutated,
  coOwned,
  problem,
  noted = [],
}: {
  id: ObjectId;
  apiVersion: string;
  mutated: readonly FieldDiff[];
  coOwned: readonly FieldDiff[];
  problem?: AnnotationProblem | undefined;
  noted?: readonly string[] | undefined;
}): Notices {
  const told = (change: 'mutated' | 'co-owned', all: readonly FieldDiff[]): ObjectDiff[] => {
    const fields = maskFields({ id, fields: all.filter((field) => !noted.includes(field.path)) });
    if (fields.length === 0) return [];
    const message = `${lastParts(fields)} ${change === 'mutated' ? 'was rewritten on admission' : `is kept by ${managersOf(fields)}`}`;
    return [{ ...wholeObjectDiff({ id, apiVersion, change, message }), fields }];
  };
  const misannotated =
    problem === undefined || noted.includes(problem.path)
      ? []
      : [wholeObjectDiff({ id, apiVersion, change: 'misannotated', message: problem.message })];
  const paths = [...mutated, ...coOwned, ...(problem === undefined ? [] : [problem])].map(({ path }) => path);
  return {
    diffs: [...told('mutated', mutated), ...told('co-owned', coOwned), ...misannotated],
    noted: [...new Set(paths)].sort(),
  };
}

function lastParts(fields: readonly FieldDiff[]): string {
  return fields.map(({ path }) => lastPart(path)).join(', ');
}

function managersOf(fields: readonly FieldDiff[]): string {
  return [...new Set(fields.map(({ manager }) => manager ?? 'another manager'))].join(', ');
}
