import { lookedUpDrift } from '../../../drift/looked-up.ts';
import type { KeptAnswer } from '../../../inventory/kept-answers.ts';
import { renderDesired, type DesiredState } from '../render/desired-state.ts';
import { changedAnswers, type ChangedAnswer } from '../render/look-up.ts';
import { toApply, type RenderFor } from '../render/render-cache.ts';
import { keepAnswers } from '../render/seed.ts';
import type { RenderTarget, Target } from '../run/target.ts';
import type { Verified } from './verify-plan.ts';

/** What the cluster answers otherwise than it did, where another state comes of it. */
export interface Relooked {
  readonly drift: Verified['drift'];
  /** What there is to desire by the new answers; undefined where nothing drifted. */
  readonly desired: DesiredState | undefined;
  readonly answers: readonly KeptAnswer[];
}

/** As many changed answers are tried one by one, to name those that matter; beyond, all of them are named. */
const renderedAlone = 8;

const asBefore: Relooked = { drift: [], desired: undefined, answers: [] };

/**
 * Where charts may read the cluster, what they looked up is an input that no commit changes: it is asked for anew, and
 * is drift where the charts render something else from it.
 */
export async function lookAgain(
  target: RenderTarget,
  { answers: given, objects, releases }: DesiredState,
  options: RenderFor = toApply,
): Promise<Relooked> {
  if (target.environment.lookup !== 'cluster') return asBefore;
  const changed = await changedAnswers(target, given);
  if (changed.length === 0) return asBefore;
  const before = digestOf({ objects, releases });
  const renderWith = async (of: readonly ChangedAnswer[]): Promise<DesiredState> =>
    renderDesired(target, { ...options, keeps: false, instead: of.map(({ now }) => now) });
  const desired = await renderWith(changed);
  if (digestOf(desired) === before) return asBefore;
  const alone =
    changed.length === 1 || changed.length > renderedAlone
      ? []
      : await filterAsync(changed, async (one) => digestOf(await renderWith([one])) !== before);
  const causes = alone.length === 0 ? changed : alone;
  return {
    desired,
    answers: changed.map(({ now }) => now),
    drift: causes.flatMap(({ before: { query, found }, objects: now }) => lookedUpDrift({ query, before: found, now })),
  };
}

async function filterAsync<T>(items: readonly T[], holds: (item: T) => Promise<boolean>): Promise<T[]> {
  const held: T[] = [];
  for (const item of items) if (await holds(item)) held.push(item);
  return held;
}

/** Renders from the new answers from now on. */
export async function follow(target: Target, { desired, answers }: Relooked): Promise<DesiredState> {
  await keepAnswers(target, answers);
  return desired ?? (await renderDesired(target));
}

function digestOf({ objects, releases }: Pick<DesiredState, 'objects' | 'releases'>): string {
  const hooks = releases.flatMap((release) => release.hooks.map(({ desired }) => [desired.key, desired.hash]));
  return JSON.stringify([objects.map(({ key, hash }) => [key, hash]), hooks]);
}
