import type { FieldDiff } from '../events/alert.ts';
import type { ObjectId } from './object-id.ts';

export const mask = '***';

/** Hides the values of a Secret's fields; everything else passes. A path never holds a secret value, only its key. */
export function maskFields({ id, fields }: { id: Pick<ObjectId, 'group' | 'kind'>; fields: readonly FieldDiff[] }): FieldDiff[] {
  if (id.group !== '' || id.kind !== 'Secret') return [...fields];
  return fields.map((field) => ({
    ...field,
    ...(field.desired === undefined ? {} : { desired: mask }),
    ...(field.observed === undefined ? {} : { observed: mask }),
  }));
}
