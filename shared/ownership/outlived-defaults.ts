import type { FieldPath } from '../fields/field-path.ts';
import { isIgnored } from '../fields/ignored-fields.ts';
import { follow, ownEntry, owns, parseStep, type PathStep } from '../fields/owned-fields.ts';
import { isMap } from '../objects/exact-json.ts';
import type { JsonObject, KubernetesObject, ManagedFieldsEntry } from '../objects/kubernetes-object.ts';
import { groupOf } from '../objects/object-id.ts';
import type { RefusalCause } from '../objects/refusal-cause.ts';
import { childrenOf, unionFields } from '../fields/field-set.ts';
import { isBesideTheSpec, isKept } from './kept-fields.ts';

/*
 * What the API server defaulted for a choice that Git makes otherwise now: `rollingUpdate` beside a new `type:
 * Recreate`, the `emptyDir` of a volume that had no source. Nobody owns it, so that a server-side apply leaves it, and
 * the object is refused or says two things. Made ours and left out, it goes with its choice. (What is left of a choice
 * that was Git's goes by itself.)
 */

/** Whose fields an object has, once those that are ours to take are ours. */
export interface Owned {
  readonly desired: KubernetesObject;
  /** Whole. */
  readonly observed: KubernetesObject;
  readonly ours: JsonObject;
  readonly others: readonly ManagedFieldsEntry[];
  readonly ignored: readonly FieldPath[];
}

/** A place in the object: Git's value and the observed one, and who owns what below. */
interface Place {
  readonly desired: unknown;
  readonly observed: unknown;
  readonly ours: JsonObject;
  readonly others: readonly JsonObject[];
  /** As `fieldsV1` spells its steps. */
  readonly keys: readonly string[];
  readonly path: readonly PathStep[];
}

/**
 * The fields to be made ours so that they go, as a set; undefined where there are none.
 *
 * - Maps beside a `type` that changes (the convention of Kubernetes' own unions), and lists that are derived from what
 *   changes.
 * - Where the API server refused the object: what its refusal is about, in a map where something changes.
 *
 * Never what another manager owns, what is kept or ignored, and what is beside the spec.
 */
export function outlivedDefaults({
  causes = [],
  ...owned
}: Owned & { readonly causes?: readonly RefusalCause[] | undefined }): JsonObject | undefined {
  const found: Place[] = [];
  collect({ place: rootOf(owned), owned, causes, found });
  return found.reduce<JsonObject | undefined>((all, { keys }) => {
    const one = keys.reduceRight<JsonObject>((child, key) => ({ [key]: child }), {});
    return all === undefined ? one : unionFields(all, one);
  }, undefined);
}

/** What another manager owns, Git does not specify, and the API server names beside what Git says: with its owner. */
export function refusedBeside({
  desired,
  observed,
  ignored = [],
  causes,
}: Pick<Owned, 'desired' | 'observed'> & {
  readonly ignored?: readonly FieldPath[] | undefined;
  readonly causes: readonly RefusalCause[];
}): { path: readonly PathStep[]; manager: string }[] {
  const own = ownEntry(observed);
  const owned = {
    desired,
    observed,
    ours: own?.fieldsV1 ?? nothing,
    others: (observed.metadata.managedFields ?? []).filter((entry) => entry !== own),
    ignored,
  };
  const found: Place[] = [];
  collect({ place: rootOf(owned), owned, causes, found, foreign: true });
  return found.flatMap(({ path }) => {
    const owner = owned.others.find(({ fieldsV1 }) => fieldsV1 !== undefined && owns(fieldsV1, path));
    return owner === undefined ? [] : [{ path, manager: owner.manager ?? 'another manager' }];
  });
}

function rootOf({ desired, observed, ours, others }: Owned): Place {
  return {
    desired,
    observed,
    ours,
    others: others.flatMap(({ fieldsV1 }) => (fieldsV1 === undefined ? [] : [fieldsV1])),
    keys: [],
    path: [],
  };
}

function collect({
  place,
  owned,
  causes,
  found,
  foreign = false,
}: {
  place: Place;
  owned: Owned;
  causes: readonly RefusalCause[];
  found: Place[];
  foreign?: boolean;
}): void {
  // Owned as a whole: nothing in it is anybody else's.
  if ([place.ours, ...place.others].some(isLeaf)) return;
  for (const below of placesBelow(place)) {
    const { path, desired, observed, ours, others } = below;
    if (
      observed === undefined ||
      isBesideTheSpec(path) ||
      isMetadata(path) ||
      isKept(path) ||
      isIgnored({ path, ignored: owned.ignored })
    )
      continue;
    const isTheirs = others.length > 0;
    if (desired === undefined && path.length > 1 && isTheirs === foreign && !holdsIgnored(path, owned.ignored)) {
      const isOutlived =
        !foreign && ours === nothing && (isBesideNewType({ below, place }) || isDerived({ below, place, owned }));
      if (isOutlived || ((foreign || ours === nothing) && isRefused({ below, place, causes, foreign }))) {
        found.push(below);
        continue;
      }
    }
    collect({ place: below, owned, causes, found, foreign });
  }
}

/** By name below a map; below a list, what is known of its items by their keys. */
function placesBelow(place: Place): Place[] {
  const keys = isMap(place.observed)
    ? Object.keys(place.observed).map((name) => `f:${name}`)
    : [...new Set([place.ours, ...place.others].flatMap((node) => Object.keys(node)))];
  return keys.flatMap((key): Place[] => {
    const step = parseStep(key);
    if (step === undefined || (!isMap(place.observed) && step.step !== 'item')) return [];
    const below = (node: JsonObject): JsonObject[] =>
      childrenOf(node).flatMap(([name, , child]) => (name === key ? [child] : []));
    return [
      {
        desired: wantedAt(place.desired, step),
        observed: follow(place.observed, step),
        ours: below(place.ours)[0] ?? nothing,
        others: place.others.flatMap(below),
        keys: [...place.keys, key],
        path: [...place.path, step],
      },
    ];
  });
}

