import { ConvergeError } from '../../../base/errors.ts';
import { environmentPath, type Environment } from '../../../environment/environment-file.ts';
import { mayBeRenamed, previousNamesIn, type PreviousNames } from '../../../environment/previous-names.ts';
import { sameInputs } from '../../../environment/inputs.ts';
import type { Memory } from '../../../memory/memory.ts';
import { environmentKey } from '../../../base/revision.ts';
import { applySetOf } from '../../../inventory/applyset.ts';
import type { ForeignOwner, OwnersAnswer } from '../../../ownership/refusal.ts';
import { listEnvironments, readEnvironment } from '../../common/declared-environments.ts';
import { renderDesired } from '../render/desired-state.ts';
import { mayWantMore } from './moved-since.ts';
import { readOwnParent } from '../observe/own-parent.ts';
import { inParallel } from '../../common/parallel.ts';
import { environmentFiles } from '../accept/removed-file.ts';
import { readInputs, renderKeyOf } from '../../common/render-inputs.ts';
import { toAsk } from '../render/render-cache.ts';
import type { OtherEnvironments, Target, Wish } from '../run/target.ts';
import { memoryOf } from '../../common/remembered-environments.ts';

/** How many environments one run renders at once only to ask them. A commit to a shared chart makes each of hundreds ask all others. */
const renderedAtOnce = 10;
/** Milliseconds for which an answer about the branch's head holds. */
const headHoldsFor = 1_000;

type Declaration = { readonly environment: Environment } | { readonly reason: string } | 'gone';

/**
 * The other environments of the same repository at a run's commit, each looked at once a run, and only when asked for.
 *
 * One that converged with the inputs it has at this commit is asked by its memory. Any other is rendered; its own random
 * seed is used where it has one, and never made here.
 */
