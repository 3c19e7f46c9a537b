import { shortRevision } from '../base/revision.ts';
import type { ObjectDiff } from '../drift/object-diff.ts';
import { policyWords } from '../environment/policy.ts';
import type { Cause, Converged, Diff } from '../events/alert.ts';
import { boundedText } from './bounded-text.ts';

/** Of the objects that differ so many have a line; characters of the message of one. */
const listedObjects = 5;
const largestMessage = 200;

const actions: Readonly<Record<Diff['action'], string>> = {
  healed: 'It was undone',
  healing: 'It is being undone',
  none: 'Nothing is done about it',
};

/** What a person wants to know first: what differs, where, since when, by whom, and what becomes of it. */
export function diffLines(diff: Diff): string[] {
  const { objects, omitted, since, occurrence, action, rollback, policy } = diff;
  const further = omitted + Math.max(0, objects.length - listedObjects);
  const words = policyWords(policy);
  return [
    ...objects.slice(0, listedObjects).map(objectLine),
    ...(further === 0 ? [] : [`and ${further} more`]),
    `Since ${since}${occurrence === 1 ? '' : `, for the ${ordinal(occurrence)} time`}. ${actions[action]}.`,
    ...placeLines(diff),
    ...(rollback === null ? [] : [`Rolled back to ${shortRevision(rollback.to)}`]),
    ...(words.length === 0 ? [] : [`Its file says: ${words.join(', ')}`]),
  ];
}

export function convergedLines(converged: Converged): string[] {
  const { changes, seconds, since } = converged;
  const { created, configured, unchanged, pruned, released = 0 } = changes;
  return [
    `${created} created, ${configured} configured, ${unchanged} unchanged, ${pruned} pruned${released === 0 ? '' : `, ${released} released`}, in ${seconds} s`,
    ...(since === null ? [] : [`It had differed since ${since}`]),
    ...placeLines(converged),
  ];
}

function placeLines({ cluster, revision, cause }: Diff | Converged): string[] {
  const at = cluster === '' ? '' : ` in ${cluster}`;
  return [`At ${shortRevision(revision)}${at}`, ...(cause === null ? [] : [causeLine(cause)])];
}

function causeLine({ commit, subject, author, artifact }: Cause): string {
  const by = author === null ? '' : ` by ${boundedText(author, 80)}`;
  const of = artifact === null ? '' : `, of ${boundedText(artifact, 80)}`;
  return `Changed last by ${commit.slice(0, 12)} "${boundedText(subject, 72)}"${by}${of}`;
}

function objectLine({ kind, namespace, name, message, fields }: ObjectDiff): string {
  const title = `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
  const managers = [...new Set(fields.flatMap(({ manager }) => manager ?? []))];
  const by =
    managers.length === 0
      ? ''
      : ` (by ${managers
          .slice(0, 3)
          .map((manager) => boundedText(manager, 40))
          .join(', ')})`;
  return `${boundedText(title, 80)}: ${boundedText(message, largestMessage)}${by}`;
}

function ordinal(count: number): string {
  const isTeen = count % 100 >= 11 && count % 100 <= 13;
  const endings: Readonly<Record<number, string>> = { 1: 'st', 2: 'nd', 3: 'rd' };
  return `${count}${(isTeen ? undefined : endings[count % 10]) ?? 'th'}`;
}
