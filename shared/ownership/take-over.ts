import type { FieldPath } from '../fields/field-path.ts';
import { isIgnored } from '../fields/ignored-fields.ts';
import { hasKeys, owns, ownEntry, type PathStep } from '../fields/owned-fields.ts';
import { isMap } from '../objects/exact-json.ts';
import { fieldManager, releasedManager } from '../objects/field-manager.ts';
import type { JsonObject, KubernetesObject, ManagedFieldsEntry, ObjectMetadata } from '../objects/kubernetes-object.ts';
import { pathsOf, splitFields, unionFields } from '../fields/field-set.ts';
import type { RefusalCause } from '../objects/refusal-cause.ts';
import { outlivedDefaults } from './outlived-defaults.ts';
import { isBesideTheSpec, isKept, isReplicas } from './kept-fields.ts';
import { isOurs, predecessorOf, type Predecessor } from './managers.ts';

/**
 * The managedFields to write to an object before it is applied, so that what Git no longer specifies really goes,
 * or undefined where they are right as they are. A server-side apply removes only what its own manager owned
 * and no other does; so fields of the tools of the closed table are first made ours. Written before the apply, and not
 * after: two changes of a pod template would be two roll-outs.
 *
 * | the object                | of whom                    | becomes ours                                              |
 * | ------------------------- | -------------------------- | --------------------------------------------------------- |
 * | is adopted now            | any but before-first-apply | everything beside metadata, and the metadata Git specifies |
 * |                           | `converge-released`        | the same: it was ours until its environment's file went    |
 * | is ours                   | kubectl                    | the same, and what we owned before                        |
 * | is ours                   | the others of the table    | what we owned before                                      |
 *
 * Replicas and restarts that Git does not specify, and what the environment ignores, stay with whoever wrote them.
 * Where they are ours, because Git specified them until now or the object was created with them, they go to
 * `converge-released`: dropped, they would be reset to a default, or refused as missing. What was released
 * and is Git's again is ours alone.
 *
 * What the API server defaulted for a choice that Git has changed becomes ours, too (`outlived-defaults.ts`).
 *
 * Limit: an entry in another API version than the one we own (or, adopting, apply) in stays: its paths mean something
 * else.
 */
export function managedFieldsToWrite({
  desired,
  observed,
  ignored = [],
  causes,
}: {
  /** As it is to be applied, without what is ignored. */
  desired: KubernetesObject;
  /** Where it is its metadata alone, outlived defaults cannot be seen, and stay. */
  observed: Partial<KubernetesObject> & { readonly metadata: ObjectMetadata };
  ignored?: readonly FieldPath[] | undefined;
  /** For which the API server refused the object, where it did. */
  causes?: readonly RefusalCause[] | undefined;
}): readonly ManagedFieldsEntry[] | undefined {
  const entries = observed.metadata.managedFields ?? [];
  const own = ownEntry(observed);
  const apiVersion = own?.apiVersion ?? versionToAdopt({ entries, preferred: desired.apiVersion });
  const claim: Claim = {
    own,
    apiVersion,
    ignored,
    specified: (path) => specifies(desired, path),
    wasOurs: (path) => own?.fieldsV1 !== undefined && owns(own.fieldsV1, path),
  };
  const { ours, others, isDue: isTaking } = takeFromPredecessors({ entries, claim });
  const { before, givenUp, isDue: isGivingUp } = giveUpToReleased({ entries, claim });
  const outlived =
    ours === undefined || observed.apiVersion !== apiVersion || desired.apiVersion !== apiVersion
      ? undefined
      : outlivedDefaults({
          desired,
          observed: { ...observed, apiVersion, kind: desired.kind },
          ours,
          others,
          ignored,
          causes,
        });
  if (!isTaking && !isGivingUp && outlived === undefined) return undefined;
  return [
    ...others.filter((entry) => entry !== before),
    ...ourEntries({
      ours: ours !== undefined && outlived !== undefined ? unionFields(ours, outlived) : ours,
      givenUp,
      apiVersion,
      time: own?.time ?? entries[0]?.time,
    }),
  ];
}

