import { acknowledgedWords } from '../shared/notices/acknowledged-notice.ts';
import { broughtBy, planWords } from '../shared/notices/alert-lines.ts';
import { boundedText } from '../shared/notices/bounded-text.ts';
import { policyWords } from '../shared/environment/policy.ts';
import type { EnvironmentStatus } from '../shared/pipeline/common/environment-status.ts';
import { plainRevision, shortTime, type Line, type Tone } from './command-result.ts';

type Incident = EnvironmentStatus['incidents'][number];

/** All that is known of one environment, a line each: what `--wide` shows. */
export function wideLines(environment: EnvironmentStatus, tone: Tone): Line[] {
  const { repository, name, state, cluster, message, health, objects, since, quarantine, left, labels } = environment;
  const facts: readonly (readonly [string, readonly string[]])[] = [
    ['message', message === '' ? [] : [message]],
    ['cluster', cluster === '' ? [] : [cluster]],
    ['since', [shortTime(since)]],
    ['checked', [timeOr(environment.checkedAt, 'not known')]],
    ['attempted', [timeOr(environment.attemptedAt, 'not known')]],
    ['next look', [nextWords(environment)]],
    ['revision', [environment.revision === '' ? 'none has converged yet' : plainRevision(environment.revision)]],
    [
      'head',
      [
        environment.wanted === ''
          ? 'no file declares it, or its branch cannot be read'
          : plainRevision(environment.wanted),
      ],
    ],
    ['health', [`${health}, ${objects} ${objects === 1 ? 'object' : 'objects'}`]],
    ['changed by', causeWords(environment)],
    ['last run', changesWords(environment)],
    ['plan', environment.plan === undefined ? [] : [planWords(environment.plan)]],
    ['asked', environment.requests.slice(-1).map(requestWords)],
    ['not pruned', left === 0 ? [] : [`${left} that Git specifies no more`]],
    [
      'quarantined',
      quarantine === null
        ? []
        : [`${plainRevision(quarantine.revision)} since ${shortTime(quarantine.at)}: ${quarantine.reason}`],
    ],
    ['labels', labelWords(labels)],
    ['policy', policyWords(environment.policy)],
  ];
  return [
    { text: `${repository}/${name}  ${state}`, tone },
    ...facts.flatMap(([fact, values]) => values.map((value) => lineOf(fact, value))),
    ...environment.incidents.flatMap(incidentLines),
  ];
}

function incidentLines(incident: Incident): Line[] {
  const { id, reason, since, summary, source, differing = [], omitted = 0, acknowledged } = incident;
  const lines: readonly (readonly [string, readonly string[]])[] = [
    ['incident', [`${id} ${reason} since ${shortTime(since)}: ${summary}`]],
    ['  done', [doneWords(incident)]],
    ['  source', source === undefined ? [] : [source]],
    [
      '  differs',
      differing.map(({ object, message }) => (message === null || message === '' ? object : `${object}: ${message}`)),
    ],
    ['  differs', omitted === 0 ? [] : [`and ${omitted} more`]],
    ['  taken', acknowledged === undefined ? [] : [acknowledgedWords(acknowledged)]],
  ];
  return lines.flatMap(([fact, values]) => values.map((value) => lineOf(fact, value)));
}

/** What is done about an incident, in words. */
export function doneWords({
  action,
  answers,
  reverted,
  rolledBackBy,
}: Pick<Incident, 'action' | 'answers' | 'reverted' | 'rolledBackBy'>): string {
  if (rolledBackBy !== undefined) return `rolled back by ${rolledBackBy.slice(0, 12)}`;
  if (reverted !== undefined) return `is undone at the request of ${reverted.by}`;
  if (answers !== undefined) return `it waits for an answer: ${answers.revert}, or ${answers.accept}`;
  switch (action) {
    case 'healed':
      return 'put right, and watched until it has converged';
    case 'healing':
      return 'is put right';
    case 'none':
      return 'nothing: it waits for somebody';
    case undefined:
      return 'not told yet';
  }
}

function lineOf(fact: string, value: string): Line {
  return { text: `  ${fact.padEnd(12)} ${value}`, tone: 'plain' };
}

function timeOr(time: string | null, otherwise: string): string {
  return time === null ? otherwise : shortTime(time);
}

function nextWords({ nextLook, nextTry, state }: EnvironmentStatus): string {
  const look = timeOr(nextLook, 'not known');
  const isLater = nextTry !== null && (nextLook === null || nextTry > nextLook);
  return state === 'Failed' && isLater ? `${look}; what failed is not tried again before ${shortTime(nextTry)}` : look;
}

/** What a person asked for last, and what came of it. */
function requestWords({
  override,
  action,
  by,
  at,
  reason,
  outcome,
  message,
}: EnvironmentStatus['requests'][number]): string {
  const why = reason === undefined ? '' : ` (${boundedText(reason, 120)})`;
  const past = override === undefined ? '' : ` past the freeze ${boundedText(override, 60)}`;
  const end = message === '' ? outcome : `${outcome}: ${boundedText(message, 120)}`;
  return `${action} by ${boundedText(by, 80)}${why}${past}, done ${shortTime(at)}: ${end}`;
}

function causeWords({ cause }: EnvironmentStatus): string[] {
  if (cause === null) return [];
  const { commit, subject, artifact, build } = cause;
  const of = [artifact, build].flatMap((said) => (said === null ? [] : [boundedText(said, 120)]));
  return [
    `${commit.slice(0, 12)} "${boundedText(subject, 72)}"${broughtBy(cause)}${of.map((said) => `, ${said}`).join('')}`,
  ];
}

function changesWords({ changes }: EnvironmentStatus): string[] {
  if (changes === null) return [];
  const { at, created, configured, unchanged, pruned } = changes;
  const counts = `${created} created, ${configured} configured, ${unchanged} unchanged, ${pruned} pruned`;
  return [`${shortTime(at)}: ${counts}`];
}

function labelWords(labels: EnvironmentStatus['labels']): string[] {
  const words = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
  return words.length === 0 ? [] : [words.toSorted().join(', ')];
}
