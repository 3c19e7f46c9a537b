import {
  environmentAnnotation,
  hookOfLabel,
  hookRunAnnotation,
  objectAnnotation,
  partOfLabel,
} from '../inventory/applyset.ts';
import { fenceAnnotation } from '../objects/fenced.ts';
import { releasedManager } from '../objects/field-manager.ts';
import type { PathStep } from '../fields/owned-fields.ts';
import type { JsonObject, ManagedFieldsEntry, ObjectMetadata } from '../objects/kubernetes-object.ts';
import { isOurs } from './managers.ts';
import { splitFields, unionFields } from '../fields/field-set.ts';

/** What to write to an object that is given up: it stays as it is, and is nobody's. */
export interface Release {
  readonly managedFields: readonly ManagedFieldsEntry[];
  /** The names of the labels and annotations of ours that it carries. */
  readonly without: { readonly labels: readonly string[]; readonly annotations: readonly string[] };
}

const ourLabels = [partOfLabel, hookOfLabel];
const ourAnnotations = [environmentAnnotation, objectAnnotation, hookRunAnnotation, fenceAnnotation];

/**
 * Our fields go to `converge-released` with their values: dropped, they would fall back to their defaults. Our
 * label and annotations go.
 */
export function releaseOf({ metadata }: { readonly metadata: ObjectMetadata }): Release {
  const labels = ourLabels.filter((name) => metadata.labels?.[name] !== undefined);
  const annotations = ourAnnotations.filter((name) => metadata.annotations?.[name] !== undefined);
  const entries = metadata.managedFields ?? [];
  const given = entries.filter(isReleased);
  const byVersion = new Map<string | undefined, ManagedFieldsEntry>();
  for (const entry of given) {
    const fields = splitFields(entry.fieldsV1 ?? {}, isMark).left;
    const other = byVersion.get(entry.apiVersion);
    const fieldsV1 =
      fields === undefined
        ? other?.fieldsV1
        : other?.fieldsV1 === undefined
          ? fields
          : unionFields(other.fieldsV1, fields);
    byVersion.set(entry.apiVersion, {
      ...entry,
      manager: releasedManager,
      operation: 'Update',
      ...(fieldsV1 === undefined ? {} : { fieldsV1 }),
    });
  }
  const released = [...byVersion.values()].filter(({ fieldsV1 }) => hasFields(fieldsV1));
  return {
    managedFields: [...entries.filter((entry) => !isReleased(entry)), ...released],
    without: { labels, annotations },
  };
}

/** Our entries for the object itself, whether applied, written otherwise or given up before. */
function isReleased(entry: ManagedFieldsEntry): boolean {
  return isOurs(entry) && (entry.subresource ?? '') === '';
}

function hasFields(fields: JsonObject | undefined): boolean {
  return fields !== undefined && Object.keys(fields).length > 0;
}

function isMark(path: readonly PathStep[]): boolean {
  const [metadata, kind, name] = path.map((step) => (step.step === 'field' ? step.name : ''));
  if (metadata !== 'metadata' || name === undefined) return false;
  return (kind === 'labels' && ourLabels.includes(name)) || (kind === 'annotations' && ourAnnotations.includes(name));
}
