import { environmentKey } from '../../../base/revision.ts';
import type { Environment } from '../../../environment/environment-file.ts';
import { sameInputs } from '../../../environment/inputs.ts';
import { applySetOf } from '../../../inventory/applyset.ts';
import { inParallel } from '../../common/parallel.ts';
import { readInputs, renderKeyOf } from '../../common/render-inputs.ts';
import { renderDesired } from '../render/desired-state.ts';
import { toAsk } from '../render/render-cache.ts';
import type { PendingWish, Wish } from '../run/target.ts';
import { orReason, type Looks } from './looks.ts';
import { mayWantMore } from './moved-since.ts';

/**
 * How many environments one run renders at once only to ask them. A commit to a shared chart makes each of hundreds ask
 * all others.
 */
const renderedAtOnce = 10;

/** What an environment wants at this commit, undefined for one that is not of this cluster, or gone. */
export type WishOf = (name: string) => Promise<Wish | undefined>;

/** Asks one that converged with the inputs it has at this commit by its memory. Any other is rendered. */
export async function readWish(looks: Looks, name: string): Promise<Wish | undefined> {
  const { cluster } = looks.asking;
  const declared = await looks.declarationOf(name);
  if (declared === 'gone') return undefined;
  if ('reason' in declared) {
    // Where its objects are does not change with a broken file.
    const { cluster: last } = await looks.memoryOf(name);
    return last !== '' && last !== cluster.name ? undefined : { environment: name, reason: declared.reason };
  }
  const { environment } = declared;
  if (environment.cluster !== cluster.name) return undefined;
  const keys =
    (await rememberedKeys(looks, environment)) ?? (await orReason(async () => renderedKeys(looks, environment)));
  return 'reason' in keys ? { environment: name, reason: keys.reason } : { environment: name, keys };
}

/**
 * What each of the others on the same cluster wants.
 *
 * @param patient whether many that have yet to converge at this revision are waited for, not rendered
 */
export async function readWishes(
  { looks, wishOf }: { looks: Looks; wishOf: WishOf },
  { patient }: { patient: boolean },
): Promise<readonly (Wish | PendingWish)[]> {
  const names = await looks.names();
  const unconverged = patient
    ? await inParallel(names, async (name) => ((await isYetToConverge(looks, name)) ? [name] : []))
    : [];
  const pending = new Set(unconverged.flat());
  const said = await inParallel(names, async (name) =>
    pending.size > renderedAtOnce && pending.has(name) ? { environment: name, pending: true as const } : wishOf(name),
  );
  return await inParallel(
    said.flatMap((wish) => wish ?? []),
    async (wish) => ('reason' in wish ? { ...wish, mayWantMore: await mayGain(looks, wish.environment) } : wish),
  );
}

async function mayGain({ asking, repository, memoryOf }: Looks, name: string): Promise<boolean> {
  const since = asking.run.memoryFile.memory().converged?.commit;
  return await mayWantMore({ repository, name, memory: await memoryOf(name), since, commit: asking.commit.id });
}

async function isYetToConverge(looks: Looks, name: string): Promise<boolean> {
  const declared = await looks.declarationOf(name);
  if (declared === 'gone' || 'reason' in declared) return false;
  if (declared.environment.cluster !== looks.asking.cluster.name) return false;
  return (await rememberedKeys(looks, declared.environment)) === undefined;
}

async function rememberedKeys(
  { asking: { run, commit, api }, repository, memoryOf }: Looks,
  environment: Environment,
): Promise<ReadonlySet<string> | undefined> {
  // What its templates look up now is known by rendering only.
  if (environment.lookup === 'cluster') return undefined;
  const { converged, objects } = await memoryOf(environment.name);
  if (converged === undefined) return undefined;
  const inputs = await readInputs({ repository, commit: commit.id, paths: Object.keys(converged.inputs) });
  if (!sameInputs({ attempted: converged.inputs, current: inputs })) return undefined;
  if (converged.renderKey !== renderKeyOf({ environment, inputs, api, renderer: await run.ports.renderer.version() }))
    return undefined;
  return new Set(Object.keys(objects));
}

/** Its own random seed is used where it has one, and never made here. */
async function renderedKeys({ asking, asksCluster }: Looks, environment: Environment): Promise<ReadonlySet<string>> {
  const { run, cluster } = asking;
  const { repository } = run;
  const { name, namespace } = environment;
  const key = environmentKey({ repository, environment: name });
  const applySet = applySetOf({ repository, environment: name, namespace });
  // What it asks of the cluster, it asks as itself.
  const own = await run.ports.cluster({ name: cluster.name, repository, environment: name });
  const { objects } = await renderDesired(
    { ...asking, environment, applySet, cluster: own, run: { ...run, environment: name, key } },
    { ...toAsk, asksCluster },
  );
  return new Set(objects.map((object) => object.key));
}
