import { visibleText } from '../../base/visible-text.ts';
import { environmentKey } from '../../base/revision.ts';
import { canonicalJson } from '../../objects/canonical-json.ts';
import { diffFields } from '../../drift/field-diff.ts';
import { wholeObjectDiff } from '../../drift/divergence.ts';
import { maskFields } from '../../drift/masking.ts';
import { readable } from '../../drift/readable.ts';
import { pointer } from '../../fields/field-path.ts';
import { pathsOf } from '../../fields/field-set.ts';
import { isMember, ownerOf } from '../../inventory/membership.ts';
import { isMap } from '../../objects/exact-json.ts';
import { fieldManager, releasedManager } from '../../objects/field-manager.ts';
import type { KubernetesObject, ManagedFieldsEntry } from '../../objects/kubernetes-object.ts';
import { groupKind } from '../../objects/object-id.ts';
import { madeBy } from '../../ownership/deletion-guard.ts';
import type { PlanAnswer, PlannedObjectAnswer } from '../inspect/answers.ts';
import { hidesOf, saidOpenly, type Hides } from '../inspect/hides.ts';
import { secretsAmong } from '../inspect/known-secrets.ts';
import type { Planned, PlannedObject } from './planned.ts';
import type { Rehearsed } from './rehearsal.ts';

type Asked = Pick<PlanAnswer, 'repository' | 'environment' | 'revision' | 'at'>;

/** A plan as people are told it: no value of a Secret is in it, and whoever wrote its texts, they show. */
export function tellPlan(planned: Planned, asked: Asked): PlanAnswer {
  const { objects, hooks, unread, outcome, message, waitsFor, dependents, cluster, unchanged } = planned;
  const { repository, environment, revision } = asked;
  const about = { key: environmentKey({ repository, environment }), repository, environment, revision, cluster };
  const hides = hidesOf(
    { own: secretsAmong(planned.secrets), ...planned.besides },
    saidOpenly(planned.secrets, { ...about, namespaces: [], api: undefined }),
  );
  const text = (words: string) => visibleText(hides.text(words));
  const told = objects.map((one) => tellObject(one, { planned, hides }));
  return hides.answer({
    ...{ ...asked, cluster, outcome, message: text(message) },
    unhidden: [...hides.unhidden],
    ...{ waitsFor: waitsFor.map(text), dependents: [...dependents], unchanged },
    objects: told,
    hooks: hooks.map(({ release, event, desired: { id }, verdict, message: said }) => ({
      ...{ release, event, kind: id.kind, namespace: id.namespace ?? null, name: id.name },
      ...{ verdict, message: text(said) },
    })),
    unread: unread.map(({ what, message: why }) => ({ what, message: text(why) })),
    wouldChange:
      hooks.length > 0 ||
      unread.length > 0 ||
      outcome === 'refused' ||
      outcome === 'described' ||
      told.some(({ action }) => action !== 'left'),
  });
}

/** Whoever may see an environment need not be one who may push: what is another's is not theirs to read. */
export function withoutOthersFields(plan: PlanAnswer): PlanAnswer {
  const objects = plan.objects.map((one) =>
    one.adoptedFrom === null
      ? one
      : { ...one, fields: [], omittedFields: one.omittedFields + one.fields.length, takesOver: [] },
  );
  return { ...plan, objects };
}

function tellObject(
  one: PlannedObject,
  { planned: { applySets, lines }, hides }: { planned: Planned; hides: Hides },
): PlannedObjectAnswer {
  const { action, desired, observed, verdict, message, isGuarded = false, rehearsed } = one;
  const id = desired?.id ?? observed?.id ?? { group: '', kind: '', namespace: undefined, name: '' };
  const object = desired?.object ?? observed?.object;
  const { apiVersion = '' } = object ?? {};
  const source = desired?.source;
  const line = desired === undefined ? undefined : lines.get(desired.key);
  const diff = hides.difference({
    ...wholeObjectDiff({ id, apiVersion, change: 'modified', message, source, line }),
    fields: [...fieldsOf(one)],
  });
  const [told = diff] = readable({ reason: 'Drifted', revision: '', summary: '', objects: [diff] }).objects;
  return {
    ...{ action, apiVersion, kind: id.kind, namespace: id.namespace ?? null, name: id.name },
    ...{ source: source ?? null, line: line ?? null, verdict, message: told.message, guarded: isGuarded },
    ...{ fields: told.fields, omittedFields: told.omittedFields ?? 0 },
    adoptedFrom:
      desired === undefined ? null : adoptedFrom({ observed: rehearsed?.before ?? observed?.object, applySets }),
    takesOver: desired === undefined ? [] : takenOver(rehearsed),
    restarts: restartsOf(one),
  };
}

