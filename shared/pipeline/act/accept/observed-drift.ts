import { ConvergeError } from '../../../base/errors.ts';
import { parsePath } from '../../../fields/field-path.ts';
import { mask } from '../../../objects/mask.ts';
import { groupOf, objectTitle, type ObjectId } from '../../../objects/object-id.ts';
import { listedObjects, type Incident } from '../../../memory/incident.ts';
import type { DiffAnswer, ObjectDifference } from '../../inspect/answers.ts';
import type { ObservedField } from './field-edit.ts';

/** An object of the incident, and what Git is to say of it. */
export interface DriftedObject {
  readonly id: ObjectId;
  readonly title: string;
  /** `gone`: somebody deleted it. */
  readonly drift: 'changed' | 'gone';
  /** As a rule of the environment file names them, too: `pointer` reads back as `path`. */
  readonly fields: readonly (ObservedField & { readonly pointer: string; readonly desired: unknown })[];
}

/** Throws `AcceptRefused` (refuse) for an incident that is closed, or is not of drift. */
export function assertAcceptable(
  incident: Incident | undefined,
  { id, key }: { id: string; key: string },
): asserts incident is Incident {
  if (incident === undefined)
    throw acceptRefused({
      subject: id,
      message: `is no incident that ${key} remembers: it has ended long ago, or is another environment's`,
      remedy: '`converge status` shows what is open',
    });
  if (incident.closedAt !== undefined)
    throw acceptRefused({
      subject: id,
      message: `was closed at ${incident.closedAt}: nothing of it differs any more`,
      remedy: '`converge status` shows what is open',
    });
  if (incident.reason !== 'Drifted')
    throw acceptRefused({
      subject: id,
      message: `is no drift (${incident.reason}): there is nothing in the cluster that Git could say instead`,
    });
}

/**
 * The objects of an incident as they are now, each with the fields that differ: none where nothing of it differs any more.
 *
 * Throws `AcceptRefused` (refuse) for what nobody may see (values of Secrets), what is not here whole, what could not be
 * looked at, and what is not of the cluster's making.
 */
export function driftOf(incident: Incident, { objects, unread, unhidden }: DiffAnswer): readonly DriftedObject[] {
  const titles = new Set(incident.objects ?? []);
  // Of more than it lists, it says only how many.
  const isMeant = (title: string): boolean => titles.size === 0 || titles.size >= listedObjects || titles.has(title);
  const [unseen] = unread.filter(({ what }) => isMeant(what));
  if (unseen !== undefined)
    throw acceptRefused({ subject: unseen.what, message: `cannot be looked at: ${unseen.message}` });
  const meant = objects.filter((one) => isMeant(objectTitle(one)));
  const [unknown] = unhidden;
  if (unknown !== undefined && meant.some(({ fields }) => fields.length > 0))
    throw acceptRefused({
      subject: unknown.what,
      message: `cannot be read, so that nobody knows whether a value that would be committed is a Secret's: ${unknown.message}`,
      remedy: 'let the environment read them (`converge rbac`), or commit it yourself',
    });
  return meant.map(driftedObject);
}

function driftedObject(found: ObjectDifference): DriftedObject {
  const title = objectTitle(found);
  const refused = (message: string, remedy?: string) => acceptRefused({ subject: title, message, remedy });
  const { apiVersion, kind, namespace, name, change, by } = found;
  const id: ObjectId = { group: groupOf(apiVersion), kind, namespace, name };
  if (by === 'commit')
    throw refused(
      'differs because a commit changed it, too, and no run has applied that yet',
      'ask again after the run',
    );
  if (change === 'missing') return { id, title, drift: 'gone', fields: [] };
  if (change === 'unexpected')
    throw refused('was made in the cluster, and nothing in Git says anything of it', 'commit a manifest of it');
  if (change !== 'modified') throw refused(`${found.message}: Git could say nothing else of it`);
  if (id.group === '' && kind === 'Secret')
    throw refused('is a Secret, whose values nobody is shown', 'commit them yourself, where they may be in Git');
  if (found.omittedFields !== undefined)
    throw refused(`differs in ${found.fields.length + found.omittedFields} fields, and not all of them are here`);
  if (found.fields.length === 0) throw refused(`${found.message}, in no field that Git could say`);
  return { id, title, drift: 'changed', fields: found.fields.map((field) => driftedField(field, refused)) };
}

function driftedField(
  field: ObjectDifference['fields'][number],
  refused: (message: string, remedy?: string) => ConvergeError,
): DriftedObject['fields'][number] {
  const parsed = parsePath(field.path);
  if ('problem' in parsed) throw refused(`${field.path} is no path: ${parsed.problem}`);
  if (field.omitted?.includes('observed') === true)
    throw refused(`${field.path} is too long to be shown whole`, 'commit it yourself');
  if (JSON.stringify(field.observed ?? null).includes(mask))
    throw refused(
      `${field.path} holds what a Secret holds, and nobody is shown that`,
      'commit it yourself, where it may be in Git',
    );
  return { path: parsed.path, pointer: field.path, observed: field.observed, desired: field.desired };
}

export function acceptRefused({
  subject,
  message,
  remedy,
}: {
  subject: string;
  message: string;
  remedy?: string | undefined;
}): ConvergeError {
  return new ConvergeError({
    ...{ code: 'AcceptRefused', subject, message, disposition: 'refuse' },
    ...(remedy === undefined ? {} : { remedy }),
  });
}
