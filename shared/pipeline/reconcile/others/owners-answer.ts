import { ConvergeError } from '../../../base/errors.ts';
import { formatTime } from '../../../base/time.ts';
import { stillFrozen } from '../../../environment/frozen.ts';
import type { Environment } from '../../../environment/environment-file.ts';
import { mayBeRenamed } from '../../../environment/previous-names.ts';
import { applySetOf } from '../../../inventory/applyset.ts';
import type { ForeignOwner, OwnersVerdict } from '../../../ownership/refusal.ts';
import { inParallel } from '../../common/parallel.ts';
import { openFreeze } from '../accept/freeze.ts';
import { readOwnParent } from '../observe/own-parent.ts';
import type { Looks } from './looks.ts';
import type { WishOf } from './wishes.ts';
import { environmentSuspension } from '../../../environment/suspension.ts';

/** Where an environment has its inventory. */
export interface Giver {
  readonly name: string;
  readonly namespace: string;
}

/** How the others are asked. */
export interface Inquiry {
  readonly looks: Looks;
  readonly wishOf: WishOf;
  /** What is known of one that does not want an object. */
  readonly giverOf: (giver: Giver) => Promise<OwnersVerdict>;
}

/** What the owner of an object says of it. */
export async function ownersAnswer(
  { looks, wishOf, giverOf }: Inquiry,
  { owner, key }: { owner: ForeignOwner; key: string },
): Promise<OwnersVerdict> {
  const name = owner.environment ?? (owner.isNamed ? undefined : await environmentOfSet(looks, owner.set));
  if (name === undefined) return { answer: 'other' };
  const declared = await looks.declarationOf(name);
  if (declared === 'gone') return await answerOfGone({ looks, wishOf, giverOf }, { owner, name, key });
  if ('reason' in declared) return { answer: 'unknown', reason: declared.reason };
  // No render names the objects of hooks among what it wants, nor the parent and the seed.
  if (owner.as !== 'member') return { answer: 'other' };
  if (!isItsSet(looks, { owner, environment: declared.environment })) return { answer: 'other' };
  const now = looks.asking.run.ports.now();
  if (environmentSuspension(declared.environment, now) !== undefined) return { answer: 'suspended' };
  const open = openFreeze({ ...looks.asking.run, environment: name }, declared.environment);
  if (open !== undefined) return { answer: 'frozen', until: formatTime(open.until) };
  const wish = await wishOf(name);
  if (wish === undefined) return { answer: 'other' };
  if ('reason' in wish) return { answer: 'unknown', reason: wish.reason };
  if (wish.keys.has(key)) return { answer: 'wants' };
  return await giverOf({ name, namespace: declared.environment.namespace });
}

/**
 * An environment whose file is gone wants nothing, if it was one of ours: an installation beside this one may have a
 * repository of the same class, and an environment there that this repository never heard of. What one that was renamed
 * owns is what it wants under its new name.
 */
async function answerOfGone(
  { looks, wishOf, giverOf }: Inquiry,
  { owner, name, key }: { owner: ForeignOwner; name: string; key: string },
): Promise<OwnersVerdict> {
  const { cluster, environment } = looks.asking;
  const memory = await looks.memoryOf(name);
  if (memory.cluster !== '' && memory.cluster !== cluster.name) return { answer: 'other' };
  if (environment.previousNames.includes(name)) return { answer: 'free' };
  const frozen = stillFrozen(memory.frozen, looks.asking.run.ports.now().getTime());
  if (frozen !== undefined) return { answer: 'frozen', until: frozen.until };
  const { namespace } = memory;
  if (namespace === '' || !isSetOf(looks, { owner, name, namespace })) return { answer: 'other' };
  const previousNames = await looks.previousNames();
  if (!mayBeRenamed({ name, previousNames })) return await giverOf({ name, namespace });
  const successors = previousNames.claims.get(name) ?? [];
  const said = (await inParallel(successors, wishOf)).flatMap((wish) => wish ?? []);
  const [silent] = said.flatMap((wish) => ('reason' in wish ? [wish.reason] : []));
  if (said.some((wish) => 'keys' in wish && wish.keys.has(key))) return { answer: 'wants' };
  if (successors.length === 0 || silent !== undefined)
    return {
      answer: 'unknown',
      reason: silent ?? `${[...previousNames.unreadable.keys()].join(', ')} cannot be read, and may be its new name`,
    };
  return await giverOf({ name, namespace });
}

/**
 * What does not want an object gives it up, unless the inventory of that name is one of another installation, whose
 * class has the same name: of that, nothing is known here. Whose it is, it is asked as itself.
 */
export async function readGiver(
  { asking: { run, cluster, commit }, repository: { url }, memoryOf }: Looks,
  { name, namespace }: Giver,
): Promise<OwnersVerdict> {
  const own = await run.ports.cluster({ name: cluster.name, repository: run.repository, environment: name });
  const applySet = applySetOf({ repository: run.repository, environment: name, namespace, url });
  try {
    await readOwnParent({ run, cluster: own, applySet, memory: await memoryOf(name), commit: commit.id });
    return { answer: 'free' };
  } catch (error) {
    if (!(error instanceof ConvergeError) || error.disposition === 'retry') throw error;
    return error.code === 'OwnedByAnother' ? { answer: 'other' } : { answer: 'unknown', reason: error.message };
  }
}

/** The environment of this commit whose set a label names, where that is all that an object says of its owner. */
async function environmentOfSet(looks: Looks, set: string): Promise<string | undefined> {
  const { repository } = looks.asking.run;
  const declared = await inParallel(await looks.names(), async (name) => ({
    name,
    declaration: await looks.declarationOf(name),
  }));
  return declared.find(({ name, declaration }) => {
    if (declaration === 'gone' || 'reason' in declaration) return false;
    const { namespace } = declaration.environment;
    return applySetOf({ repository, environment: name, namespace }).id === set;
  })?.name;
}

function isItsSet(
  looks: Looks,
  { owner, environment: { name, namespace, cluster } }: { owner: ForeignOwner; environment: Environment },
): boolean {
  return cluster === looks.asking.cluster.name && isSetOf(looks, { owner, name, namespace });
}

/** What lost its label is still known by who applied it. */
function isSetOf(
  { asking: { run } }: Looks,
  { owner, name, namespace }: { owner: ForeignOwner; name: string; namespace: string },
): boolean {
  return owner.set === '' || applySetOf({ repository: run.repository, environment: name, namespace }).id === owner.set;
}
