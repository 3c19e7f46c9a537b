import { isDeepStrictEqual } from 'node:util';
import { ConvergeError } from '../../../../../shared/base/errors.ts';
import { convergedSchema, diffSchema } from '../../../../../shared/events/alert.ts';
import { reconcileRequestedSchema } from '../../../../../shared/events/reconcile-requested.ts';
import { isOpen } from '../../../../../shared/memory/incident.ts';
import type { Memory } from '../../../../../shared/memory/memory.ts';
import { objectTitle } from '../../../../../shared/objects/object-id.ts';
import type { ReconcileResult } from '../../../../../shared/pipeline/reconcile.ts';
import { statePaths } from '../../../../../shared/memory/state-paths.ts';
import type { Published } from '../../ports.ts';
import type { World } from '../world/world.ts';
import type { Ending } from './row.ts';

/** What came of a run, in the words of a row. @param since how many calls and alerts there were before it */
export async function endingOf(
  world: World,
  {
    result,
    since,
    environment,
  }: { result: ReconcileResult | Error; since: { writes: number; alerts: number }; environment: string },
): Promise<Required<Omit<Ending, 'says'>> & Pick<Ending, 'says'>> {
  const words = wordsOf(world);
  const writes = world.cluster.writes
    .slice(since.writes)
    .map((call) => call.replace(`ConfigMap acme/converge-${environment}`, 'the inventory'));
  const alerts = world.published.slice(since.alerts).map((published) => words(alertInWords(published)));
  const path = statePaths({ repository: 'master', environment }).memory;
  return {
    ...endInWords(result, words),
    writes: counted(writes),
    alerts,
    remembers: world.state.has(path) ? partsOf(await world.memoryOf(environment), { world, words }) : null,
  };
}

/** What is tried again and again, once. */
function counted(calls: readonly string[]): string[] {
  return calls.flatMap((call, index) => {
    if (call === calls[index - 1]) return [];
    const end = calls.findIndex((other, at) => at > index && other !== call);
    const times = (end === -1 ? calls.length : end) - index;
    return [times === 1 ? call : `${call} (${times} times)`];
  });
}

/** Commits by their number, so that no row names an id. */
function wordsOf({ git }: World): (text: string) => string {
  return (text) =>
    text
      .replace(/\bmain@sha1:(?=[0-9a-f]{12})/g, '')
      .replace(
        /\b(?:commit )?([0-9a-f]{12}(?:[0-9a-f]{28})?)\b/g,
        (_all, id: string) => `commit ${git.commits.findIndex((one) => one.startsWith(id)) + 1}`,
      );
}

function endInWords(result: ReconcileResult | Error, words: (text: string) => string): Pick<Ending, 'ends' | 'says'> {
  if (result instanceof Error)
    return {
      ends: `throws ${result instanceof ConvergeError ? result.code : result.name}`,
      says: words(result.message),
    };
  switch (result.outcome) {
    case 'waiting':
      return { ends: result.goesOn === true ? 'waiting, goes on' : 'waiting', says: words(result.message) };
    case 'diverged':
      return { ends: `diverged ${result.reason}`, says: words(result.summary) };
    case 'frozen':
      return { ends: 'frozen', says: words(result.message) };
    default:
      return { ends: result.outcome };
  }
}

export function alertInWords({ topic, event: { subject, data } }: Published): string {
  switch (topic) {
    case 'diff': {
      const { reason, action, objects, occurrence, rollback } = diffSchema.parse(data);
      const changes = objects.map(
        ({ change, kind, namespace, name }) => `${change} ${objectTitle({ kind, namespace, name })}`,
      );
      return [
        `diff ${reason}`,
        ...(action === 'none' ? [] : [action]),
        ...(occurrence === 1 ? [] : [`occurrence ${occurrence}`]),
        ...changes,
        ...(rollback === null ? [] : [`rolled back to ${rollback.to} by ${rollback.commit}`]),
      ].join(', ');
    }
    case 'converged': {
      const { changes, incident } = convergedSchema.parse(data);
      const counts = Object.entries(changes).flatMap(([did, count]) => (count === 0 ? [] : [`${count} ${did}`]));
      return [`converged: ${counts.join(', ')}`, ...(incident === null ? [] : ['ends the incident'])].join('; ');
    }
    case 'reconcile':
      return `reconcile ${subject}, ${reconcileRequestedSchema.parse(data).cause}`;
    default:
      return topic;
  }
}

/** The parts that are not as they are when nothing is to be done. */
function partsOf(
  memory: Memory,
  { world, words }: { world: World; words: (text: string) => string },
): Record<string, unknown> {
  const { attempted, converged, health, incident, left, pending, held, waiting, retry, rollout, quarantine, ...rest } =
    memory;
  const parts = {
    health,
    attempted: attempted?.commit,
    converged: isDeepStrictEqual(converged?.commit, attempted?.commit) ? undefined : (converged?.commit ?? 'never'),
    incident: isOpen(incident) ? incident.reason : undefined,
    held: held?.message,
    frozen: rest.frozen === undefined ? undefined : (rest.frozen.waits ?? 'nothing waits'),
    waiting: waiting?.message,
    failed: retry?.count,
    rollout:
      rollout === undefined
        ? undefined
        : Date.parse(rollout.until) - world.ports.now().getTime() > 0
          ? 'under way'
          : 'over',
    quarantine: quarantine === undefined ? undefined : (quarantine.revert ?? quarantine.refused ?? 'under way'),
    left: left.length === 0 ? undefined : left,
    pending,
    heals: rest.heals === undefined ? undefined : Object.keys(rest.heals),
    unproven: rest.unproven?.objects.map(({ key }) => key),
    succeeded: rest.succeeded,
    unawaited: rest.unawaited,
  };
  return Object.fromEntries(
    Object.entries(parts).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, typeof value === 'string' ? words(value) : value]],
    ),
  );
}