/** What says of a path, and of an entry that holds it, whose it is to be. */
interface Claim {
  /** Our entry as it is; undefined where the object is adopted now. */
  readonly own: ManagedFieldsEntry | undefined;
  /** Only entries in this version count: in another, their paths mean something else. */
  readonly apiVersion: string | undefined;
  readonly ignored: readonly FieldPath[];
  /** By Git. */
  specified(path: readonly PathStep[]): boolean;
  wasOurs(path: readonly PathStep[]): boolean;
}

/** What is ours once the tools of the closed table have handed over, and the entries that others are left with. */
function takeFromPredecessors({ entries, claim }: { entries: readonly ManagedFieldsEntry[]; claim: Claim }): {
  ours: JsonObject | undefined;
  others: readonly ManagedFieldsEntry[];
  isDue: boolean;
} {
  const { own, apiVersion } = claim;
  let ours = own?.fieldsV1;
  let isDue = false;
  const others = entries.flatMap((entry): ManagedFieldsEntry[] => {
    if (entry === own) return [];
    const predecessor = own === undefined && entry.manager === releasedManager ? 'Converge' : predecessorOf(entry);
    if (predecessor === undefined || entry.fieldsV1 === undefined || entry.apiVersion !== apiVersion) return [entry];
    const { taken, left } = splitFields(entry.fieldsV1, (path) => takes({ path, predecessor, claim }));
    if (taken === undefined) return [entry];
    if (own === undefined || pathsOf(taken).some((path) => !claim.specified(path))) isDue = true;
    ours = ours === undefined ? taken : unionFields(ours, taken);
    return left === undefined ? [] : [{ ...entry, fieldsV1: left }];
  });
  return { ours, others, isDue };
}

/**
 * What `converge-released` has after the write, and its entry from before: with what we give up now, without what is
 * Git's again.
 */
function giveUpToReleased({ entries, claim }: { entries: readonly ManagedFieldsEntry[]; claim: Claim }): {
  before: ManagedFieldsEntry | undefined;
  givenUp: JsonObject | undefined;
  isDue: boolean;
} {
  const { own, apiVersion, ignored, specified, wasOurs } = claim;
  const isReleased = (path: readonly PathStep[]) =>
    (isReplicas(path) || isIgnored({ path, ignored })) && !specified(path);
  const released = own?.fieldsV1 === undefined ? undefined : splitFields(own.fieldsV1, isReleased).taken;
  // Adopting, it is taken over like any other's.
  const before =
    own === undefined
      ? undefined
      : entries.find((entry) => entry.manager === releasedManager && entry.apiVersion === apiVersion);
  const { taken: regained, left: stillReleased } = splitFields(
    before?.fieldsV1 ?? {},
    (path) => wasOurs(path) && !isReleased(path),
  );
  const givenUp =
    released === undefined || stillReleased === undefined
      ? (released ?? stillReleased)
      : unionFields(stillReleased, released);
  const isRegaining = regained !== undefined && pathsOf(regained).some((path) => !specified(path));
  return { before, givenUp, isDue: released !== undefined || isRegaining };
}

/** The entries of our own two managers. */
function ourEntries({
  ours,
  givenUp,
  apiVersion,
  time,
}: {
  ours: JsonObject | undefined;
  givenUp: JsonObject | undefined;
  apiVersion: string | undefined;
  time: string | undefined;
}): ManagedFieldsEntry[] {
  const written = {
    ...(apiVersion === undefined ? {} : { apiVersion }),
    ...(time === undefined ? {} : { time }),
    fieldsType: 'FieldsV1',
  };
  return [
    { manager: fieldManager, operation: 'Apply', ...written, ...(ours === undefined ? {} : { fieldsV1: ours }) },
    ...(givenUp === undefined
      ? []
      : [{ manager: releasedManager, operation: 'Update' as const, ...written, fieldsV1: givenUp }]),
  ];
}

