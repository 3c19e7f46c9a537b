import type { FieldPath } from '../fields/field-path.ts';
import { isIgnored } from '../fields/ignored-fields.ts';
import { follow, ownEntry, type PathStep } from '../fields/owned-fields.ts';
import type { JsonObject, KubernetesObject, ManagedFieldsEntry } from '../objects/kubernetes-object.ts';
import { childrenOf, ownsItself } from '../fields/field-set.ts';
import { isBesideTheSpec, isKept } from './kept-fields.ts';
import { isOurs, predecessorOf } from './managers.ts';

/** A field that somebody added beside ours. */
export interface ExtraField {
  readonly path: readonly PathStep[];
  readonly observed: unknown;
  readonly entry: ManagedFieldsEntry;
  /** `drift`: to be undone. `co-owned`: by a manager whose fields are not ours to take. */
  readonly kind: 'drift' | 'co-owned';
}

/**
 * What others added to an object of ours, and what no fingerprint and no dry run shows, since it is no field of ours
 * and an apply keeps it: fields of the spec that kubectl added, and items that anybody added to a keyed list or a set
 * of ours. They stand in the `fieldsV1` of the other managers. Metadata and status never count, nor do replicas and
 * restarts, nor what the environment ignores.
 *
 * @returns nothing for an object that has no apply entry of ours
 */
export function extraFields(object: KubernetesObject, ignored: readonly FieldPath[] = []): ExtraField[] {
  const own = ownEntry(object)?.fieldsV1;
  if (own === undefined) return [];
  const seen = new Set<string>();
  return (object.metadata.managedFields ?? []).flatMap((entry) => {
    const { apiVersion, fieldsV1, subresource } = entry;
    if (fieldsV1 === undefined || isOurs(entry) || (subresource ?? '') !== '' || apiVersion !== object.apiVersion)
      return [];
    const predecessor = predecessorOf(entry);
    if (predecessor === 'before-first-apply') return [];
    return additions({ fields: fieldsV1, own, value: object, path: [] }).flatMap(
      ({ path, observed, inOurList }): ExtraField[] => {
        const key = JSON.stringify(path);
        if (isIgnored({ path, ignored }) || seen.has(key) || (predecessor !== 'kubectl' && !inOurList)) return [];
        seen.add(key);
        return [{ path, observed, entry, kind: predecessor === undefined ? 'co-owned' : 'drift' }];
      },
    );
  });
}

interface Addition {
  readonly path: readonly PathStep[];
  readonly observed: unknown;
  /** Whether it is an item of a list in which we own items, too. */
  readonly inOurList: boolean;
}

function additions({
  fields,
  own,
  value,
  path,
}: {
  fields: JsonObject;
  own: JsonObject | undefined;
  value: unknown;
  path: readonly PathStep[];
}): Addition[] {
  return childrenOf(fields).flatMap(([key, step, child]): Addition[] => {
    const at = [...path, step];
    const observed = follow(value, step);
    if (observed === undefined || isBesideTheSpec(at) || isKept(at)) return [];
    const ours = ownNode(own?.[key]);
    if (ours !== undefined && Object.keys(ours).length === 0) return [];
    if (ours === undefined && ownsItself(child) && isOne({ step, child }))
      return [{ path: at, observed, inOurList: isOurList({ own, step }) }];
    return additions({ fields: child, own: ours, value: observed, path: at });
  });
}

/**
 * A list that somebody added is told as one, and an item of a list; a map is told by its fields, some of which may be
 * kept.
 */
function isOne({ step, child }: { step: PathStep; child: JsonObject }): boolean {
  return step.step !== 'field' || childrenOf(child).every(([, { step: kind }]) => kind !== 'field');
}

function isOurList({ own, step }: { own: JsonObject | undefined; step: PathStep }): boolean {
  if (own === undefined || step.step === 'field') return false;
  return childrenOf(own).some(([, { step: kind }]) => kind === step.step);
}

function ownNode(node: JsonObject[string]): JsonObject | undefined {
  return node !== null && typeof node === 'object' && !isList(node) ? node : undefined;
}

function isList(node: JsonObject | readonly unknown[]): node is readonly unknown[] {
  return Array.isArray(node);
}
