import { ConvergeError } from '../../../base/errors.ts';
import { answerTo, withAnswers, type KeptAnswer } from '../../../inventory/kept-answers.ts';
import { hashJson } from '../../../objects/canonical-json.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { lookupTitle } from '../../../objects/lookup-query.ts';
import { resourceOf } from '../../../desired/desired.ts';
import { refusalToAnswer, refusalToTellState, type Looker } from '../../../ownership/lookup-scope.ts';
import type { LookupQuery } from '../../../objects/lookup-query.ts';
import type { LookupAnswer } from '../../../ports/renderer.ts';
import { inParallel } from '../../common/parallel.ts';
import { keepAnswers, keptAnswers } from './seed.ts';
import { ownSets, type RenderTarget } from '../run/target.ts';

/** What the templates of one render are answered. */
export interface Lookups {
  /**
   * The answer to a question: the one that is kept, else the cluster's. What can't be read throws: it is never "not
   * there".
   */
  answer(query: LookupQuery): Promise<LookupAnswer>;
  /** All answers that were given, each question once. */
  given(): readonly KeptAnswer[];
  /** Keeps what was answered for the first time, for every later render. */
  keep(): Promise<void>;
}

/**
 * Answers as `spec.lookup` has it.
 *
 * @param options.instead answers that stand before the kept ones
 * @param options.asksCluster whether what is not kept is asked of the cluster; else it is refused
 */
export function openLookups(
  target: RenderTarget,
  { instead = [], asksCluster = true }: { instead?: readonly KeptAnswer[]; asksCluster?: boolean } = {},
): Lookups {
  let given: readonly KeptAnswer[] = [];
  let fresh: readonly KeptAnswer[] = [];
  let kept: Promise<readonly KeptAnswer[]> | undefined;

  async function answerOf(query: LookupQuery): Promise<LookupAnswer> {
    if (target.environment.lookup === 'empty') return { found: null };
    kept ??= keptAnswers(target);
    const known = answerTo([...instead, ...(await kept)], query);
    // What somebody else has is asked for anew, and refused, once charts may see their own only.
    const isOwn = target.environment.lookup === 'cluster' || known?.ofAll !== true || known.found === null;
    if (known !== undefined && isOwn) return { found: known.found };
    if (!asksCluster)
      return {
        refused:
          'is not among the answers that are kept, and templates of a commit that is not on the branch ask no cluster',
      };
    const asked = await lookUp(target, query);
    if ('refused' in asked) return asked;
    fresh = withAnswers(fresh, [{ query, found: asked.found, ...ofAll(target) }]);
    return { found: asked.found };
  }

  return {
    async answer(query) {
      const answer = await answerOf(query);
      if ('found' in answer) given = withAnswers(given, [{ query, found: answer.found }]);
      return answer;
    },
    given: () => given,
    async keep() {
      if (fresh.length === 0) return;
      await keepAnswers(target, fresh);
      fresh = [];
    },
  };
}

/** How an answer is kept. */
function ofAll({ environment }: Pick<RenderTarget, 'environment'>): Pick<KeptAnswer, 'ofAll'> {
  return environment.lookup === 'cluster' ? { ofAll: true } : {};
}

type Asked = { readonly found: unknown; readonly objects: readonly KubernetesObject[] } | { readonly refused: string };

/**
 * Asks the cluster, as Helm does. Where the environment's charts may see their own only, anything else is refused by
 * name.
 */
export async function lookUp(target: RenderTarget, query: LookupQuery): Promise<Asked> {
  const { cluster, api, environment } = target;
  const { apiVersion, kind, namespace, name } = query;
  const resource = resourceOf({ api, object: { apiVersion, kind } });
  if (resource === undefined) return { refused: `the cluster does not serve ${kind} in ${apiVersion}` };
  const scope = resource.namespaced && namespace !== '' ? namespace : undefined;
  // One object of a namespaced kind is nowhere but in a namespace.
  if (name !== '' && resource.namespaced && scope === undefined) return { found: null, objects: [] };
  const found =
    name === ''
      ? await cluster.list({ resource, namespace: scope, content: 'whole' })
      : [(await cluster.get({ resource, namespace: scope, name })) ?? []].flat();
  const looker = lookerOf(target);
  const all = found.map((object) => ({ ...object, apiVersion, kind }));
  const state = all.map((object) => refusalToTellState({ found: object, looker }));
  const objects = all.filter((_object, index) => state[index] === undefined);
  const refused =
    (name === '' ? undefined : state[0]) ??
    (environment.lookup === 'own' ? refusalToAnswer({ found: objects, looker }) : undefined);
  if (refused !== undefined) return { refused };
  const told = objects.map(withoutManagedFields);
  return {
    found: name === '' ? { apiVersion, kind: `${kind}List`, metadata: {}, items: told } : (told[0] ?? null),
    objects,
  };
}

function lookerOf(target: RenderTarget): Looker {
  const { adopt, sources } = target.environment;
  return {
    applySets: ownSets(target),
    adopted: adopt ? sources.flatMap((source) => (source.kind === 'helm' ? [source.release] : [])) : [],
  };
}

/** Who wrote which field, and when, is nothing that a chart is made from, and is most of a small object. */
function withoutManagedFields(object: KubernetesObject): KubernetesObject {
  const { managedFields: _who, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** A question that is answered otherwise than it was. */
export interface ChangedAnswer {
  readonly before: KeptAnswer;
  readonly now: KeptAnswer;
  /** What is there now, with its `managedFields`. */
  readonly objects: readonly KubernetesObject[];
}

/**
 * Asks the cluster again what a render was answered. Throws `RenderFailed` (refuse) for what cannot be answered any
 * more, as in a render.
 */
export async function changedAnswers(target: RenderTarget, given: readonly KeptAnswer[]): Promise<ChangedAnswer[]> {
  const changed = await inParallel(given, async (before): Promise<ChangedAnswer[]> => {
    const asked = await lookUp(target, before.query);
    if ('refused' in asked) {
      throw new ConvergeError({
        code: 'RenderFailed',
        subject: target.run.key,
        message: `lookup of ${lookupTitle(before.query)}: ${asked.refused}`,
        disposition: 'refuse',
      });
    }
    const { found, objects } = asked;
    return hashJson(found) === hashJson(before.found)
      ? []
      : [{ before, now: { query: before.query, found, ...ofAll(target) }, objects }];
  });
  return changed.flat();
}