function fieldsOf({ action, desired, rehearsed }: PlannedObject): ReturnType<typeof maskFields> {
  const { before, after } = rehearsed ?? {};
  if (desired === undefined || before === undefined || after === undefined) return [];
  if (action !== 'update' && action !== 'replace') return [];
  const { id, ignored } = desired;
  // What is made anew is as Git has it; what the API server then adds is not known.
  const fields = diffFields({ desired: after, observed: before, ignored });
  return maskFields({
    id,
    fields: action === 'replace' ? fields.filter((field) => field.desired !== undefined) : fields,
  });
}

function adoptedFrom({
  observed,
  applySets,
}: {
  observed: KubernetesObject | undefined;
  applySets: Planned['applySets'];
}): string | null {
  const [own, ...previous] = applySets;
  if (observed === undefined || own === undefined) return null;
  if (isMember({ object: observed, applySets: [own, ...previous] })) return null;
  const owner = ownerOf({ object: observed, applySets: [own, ...previous] });
  if (owner !== undefined) return owner.title;
  const maker = madeBy(observed);
  return maker === fieldManager ? null : (maker ?? 'somebody unknown');
}

/** How many fields of a manager are named. */
const mostFields = 100;

/** What others than Converge own before, and would own no more. */
function takenOver(rehearsed: Rehearsed | undefined): PlannedObjectAnswer['takesOver'] {
  if (rehearsed?.before === undefined || rehearsed.isDeleted) return [];
  const { before, managers } = rehearsed;
  return (before.metadata.managedFields ?? []).flatMap((entry) => {
    const { manager, subresource = '', fieldsV1 } = entry;
    if (manager === undefined || manager === fieldManager || manager === releasedManager) return [];
    if (fieldsV1 === undefined || subresource !== '') return [];
    const lost = managers.map((later) => pathsLeft(later, entry));
    const fields = pathsIn(entry).filter((path) => lost.some((left) => !left.has(path)));
    return fields.length === 0 ? [] : [{ manager, fields: fields.slice(0, mostFields) }];
  });
}

function pathsLeft(managers: readonly ManagedFieldsEntry[], { manager, operation }: ManagedFieldsEntry): Set<string> {
  return new Set(
    managers
      .filter((one) => one.manager === manager && one.operation === operation && (one.subresource ?? '') === '')
      .flatMap(pathsIn),
  );
}

function pathsIn({ fieldsV1 }: ManagedFieldsEntry): string[] {
  return fieldsV1 === undefined ? [] : pathsOf(fieldsV1).map((path) => pointer(path));
}

const restarting = ['Deployment.apps', 'StatefulSet.apps', 'DaemonSet.apps'];

/** The Pods that a change of their template makes anew; what only waits for somebody to delete them is none. */
function restartsOf({ action, desired, rehearsed }: PlannedObject): number | null {
  const { before, after } = rehearsed ?? {};
  if (desired === undefined || before === undefined || after === undefined) return null;
  const pods = podsOf(before);
  if (action === 'replace')
    return groupKind(desired.id) === 'Pod' ? 1 : restarting.includes(groupKind(desired.id)) ? pods : null;
  if (action !== 'update' || !restarting.includes(groupKind(desired.id))) return null;
  const [one, other] = [before, after].map(({ spec }) => (isMap(spec) ? spec : {}));
  if (canonicalJson(one?.['template'] ?? null) === canonicalJson(other?.['template'] ?? null)) return null;
  const strategy = other?.['updateStrategy'];
  return isMap(strategy) && strategy['type'] === 'OnDelete' ? null : pods;
}

function podsOf({ spec, status }: KubernetesObject): number {
  const [wanted, there] = [spec, status].map((part) => (isMap(part) ? part : {}));
  const counts = [there?.['desiredNumberScheduled'], wanted?.['replicas']];
  const count = counts.map(Number).find((one) => Number.isInteger(one) && one >= 0);
  return count ?? 1;
}