export function openOtherEnvironments(asking: Omit<Target, 'others'>): OtherEnvironments {
  const { run, commit, cluster, api } = asking;
  const repository = run.ports.repository(run.repository);
  const declarations = new Map<string, Promise<Declaration>>();
  const wishes = new Map<string, Promise<Wish>>();
  const memories = new Map<string, Promise<Memory>>();
  const givers = new Map<string, Promise<OwnersAnswer>>();
  let renamed: Promise<PreviousNames> | undefined;
  let newestAt: number | undefined;

  const declarationOf = async (name: string): Promise<Declaration> =>
    once(declarations, name, async () => {
      const file = environmentPath(name);
      const declared = await readEnvironment({ repository, commit: commit.id, name });
      switch (declared.state) {
        case 'declared':
          return declared;
        // It wants what nobody knows.
        case 'invalid':
          return { reason: declared.error.message };
        case 'absent':
          return (await repository.entry({ commit: commit.id, path: file })) === undefined
            ? 'gone'
            : { reason: `${file} is no file` };
      }
    });

  const memoryOfOther = async (name: string): Promise<Memory> =>
    once(memories, name, async () => memoryOf({ repository: run.repository, environment: name }, run.ports));

  /** Undefined for one that is not of this cluster, or gone. */
  async function wishOf(name: string): Promise<Wish | undefined> {
    const declared = await declarationOf(name);
    if (declared === 'gone') return undefined;
    if ('reason' in declared) {
      // Where its objects are does not change with a broken file.
      const { cluster: last } = await memoryOfOther(name);
      return last !== '' && last !== cluster.name ? undefined : { environment: name, reason: declared.reason };
    }
    const { environment } = declared;
    if (environment.cluster !== cluster.name) return undefined;
    return await once(wishes, name, async () => {
      const keys = (await rememberedKeys(environment)) ?? (await orReason(async () => renderedKeys(environment)));
      return 'reason' in keys ? { environment: name, reason: keys.reason } : { environment: name, keys };
    });
  }

  async function mayGain(name: string): Promise<boolean> {
    const since = run.memoryFile.memory().converged?.commit;
    return await mayWantMore({ repository, name, memory: await memoryOfOther(name), since, commit: commit.id });
  }

  async function yetToConverge(name: string): Promise<string | undefined> {
    const declared = await declarationOf(name);
    if (declared === 'gone' || 'reason' in declared || declared.environment.cluster !== cluster.name) return undefined;
    return (await rememberedKeys(declared.environment)) === undefined ? name : undefined;
  }

  async function rememberedKeys(environment: Environment): Promise<ReadonlySet<string> | undefined> {
    // What its templates look up now is known by rendering only.
    if (environment.lookup === 'cluster') return undefined;
    const { converged, objects } = await memoryOfOther(environment.name);
    if (converged === undefined) return undefined;
    const inputs = await readInputs({ repository, commit: commit.id, paths: Object.keys(converged.inputs) });
    if (!sameInputs({ attempted: converged.inputs, current: inputs })) return undefined;
    if (converged.renderKey !== renderKeyOf({ environment, inputs, api, renderer: await run.ports.renderer.version() }))
      return undefined;
    return new Set(Object.keys(objects));
  }

  async function renderedKeys(environment: Environment): Promise<ReadonlySet<string>> {
    const { repository: repositoryClass } = run;
    const { name, namespace } = environment;
    const key = environmentKey({ repository: repositoryClass, environment: name });
    const applySet = applySetOf({ repository: repositoryClass, environment: name, namespace });
    // What it asks of the cluster, it asks as itself.
    const own = await run.ports.cluster({ name: cluster.name, repository: repositoryClass, environment: name });
    const { objects } = await renderDesired(
      { ...asking, others, environment, applySet, cluster: own, run: { ...run, environment: name, key } },
      toAsk,
    );
    return new Set(objects.map((object) => object.key));
  }

  const others: OtherEnvironments = {
    async answerOf({ owner, key }) {
      const name = owner.environment ?? (owner.isNamed ? undefined : await environmentOfSet(owner.set));
      if (name === undefined) return { answer: 'other' };
      const declared = await declarationOf(name);
      if (declared === 'gone') return await answerOfGone({ owner, name, key });
      if ('reason' in declared) return { answer: 'unknown', reason: declared.reason };
      // No render names the objects of hooks among what it wants, nor the parent and the seed.
      if (owner.as !== 'member') return { answer: 'other' };
      if (!isItsSet({ owner, environment: declared.environment })) return { answer: 'other' };
      if (declared.environment.suspend) return { answer: 'suspended' };
      const wish = await wishOf(name);
      if (wish === undefined) return { answer: 'other' };
      if ('reason' in wish) return { answer: 'unknown', reason: wish.reason };
      if (wish.keys.has(key)) return { answer: 'wants' };
      return await givenUpBy({ name, namespace: declared.environment.namespace });
    },
    async wishes({ patient }) {
      const names = (await listEnvironments({ repository, commit: commit.id })).filter(
        (name) => name !== run.environment,
      );
      const pending = new Set(patient ? (await inParallel(names, yetToConverge)).flatMap((name) => name ?? []) : []);
      const said = await inParallel(names, async (name) =>
        pending.size > renderedAtOnce && pending.has(name)
          ? { environment: name, pending: true as const }
          : wishOf(name),
      );
      return await inParallel(
        said.flatMap((wish) => wish ?? []),
        async (wish) => ('reason' in wish ? { ...wish, mayWantMore: await mayGain(wish.environment) } : wish),
      );
    },
    async assertNewest() {
      const now = run.ports.now().getTime();
      if (newestAt !== undefined && now - newestAt < headHoldsFor) return;
      if ((await repository.head()) !== commit.id) {
        throw new ConvergeError({
          code: 'GitUnavailable',
          subject: run.key,
          message: 'the branch moved on before objects were taken over or deleted',
          disposition: 'retry',
        });
      }
      newestAt = now;
    },
  };
  return others;

  /**
   * An environment whose file is gone wants nothing, if it was one of ours: an installation beside this one may have a
   * repository of the same class, and an environment there that this repository never heard of. What one that was renamed
   * owns is what it wants under its new name.
   */
  async function answerOfGone({
    owner,
    name,
    key,
  }: {
    owner: ForeignOwner;
    name: string;
    key: string;
  }): Promise<OwnersAnswer> {
    const memory = await memoryOfOther(name);
    if (memory.cluster !== '' && memory.cluster !== cluster.name) return { answer: 'other' };
    if (asking.environment.previousNames.includes(name)) return { answer: 'free' };
    const { namespace } = memory;
    if (namespace === '' || !isSetOf({ owner, name, namespace })) return { answer: 'other' };
    renamed ??= environmentFiles({ repository, commit: commit.id }).then(previousNamesIn);
    const previousNames = await renamed;
    if (!mayBeRenamed({ name, previousNames })) return await givenUpBy({ name, namespace });
    const successors = previousNames.claims.get(name) ?? [];
    const said = (await inParallel(successors, wishOf)).flatMap((wish) => wish ?? []);
    const [silent] = said.flatMap((wish) => ('reason' in wish ? [wish.reason] : []));
    if (said.some((wish) => 'keys' in wish && wish.keys.has(key))) return { answer: 'wants' };
    if (successors.length === 0 || silent !== undefined)
      return {
        answer: 'unknown',
        reason: silent ?? `${[...previousNames.unreadable.keys()].join(', ')} cannot be read, and may be its new name`,
      };
    return await givenUpBy({ name, namespace });
  }

  function isItsSet({
    owner,
    environment: { name, namespace, cluster: of },
  }: {
    owner: ForeignOwner;
    environment: Environment;
  }): boolean {
    return of === cluster.name && isSetOf({ owner, name, namespace });
  }

  /** The environment of this commit whose set a label names, where that is all that an object says of its owner. */
  async function environmentOfSet(set: string): Promise<string | undefined> {
    const names = (await listEnvironments({ repository, commit: commit.id })).filter(
      (name) => name !== run.environment,
    );
    const declared = await inParallel(names, async (name) => ({ name, declaration: await declarationOf(name) }));
    return declared.find(({ name, declaration }) => {
      if (declaration === 'gone' || 'reason' in declaration) return false;
      return (
        applySetOf({ repository: run.repository, environment: name, namespace: declaration.environment.namespace })
          .id === set
      );
    })?.name;
  }

  /** What lost its label is still known by who applied it. */
  function isSetOf({ owner, name, namespace }: { owner: ForeignOwner; name: string; namespace: string }): boolean {
    return (
      owner.set === '' || applySetOf({ repository: run.repository, environment: name, namespace }).id === owner.set
    );
  }

  /**
   * What does not want an object gives it up, unless the inventory of that name is one of another installation, whose class has the
   * same name: of that, nothing is known here. Whose it is, it is asked as itself.
   */
  async function givenUpBy({ name, namespace }: { name: string; namespace: string }): Promise<OwnersAnswer> {
    return await once(givers, `${namespace}/${name}`, async () => readGiver({ name, namespace }));
  }

  async function readGiver({ name, namespace }: { name: string; namespace: string }): Promise<OwnersAnswer> {
    const own = await run.ports.cluster({ name: cluster.name, repository: run.repository, environment: name });
    const applySet = applySetOf({ repository: run.repository, environment: name, namespace, url: repository.url });
    try {
      await readOwnParent({ run, cluster: own, applySet, memory: await memoryOfOther(name), commit: commit.id });
      return { answer: 'free' };
    } catch (error) {
      if (!(error instanceof ConvergeError) || error.disposition === 'retry') throw error;
      return error.code === 'OwnedByAnother' ? { answer: 'other' } : { answer: 'unknown', reason: error.message };
    }
  }
}

/** What is wrong with an environment is a reason; what a later try may mend is thrown. */
async function orReason<T extends object>(work: () => Promise<T>): Promise<T | { readonly reason: string }> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ConvergeError) || error.disposition === 'retry') throw error;
    return { reason: error.message };
  }
}

function once<T>(made: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const found = made.get(key) ?? make();
  made.set(key, found);
  return found;
}