/** Told from a leaf, which is empty too, by identity. */
const nothing: JsonObject = {};

function isLeaf(node: JsonObject): boolean {
  return node !== nothing && Object.keys(node).length === 0;
}

/** Git may leave an item's key to its default (a port's protocol). */
function wantedAt(desired: unknown, step: PathStep): unknown {
  const exact = follow(desired, step);
  if (exact !== undefined || step.step !== 'item' || !Array.isArray(desired)) return exact;
  const items: readonly unknown[] = desired;
  return items.find(
    (item) =>
      isMap(item) &&
      Object.entries(step.keys).some(([key]) => key in item) &&
      Object.entries(step.keys).every(([key, value]) => !(key in item) || item[key] === value),
  );
}

function isBesideNewType({ below, place }: { below: Place; place: Place }): boolean {
  if (!isMap(below.observed) || !isMap(place.desired) || !isMap(place.observed)) return false;
  const type = place.desired['type'];
  return typeof type === 'string' && type !== place.observed['type'];
}

/** What the API server makes out of which of two fields there are, and never again once it is stored. */
const derived: Readonly<Record<string, { readonly path: string; readonly from: string }>> = {
  'NetworkPolicy.networking.k8s.io': { path: '/f:spec/f:policyTypes', from: 'egress' },
};

function isDerived({ below, place, owned: { desired } }: { below: Place; place: Place; owned: Owned }): boolean {
  const rule = derived[`${desired.kind}.${groupOf(desired.apiVersion)}`];
  if (rule === undefined || `/${below.keys.join('/')}` !== rule.path) return false;
  const has = (value: unknown) => isMap(value) && value[rule.from] !== undefined;
  return has(place.desired) !== has(place.observed);
}

/** Whether an apply changes a value in it: Git's differs from what is there, or Git drops what was its own. */
function isChanged(place: Place): boolean {
  if (
    Object.keys(place.ours).some(
      (key) => key.startsWith('f:') && isMap(place.desired) && place.desired[key.slice(2)] === undefined,
    )
  )
    return true;
  return differs(place.desired, place.observed);
}

function differs(desired: unknown, observed: unknown): boolean {
  if (isMap(desired))
    return !isMap(observed) || Object.entries(desired).some(([name, value]) => differs(value, observed[name]));
  if (Array.isArray(desired)) {
    const [wanted, there]: [readonly unknown[], readonly unknown[] | undefined] = [
      desired,
      Array.isArray(observed) ? observed : undefined,
    ];
    return wanted.length !== there?.length || wanted.some((item, at) => differs(item, there[at]));
  }
  return JSON.stringify(desired) !== JSON.stringify(observed);
}

/** Of another manager's, only what surely is in the way: to name it keeps an object from being replaced. */
function isRefused({
  below,
  place,
  causes,
  foreign,
}: {
  below: Place;
  place: Place;
  causes: readonly RefusalCause[];
  foreign: boolean;
}): boolean {
  return (
    isChanged(place) &&
    causes.some(
      (cause) =>
        isAbout({ cause, below }) && (!foreign || specifies({ place, field: cause.field }) || names({ cause, below })),
    )
  );
}

/**
 * Whether a refusal is about a field: it names the field or what is in it, one that is forbidden beside it, or else the
 * map that it is in. An object that may not change as a whole is named by its spec, and forbidden.
 */
function isAbout({ cause, below }: { cause: RefusalCause; below: Place }): boolean {
  if (names({ cause, below })) return true;
  const [named, parent] = [stepsOf(cause.field), spelled(below.path).slice(0, -1)];
  if (below.observed === null || typeof below.observed !== 'object' || !isPrefix(parent, named)) return false;
  return named.length === parent.length + (cause.reason === 'FieldValueForbidden' ? 1 : 0);
}

function names({ cause, below }: { cause: RefusalCause; below: Place }): boolean {
  return isPrefix(spelled(below.path), stepsOf(cause.field));
}

/** Whether Git says what is forbidden. Limit: the API server misspells some (`downwarAPI`, `cephFS`). */
function specifies({ place, field }: { place: Place; field: string }): boolean {
  return isMap(place.desired) && place.desired[stepsOf(field).at(-1) ?? ''] !== undefined;
}

/** Places in lists count as equal: the API server counts them in the merged object. */
function spelled(path: readonly PathStep[]): string[] {
  return path.map((step) => (step.step === 'field' ? step.name : anyPlace));
}

function isPrefix(prefix: readonly string[], steps: readonly string[]): boolean {
  return prefix.length <= steps.length && prefix.every((step, at) => step === steps[at]);
}

const anyPlace = '[]';

/** `spec.volumes[0].secret`, as the API server names fields. */
function stepsOf(field: string): string[] {
  return [...field.matchAll(/\[[^\]]*\]|[^.[\]]+/g)].map(([step]) => (step.startsWith('[') ? anyPlace : step));
}

/** Labels and annotations have many writers in a template, too. */
function isMetadata(path: readonly PathStep[]): boolean {
  return path.some((step) => step.step === 'field' && step.name === 'metadata');
}

function holdsIgnored(path: readonly PathStep[], ignored: readonly FieldPath[]): boolean {
  return ignored.some(
    (rule) => rule.length > path.length && isIgnored({ path, ignored: [rule.slice(0, path.length)] }),
  );
}
