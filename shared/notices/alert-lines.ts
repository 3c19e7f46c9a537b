import { shortRevision } from '../base/revision.ts';
import type { ObjectDiff } from '../drift/object-diff.ts';
import { frozenWords } from '../environment/frozen.ts';
import { fileWords } from '../environment/policy.ts';
import type { AsPlanned, Cause, Converged, Diff } from '../events/alert.ts';
import type { DependencyAlert } from '../events/dependency-alert.ts';
import type { UploadAlert } from '../events/upload-alert.ts';
import { boundedText } from './bounded-text.ts';

/** Of the objects that differ so many have a line; characters of the message of one. */
const listedObjects = 5;
const largestMessage = 200;

const actions: Readonly<Record<Exclude<Diff['action'], 'none'>, string>> = {
  healed: ' It was undone.',
  healing: ' It is being undone.',
};

/** What a person wants to know first: what differs, where, since when, by whom, and what becomes of it. */
export function diffLines(diff: Diff): string[] {
  const { objects, omitted, since, occurrence, rollback, policy } = diff;
  const further = omitted + Math.max(0, objects.length - listedObjects);
  const words = fileWords(policy);
  const frozen = policy?.frozen;
  return [
    ...objects.slice(0, listedObjects).map(objectLine),
    ...(further === 0 ? [] : [`and ${further} more`]),
    ...valueLines(objects[0]),
    ...changedLines(objects[0]),
    `Since ${since}${occurrence === 1 ? '' : `, for the ${ordinal(occurrence)} time`}.${actionWords(diff)}${reminderWords(diff)}`,
    ...answerLines(diff),
    ...overrideLines(diff, 'Asked for'),
    ...placeLines(diff),
    ...(rollback === null ? [] : [`Rolled back to ${shortRevision(rollback.to)}`]),
    ...(frozen === undefined ? [] : [`It is ${frozenWords(frozen)}`]),
    ...(words.length === 0 ? [] : [`Its file says: ${words.join(', ')}`]),
  ];
}

/** By which commands it is answered. */
function answerLines({ answers }: Diff): string[] {
  if (answers === undefined) return [];
  return [`To undo it: ${answers.revert}`, `To have it in Git: ${answers.accept}`];
}

/** Of what is told once a day, or again and again until it is answered. */
function reminderWords({ reminder, answers }: Diff): string {
  if (reminder === undefined) return '';
  if (answers !== undefined) return ' Nobody has answered yet: it is told again until somebody does.';
  return ` It has stood for ${reminder} ${reminder === 1 ? 'day' : 'days'}, and is told once a day.`;
}

/** Of what was rolled back the line of that says it. */
function actionWords({ action, reason, rollback, answers }: Diff): string {
  if (action !== 'none') return actions[action];
  if (answers !== undefined) return ' Nothing is done about it until somebody answers.';
  if (rollback !== null) return '';
  return reason === 'Failed'
    ? ' What runs stays as it is. It is tried again after a pause, and at once by the next commit that changes an input.'
    : ' Nothing is done about it.';
}

export function convergedLines(converged: Converged): string[] {
  const { changes, seconds, since, accepted } = converged;
  const { created, configured, unchanged, pruned, released = 0 } = changes;
  const isKnown = created + configured + unchanged + pruned + released + seconds > 0;
  const done = `${created} created, ${configured} configured, ${unchanged} unchanged, ${pruned} pruned${released === 0 ? '' : `, ${released} released`}, in ${seconds} s`;
  return [
    ...(isKnown ? [done] : []),
    ...(since === null ? [] : [`It had differed since ${since}`]),
    ...revertedLines(converged),
    ...(accepted === undefined ? [] : [`Accepted by ${accepted.by}, with commit ${accepted.commit.slice(0, 12)}`]),
    ...(converged.plan === undefined ? [] : [planWords(converged.plan)]),
    ...overrideLines(converged, 'Applied'),
    ...placeLines(converged),
  ];
}

/** Of so many objects that differ the title is told to people. */
const namedDiffering = 3;

