import type { AsPlanned } from '../events/alert.ts';
import { idOfKey, objectTitle } from '../objects/object-id.ts';
import type { RolledOut } from '../plan/rolled-out.ts';
import { shortened } from '../base/shortened.ts';
import type { KeptObject, KeptPlan } from './kept-plan.ts';

/** Of so many objects it is told how they differ, and of each title so many characters. */
const mostTold = 20;
const longestTitle = 300;

type Done = NonNullable<AsPlanned['objects'][number]['done']>;

/** What was done to an object. `update or replace`: which of them is not known. */
interface DoneTo {
  readonly did: Done | 'update or replace';
  /** Digest of the fields that changed; undefined where they are not known. */
  readonly fields?: string | undefined;
  /** Whether a run set out to do it that died, so that nobody knows whether there was anything to do. */
  readonly isUnsure?: boolean;
}

/** A roll-out that is through, and what is known beside it. */
export interface Through {
  readonly rolledOut: RolledOut;
  /** By key of all that is desired: the hash of what it is to be. */
  readonly desired: ReadonlyMap<string, string>;
  /** Keys of what was not pruned after all. */
  readonly left: readonly string[];
  /** Whether the environment was made of something else when it began than when it was planned. */
  readonly isBetween: boolean;
  /** Keys of what was healed: no commit changed it. */
  readonly healed: ReadonlySet<string>;
}

/** What was done beside what was planned. That nobody can tell is said, and never taken for as planned. */
export function heldAgainst(plan: KeptPlan, through: Through): AsPlanned {
  const { at, pullRequest, objects: planned, lacks } = plan;
  const done = doneTo(through);
  const known = new Set(planned.map(({ key }) => key));
  const differing = [
    ...planned.flatMap((one) => (isAsPlanned(one, done.get(one.key)) ? [] : [one.key])),
    ...[...done.keys()].filter((key) => !known.has(key)),
  ].sort();
  const of = new Map(planned.map((one) => [one.key, one]));
  const isUnsure = differing.some((key) => !known.has(key) && done.get(key)?.isUnsure === true);
  const unknown = lacks ?? (isUnsure ? 'a run of it died half-way, and nobody knows all that it did' : undefined);
  const about = { at, pullRequest };
  if (unknown !== undefined) return { ...about, asPlanned: null, why: unknown, objects: [], omitted: 0 };
  if (differing.length === 0) return { ...about, asPlanned: true, objects: [], omitted: 0 };
  const why = whyOf(differing, { of, through });
  return {
    ...{ ...about, asPlanned: false, ...(why === undefined ? {} : { why }) },
    objects: differing.slice(0, mostTold).map((key) => ({
      object: shortened(objectTitle(idOfKey(key)), longestTitle),
      planned: wordOf(of.get(key)),
      done: doneWord(done.get(key)),
    })),
    omitted: Math.max(0, differing.length - mostTold),
  };
}

/** That nobody can tell. */
export function notKnown(why: string): AsPlanned {
  return { asPlanned: null, at: null, pullRequest: null, why, objects: [], omitted: 0 };
}

function doneTo({ rolledOut, desired, left }: Through): ReadonlyMap<string, DoneTo> {
  const { created, configured, pruned, released = [], how = {} } = rolledOut;
  const isWanted = (key: string): boolean => desired.has(key);
  const isGone = (key: string): boolean => !desired.has(key) && !left.includes(key);
  return new Map<string, DoneTo>([
    ...created.filter(isWanted).map((key) => [key, { did: 'create' }] as const),
    ...configured.filter(isWanted).map((key) => [key, configuredHow(how[key])] as const),
    ...pruned.filter(isGone).map((key) => [key, { did: 'prune' }] as const),
    ...released.filter((key) => !isWanted(key)).map((key) => [key, { did: 'release' }] as const),
  ]);
}

function configuredHow(how: string | undefined): DoneTo {
  if (how === undefined) return { did: 'update or replace', isUnsure: true };
  if (how === 'changed') return { did: 'update or replace' };
  return how === 'replaced' ? { did: 'replace' } : { did: 'update', fields: how };
}

function isAsPlanned({ does, verdict, fields }: KeptObject, done: DoneTo | undefined): boolean {
  if (verdict === 'undecided') return true;
  if (does === 'left' || verdict === 'rejected') return done === undefined;
  if (done === undefined) return false;
  if (done.did === 'update or replace') return does === 'update' || does === 'replace';
  return done.did === does && (fields === undefined || done.fields === undefined || fields === done.fields);
}

function wordOf(planned: KeptObject | undefined): AsPlanned['objects'][number]['planned'] {
  if (planned === undefined) return null;
  if (planned.verdict === 'rejected') return 'refuse';
  return planned.does === 'left' ? 'leave' : planned.does;
}

function doneWord(done: DoneTo | undefined): Done | null {
  if (done === undefined) return null;
  return done.did === 'update or replace' ? 'update' : done.did;
}

/**
 * The same files, and the same objects made of them: then what is there differs. Undefined where it cannot be told whether
 * they were the same.
 */
function whyOf(
  differing: readonly string[],
  { of, through: { desired, isBetween, healed } }: { of: ReadonlyMap<string, KeptObject>; through: Through },
): string | undefined {
  if (isBetween) return 'another commit was applied after it was planned';
  const isOtherwise = (key: string): boolean => {
    const planned = of.get(key)?.desired;
    return planned !== undefined && desired.has(key) && desired.get(key) !== planned;
  };
  if (differing.some(isOtherwise)) return 'its templates came to something else than when it was planned';
  return differing.every((key) => of.has(key) || healed.has(key))
    ? 'the cluster has changed since it was planned'
    : undefined;
}
