import { ConvergeError } from '../../../base/errors.ts';
import type { DesiredObject } from '../../../desired/desired.ts';
import { changedFields } from '../../../drift/changed-fields.ts';
import type { ObjectDiff } from '../../../drift/object-diff.ts';
import { pathsOfSource, sameInputs, type Inputs } from '../../../environment/inputs.ts';
import type { Memory } from '../../../memory/memory.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import type { Commit, Repository } from '../../../ports/git.ts';
import { readEnvironment } from '../../common/declared-environments.ts';
import { readInputs } from '../../common/render-inputs.ts';
import { keptDesired, type DesiredState } from '../render/desired-state.ts';
import type { Target } from '../run/target.ts';

/** What Git changed for objects, by their keys. */
export type ChangedSince = ReadonlyMap<string, NonNullable<ObjectDiff['changed']>>;

/** Of so many objects it is looked up: alerts list fewer. */
const mostObjects = 100;
/** Of one object so many paths are listed. */
const mostInputs = 20;

/**
 * What differs between the revision that converged last and this one: the paths that an object is made of, and its own
 * fields where this instance keeps the render of that revision. Nothing is rendered or fetched for it. Empty where
 * nothing converged before, or Git changed nothing since.
 *
 * @param known.of keys of the objects that are to be told
 */
export async function changedSince(
  target: Target,
  {
    desired,
    converged,
    live,
    of,
  }: {
    desired: DesiredState;
    converged: Memory['converged'];
    live: ReadonlyMap<string, KubernetesObject>;
    of: readonly string[];
  },
): Promise<ChangedSince> {
  if (converged === undefined || sameInputs({ attempted: converged.inputs, current: desired.inputs })) return new Map();
  const told = new Set(of.slice(0, mostObjects));
  const before = await lookUpBefore(target, converged.commit);
  const found = new Map<string, NonNullable<ObjectDiff['changed']>>();
  for (const { id, key, object: after, source } of desired.objects.filter((one) => told.has(one.key))) {
    const inputs = await changedInputs(target, {
      source,
      was: converged.inputs,
      is: desired.inputs,
      at: before.commit,
    });
    const earlier = before.objects?.find((other) => other.key === key)?.object;
    const fields =
      before.objects === undefined ? {} : changedFields({ id, before: earlier, after, live: live.get(key) });
    const left = inputs.length - mostInputs;
    const listed = { inputs: inputs.slice(0, mostInputs), ...(left > 0 ? { omittedInputs: left } : {}) };
    found.set(key, { since: converged.revision, ...listed, ...fields });
  }
  return found;
}

/** Which of the paths that an object is made of changed: a manifest itself, where both commits are here. */
async function changedInputs(
  { run, environment, commit }: Target,
  { source, was, is, at }: { source: string; was: Inputs; is: Inputs; at: Commit | undefined },
): Promise<string[]> {
  const all = [...new Set([...Object.keys(was), ...Object.keys(is)])].sort();
  const changed = all.filter((path) => was[path] !== is[path]);
  const made = pathsOfSource({ environment, source, all });
  const whole = made.filter((path) => changed.includes(path));
  const folder = changed.find((path) => source.startsWith(`${path}/`) && made.includes(source));
  if (folder === undefined) return whole;
  if (at === undefined) return [...whole, folder].sort();
  const repository = run.ports.repository(run.repository);
  return (await isSameAt(repository, { path: source, commits: [at.id, commit.id] }))
    ? whole
    : [...whole, source].sort();
}

async function isSameAt(
  repository: Repository,
  { path, commits: [one, other] }: { path: string; commits: readonly [string, string] },
): Promise<boolean> {
  const [attempted, current] = await Promise.all(
    [one, other].map(async (commit) => readInputs({ repository, commit, paths: [path] })),
  );
  return attempted !== undefined && current !== undefined && sameInputs({ attempted, current });
}

/** What is not here or cannot be read is not known, and nothing fails. */
async function lookUpBefore(
  target: Target,
  id: string,
): Promise<{ commit: Commit | undefined; objects: readonly DesiredObject[] | undefined }> {
  const repository = target.run.ports.repository(target.run.repository);
  const commit = await repository.findCommit(id);
  if (commit === undefined) return { commit, objects: undefined };
  try {
    const declared = await readEnvironment({ repository, commit: id, name: target.run.environment });
    if (declared.state !== 'declared') return { commit, objects: undefined };
    return { commit, objects: await keptDesired({ ...target, commit, environment: declared.environment }) };
  } catch (error) {
    if (error instanceof ConvergeError) return { commit, objects: undefined };
    throw error;
  }
}
