import { owns, ownEntry } from '../fields/owned-fields.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import {
  declaredBy,
  deletionAnnotation,
  parentObject,
  renderKeyAnnotation,
  revisionAnnotation,
  type ApplySet,
  type Extent,
} from './applyset.ts';
import { hooksAnnotation } from './hook-record.ts';

/** Whether an annotation is as our manager applied it last, or not there. */
export function isAsApplied(parent: KubernetesObject, annotation: string): boolean {
  if (parent.metadata.annotations?.[annotation] === undefined) return true;
  const path = ['metadata', 'annotations', annotation].map((name) => ({ step: 'field' as const, name }));
  const fields = ownEntry(parent)?.fieldsV1;
  return fields !== undefined && owns(fields, path);
}

/** Whether nobody else wrote over where a parent says that members are. */
export function declaresAsApplied(parent: KubernetesObject): boolean {
  return declaredBy.every((annotation) => isAsApplied(parent, annotation));
}

/**
 * A parent as it has to be, whatever is done next. What it says of hooks and of its deletion stays, and so does the key
 * of its render, where we wrote it.
 *
 * @param extent where members may be
 * @param revision the one that converged last; undefined: as the parent says
 */
export function restoredParent({
  applySet,
  parent,
  extent,
  revision,
}: {
  applySet: ApplySet;
  parent: KubernetesObject;
  extent: Extent;
  revision: string | undefined;
}): KubernetesObject {
  const said = parent.metadata.annotations ?? {};
  const recorded = revision ?? said[revisionAnnotation];
  const renderKey = isAsApplied(parent, renderKeyAnnotation) ? said[renderKeyAnnotation] : undefined;
  const record =
    recorded === undefined ? undefined : { revision: recorded, ...(renderKey === undefined ? {} : { renderKey }) };
  const deletion = said[deletionAnnotation] === 'prune' ? 'prune' : 'release';
  const restored = parentObject({ applySet: { ...applySet, deletion }, extent, record });
  const hooks = said[hooksAnnotation];
  const annotations = {
    ...restored.metadata.annotations,
    ...(hooks === undefined ? {} : { [hooksAnnotation]: hooks }),
  };
  return { ...restored, metadata: { ...restored.metadata, annotations } };
}