/** What was done beside what was planned, in a sentence. */
export function planWords({ asPlanned, pullRequest, why, objects, omitted }: AsPlanned): string {
  const planned = pullRequest === null ? 'planned' : `planned on pull request ${pullRequest}`;
  if (asPlanned === true) return `As ${planned}`;
  const because = why === undefined ? '' : `; ${boundedText(why, 160)}`;
  if (asPlanned === null) return `Whether it went as ${planned} is not known${because}`;
  const named = objects.slice(0, namedDiffering).map(({ object, ...how }) => {
    const words =
      how.planned === how.done ? 'other fields' : `${doneWords(how.done)}, planned: ${how.planned ?? 'nothing'}`;
    return `${boundedText(object, 80)} (${words})`;
  });
  const more = objects.length - named.length + omitted;
  return `Otherwise than ${planned}: ${named.join(', ')}${more === 0 ? '' : ` and ${more} more`}${because}`;
}

function doneWords(done: AsPlanned['objects'][number]['done']): string {
  return `done: ${done ?? 'nothing'}`;
}

/** By whose word a run went past a freeze. */
function overrideLines({ override }: Pick<Diff, 'override'>, what: string): string[] {
  if (override === undefined) return [];
  const { window, by, reason } = override;
  return [
    `${what} during the freeze ${boundedText(window, 60)}, by ${boundedText(by, 80)}, because: ${boundedText(reason, 200)}`,
  ];
}

function revertedLines({ reverted }: Converged): string[] {
  if (reverted === undefined) return [];
  const { by, reason } = reverted;
  const why = reason === undefined ? '' : `: ${boundedText(reason, 200)}`;
  return [`It was undone at the request of ${boundedText(by, 80)}${why}`];
}

/** Of those that stand on what does not answer so many are named. */
const namedBehind = 10;

export function dependencyLines({ topic, data }: DependencyAlert): string[] {
  const { since, environments, count } = data;
  const named = environments.slice(0, namedBehind);
  const more = count === named.length ? '' : ` and ${count - named.length} more`;
  const behind = count === 0 ? 'No environment stands on it' : `${count} stand on it: ${named.join(', ')}${more}`;
  if (topic === 'converged') return [`It had not answered since ${since}, for ${data.seconds} s`, behind];
  return [`${data.code}: ${data.message}`, ...remedyLines(data.remedy), `Since ${since}`, behind];
}

/** Of what nothing comes of so many files are named. */
const namedUnused = 5;

export function uploadLines({ topic, data }: UploadAlert): string[] {
  if (topic === 'diff') {
    const { reason, message, remedy, author, build, since } = data;
    return [
      `${reason}: ${message}`,
      ...remedyLines(remedy),
      ...(author === null ? [] : [`Uploaded by ${author}`]),
      ...(build === null ? [] : [`Build ${build}`]),
      `Since ${since}. Nothing of it is in Git; the upload that mends it ends this.`,
    ];
  }
  const { commit, since, unused, omitted } = data;
  const further = omitted + Math.max(0, unused.length - namedUnused);
  return [
    ...(commit === null ? [] : [`In commit ${commit.slice(0, 12)}`]),
    ...(since === null ? [] : [`It had been refused since ${since}`]),
    ...unused.slice(0, namedUnused).map(({ path, message }) => `${boundedText(path, 80)} ${message}`),
    ...(further === 0 ? [] : [`and ${further} more`]),
  ];
}

function remedyLines(remedy: string | null): string[] {
  return remedy === null ? [] : [`To do: ${remedy}`];
}

function placeLines({ cluster, revision, cause }: Diff | Converged): string[] {
  const at = cluster === '' ? '' : ` in ${cluster}`;
  return [`At ${shortRevision(revision)}${at}`, ...(cause === null ? [] : [causeLine(cause)])];
}

function causeLine(cause: Cause): string {
  const { commit, subject, artifact } = cause;
  const of = artifact === null ? '' : `, of ${boundedText(artifact, 80)}`;
  return `Changed last by ${commit.slice(0, 12)} "${boundedText(subject, 72)}"${broughtBy(cause)}${of}`;
}

/** ` by Ana <ana@example.com>`, or ` asked for by Ana <ana@example.com>: moves to another zone`. */
export function broughtBy({ author, requested }: Pick<Cause, 'author' | 'requested'>): string {
  if (requested === undefined) return author === null ? '' : ` by ${boundedText(author, 80)}`;
  const { by, reason } = requested;
  return ` asked for by ${boundedText(by, 80)}${reason === null ? '' : `: ${boundedText(reason, 120)}`}`;
}