function versionToAdopt({
  entries,
  preferred,
}: {
  entries: readonly ManagedFieldsEntry[];
  preferred: string;
}): string | undefined {
  const versions = entries.flatMap((entry) =>
    (predecessorOf(entry) === undefined && entry.manager !== releasedManager) || entry.apiVersion === undefined
      ? []
      : [entry.apiVersion],
  );
  return versions.includes(preferred) ? preferred : versions[0];
}

function takes({
  path,
  predecessor,
  claim: { own, ignored, specified, wasOurs },
}: {
  path: readonly PathStep[];
  predecessor: Predecessor;
  claim: Claim;
}): boolean {
  if (isKept(path) || isIgnored({ path, ignored })) return specified(path);
  if (wasOurs(path)) return true;
  // It stands for everything there was when nobody was recorded: injected certificates, volume names, clusterIPs.
  if (predecessor === 'before-first-apply') return false;
  const adopting = own === undefined;
  if (!adopting && predecessor !== 'kubectl') return false;
  return isBesideTheSpec(path) ? specified(path) : true;
}

/**
 * Whether Git specifies a path. A list item's key that Git leaves to its default (a port's protocol) matches any value.
 */
function specifies(desired: unknown, path: readonly PathStep[]): boolean {
  let value: unknown = desired;
  for (const step of path) {
    if (value === null || typeof value !== 'object') return false;
    value = child({ value, step });
    if (value === undefined) return false;
  }
  return true;
}

function child({ value, step }: { value: object; step: PathStep }): unknown {
  if (step.step === 'field') return isMap(value) ? value[step.name] : undefined;
  if (!Array.isArray(value)) return undefined;
  const items: readonly unknown[] = value;
  switch (step.step) {
    case 'item':
      return items.find((item) => hasKeys(item, withoutDefaulted({ item, keys: step.keys })));
    case 'member':
      return items.find((item) => item === step.value);
    case 'index':
      return items[step.index];
  }
}

function withoutDefaulted({
  item,
  keys,
}: {
  item: unknown;
  keys: Readonly<Record<string, unknown>>;
}): Readonly<Record<string, unknown>> {
  if (item === null || typeof item !== 'object') return keys;
  const said = Object.entries(keys).filter(([key]) => Object.hasOwn(item, key));
  return said.length === 0 ? keys : Object.fromEntries(said);
}

/**
 * What we owned before an apply, no longer specify and do not ignore, and still see, because somebody else owns it too.
 * Fields that nobody owns are defaults; replicas and restarts stay whoever owns them. Both objects are of the same API version.
 */
export function keptByOthers({
  before,
  after,
  ignored = [],
}: {
  before: { readonly metadata: ObjectMetadata };
  after: KubernetesObject;
  ignored?: readonly FieldPath[] | undefined;
}): CoOwnedPath[] {
  const [was, is] = [ownEntry(before), ownEntry(after)];
  if (was?.fieldsV1 === undefined || is?.fieldsV1 === undefined || was.apiVersion !== is.apiVersion) return [];
  const now = is.fieldsV1;
  const dropped = pathsOf(was.fieldsV1).filter((path) => !owns(now, path) && !isIgnored({ path, ignored }));
  const others = (after.metadata.managedFields ?? []).filter((entry) => !isOurs(entry));
  return dropped.flatMap((path) => {
    const entry = others.find(
      ({ fieldsV1 }) => fieldsV1 !== undefined && owns(fieldsV1, path) && !isKeptIn(fieldsV1, path),
    );
    return entry === undefined ? [] : [{ path, entry }];
  });
}

/** Whether somebody holds a path for what stays as it is anyway: the annotations, where they wrote a restart there. */
function isKeptIn(fields: JsonObject, path: readonly PathStep[]): boolean {
  if (isKept(path)) return true;
  const at = JSON.stringify(path).slice(0, -1);
  const below = pathsOf(fields).filter(
    (other) => other.length > path.length && JSON.stringify(other).startsWith(`${at},`),
  );
  return below.length > 0 && below.every(isKept);
}

export interface CoOwnedPath {
  readonly path: readonly PathStep[];
  readonly entry: ManagedFieldsEntry;
}
