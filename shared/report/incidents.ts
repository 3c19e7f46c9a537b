import { environmentKey } from '../base/revision.ts';
import type { ObjectDiff } from '../drift/object-diff.ts';
import type { Finding, FindingChange, PastIncident } from '../events/report.ts';
import type { Incident } from '../memory/incident.ts';
import { incidentsOf } from '../memory/incidents.ts';
import { isHealed, type PastEntry } from '../memory/past.ts';
import { objectTitle } from '../objects/object-id.ts';
import { suspensionWords } from '../ownership/suspended-object.ts';
import type { ReportedEnvironment } from './reported-environment.ts';
import { cut, sentence, valueText } from './text.ts';

/** How many fields and objects of one incident are listed, and how many managers. */
const listedChanges = 8;
const listedManagers = 5;
const longestName = 200;

/** What every list of incidents says of one. */
type Facts = Omit<Finding, 'changes' | 'more' | 'news'>;

export function factsOf(environment: ReportedEnvironment, incident: Incident): Facts {
  const { id, reason, subject, since, occurrence, revision, summary, diff } = incident;
  return {
    ...{ id, environment: keyOf(environment), cluster: environment.cluster, reason, since, occurrence, revision },
    object: subject ?? null,
    summary: sentence(summary),
    by: managersOf(diff?.objects ?? []),
    cause: diff?.cause ?? environment.memory.cause?.found ?? null,
  };
}

export function keyOf({ repository, name }: Pick<ReportedEnvironment, 'repository' | 'name'>): string {
  return environmentKey({ repository, environment: name });
}

/**
 * The first of what differs, field by field, and how much more does: as the alert of the incident says, which hides
 * what is secret. Where none was made yet, the titles of the objects are known, and no more.
 */
export function changesOf({ diff, objects = [] }: Incident): Pick<Finding, 'changes' | 'more'> {
  if (diff === undefined) {
    const listed = objects.slice(0, listedChanges).map((object) => wholeObject({ object, change: '', message: '' }));
    return { changes: listed, more: objects.length - listed.length };
  }
  const all = diff.objects.flatMap(changesOfObject);
  const unlisted = diff.objects.reduce((sum, { omittedFields = 0 }) => sum + omittedFields, diff.omitted);
  const changes = all.slice(0, listedChanges);
  return { changes, more: all.length - changes.length + unlisted };
}

function changesOfObject(diff: ObjectDiff): FindingChange[] {
  const { change, fields, message } = diff;
  const object = cut(objectTitle(diff), longestName);
  const alone = diff.suspended === undefined ? '' : sentence(suspensionWords(diff.suspended));
  if (fields.length === 0) return [wholeObject({ object, change, message: sentence(message) })];
  return fields.map(({ path, desired, observed, manager, changedBefore }) => ({
    ...{ object, change, path: cut(path, longestName), desired: valueText(desired), observed: valueText(observed) },
    ...{ by: manager === undefined ? null : cut(manager, longestName), at: changedBefore ?? null, message: alone },
  }));
}

function wholeObject({ object, change, message }: Pick<FindingChange, 'object' | 'change' | 'message'>): FindingChange {
  return { object, change, path: '', desired: null, observed: null, by: null, at: null, message };
}

function managersOf(objects: readonly ObjectDiff[]): string[] {
  const named = objects.flatMap(({ fields }) => fields.flatMap(({ manager }) => manager ?? []));
  return [...new Set(named)].slice(0, listedManagers).map((manager) => cut(manager, longestName));
}

/** Incidents that ended, as they are remembered: what was drift may have been healed. */
export function pastOf(environment: ReportedEnvironment): PastIncident[] {
  const { past } = environment.memory;
  const kept = (past?.incidents ?? []).map((entry) => ofPast(environment, entry));
  const known = new Set(kept.map(({ id, until }) => `${id} ${until}`));
  // The version before kept no past.
  return [...kept, ...closedOf(environment).filter(({ id, until }) => !known.has(`${id} ${until}`))];
}

function ofPast(environment: ReportedEnvironment, entry: PastEntry): PastIncident {
  const { id, reason, subject, since, until, times, revision, summary, by, healed, reverted, cause } = entry;
  return {
    ...{ id, environment: keyOf(environment), cluster: environment.cluster, reason, object: subject ?? null },
    ...{ since, until, occurrence: times, revision, summary, by, healed, cause },
    ...(reverted === undefined ? {} : { reverted }),
  };
}

function closedOf(environment: ReportedEnvironment): PastIncident[] {
  return incidentsOf(environment.memory).flatMap((incident) => {
    if (incident.closedAt === undefined) return [];
    const { closedAt: until, reverted } = incident;
    const ended = { ...factsOf(environment, incident), until, healed: isHealed(incident) };
    return [reverted === undefined ? ended : { ...ended, reverted }];
  });
}