function objectLine(object: ObjectDiff): string {
  const { kind, namespace, name, message, fields, why } = object;
  const title = `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
  const managers = [...new Set(fields.flatMap(({ manager }) => manager ?? []))];
  const by =
    managers.length === 0
      ? ''
      : ` (by ${managers
          .slice(0, 3)
          .map((manager) => boundedText(manager, 40))
          .join(', ')})`;
  return `${boundedText(title, 80)}: ${boundedText(message, largestMessage)}${by}${placeWords(object)}${whyWords(why)}`;
}

/** ` in manifests/shop/web.yaml:12`: of what was refused, and where the line is known. */
function placeWords({ change, source, line }: ObjectDiff): string {
  if (source === undefined || (change !== 'failed' && line === undefined)) return '';
  return ` in ${boundedText(line === undefined ? source : `${source}:${line}`, 80)}`;
}

/** Of what drifted: what is there in place of what Git says, of the first field; of a value that is kept back nothing. */
function valueLines(object: ObjectDiff | undefined): string[] {
  if (object?.change !== 'modified') return [];
  const [first, ...further] = object.fields;
  if (first === undefined || isKeptBack(first)) return [];
  const more = moreWords(further.length + (object.omittedFields ?? 0), ', and');
  return [`${boundedText(first.path, 100)} is ${shown(first.observed)}, and Git says ${shown(first.desired)}${more}`];
}

/** One of the values is known to be there, and is not told. */
function isKeptBack({ omitted = [], desired, observed }: ObjectDiff['fields'][number]): boolean {
  const values = { desired, observed };
  return omitted.some((side) => values[side] === undefined);
}

/** Of the files that changed so many are named. */
const namedInputs = 3;

/** What Git changed for it since the revision that converged last: the first field, or the first files. */
function changedLines(object: ObjectDiff | undefined): string[] {
  if (object?.changed === undefined) return [];
  const { since, added, fields, omittedFields = 0, inputs, omittedInputs = 0 } = object.changed;
  const at = `since ${shortRevision(since)}`;
  const of = `${object.kind} ${boundedText(object.name, 80)}`;
  if (added === true) return [`${of} is new ${at}`];
  const [first, ...further] = fields ?? [];
  if (first !== undefined) {
    const { path, before, after } = first;
    const change = `${boundedText(path, 100)} ${shown(before)} → ${shown(after)}`;
    return [`${of} was changed ${at}: ${change}${moreWords(further.length + omittedFields, ', and')}`];
  }
  if (inputs.length === 0) return [`Nothing that ${of} is made of was changed ${at}`];
  if (fields !== undefined && omittedFields === 0) return [`${of} itself was not changed ${at}`];
  const named = inputs.slice(0, namedInputs).map((path) => boundedText(path, 60));
  return [`Changed ${at}: ${named.join(', ')}${moreWords(inputs.length - named.length + omittedInputs, ' and')}`];
}

function moreWords(count: number, and: string): string {
  return count === 0 ? '' : `${and} ${count} more`;
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  return boundedText(typeof value === 'string' ? value : JSON.stringify(value), 60);
}

/** ` (Pod acme/web-7c9d-x2: FailedMount, 7 times, last 2026-11-21T01:02:03Z)` */
function whyWords(why: ObjectDiff['why']): string {
  if (why === undefined) return '';
  const { object, event } = why;
  if (event === undefined) return ` (${boundedText(object, 80)})`;
  const times = event.count === 1 ? 'once' : `${event.count} times`;
  return ` (${boundedText(event.object, 80)}: ${boundedText(event.reason, 40)}, ${times}, last ${boundedText(event.last, 40)})`;
}

function ordinal(count: number): string {
  const isTeen = count % 100 >= 11 && count % 100 <= 13;
  const endings: Readonly<Record<number, string>> = { 1: 'st', 2: 'nd', 3: 'rd' };
  return `${count}${(isTeen ? undefined : endings[count % 10]) ?? 'th'}`;
}
