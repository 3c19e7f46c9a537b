import { ConvergeError } from '../../base/errors.ts';
import { environmentPath, type Environment } from '../../environment/environment-file.ts';
import { environmentKey } from '../../base/revision.ts';
import { sourceInWords } from '../../environment/source-in-words.ts';
import { applySetOf, hookMarks, memberMarks } from '../../inventory/applyset.ts';
import { applyStageOf, applyStages } from '../../objects/apply-order.ts';
import type { LookupQuery } from '../../objects/lookup-query.ts';
import type { ClusterApi } from '../../objects/cluster-api.ts';
import { desiredObjects, scopeTable, type DesiredObject } from '../../desired/desired.ts';
import { desiredHooks, hooksOf, type Hook, type HookEvent } from '../../desired/hook.ts';
import type { Ports } from '../../ports/ports.ts';
import { renderApart, type Kind, type Told, type Tree } from './render-apart.ts';

export interface ManifestsAsked extends Told {
  readonly repository: string;
  readonly environment: string;
}

/** An object as it is applied, or that of a hook. */
export interface Manifest {
  readonly desired: DesiredObject;
  readonly hook: { readonly release: string; readonly events: readonly HookEvent[] } | undefined;
}

export interface Manifests {
  readonly environment: Environment;
  /** In the order in which they are applied: the hooks before, the objects stage by stage, the hooks after. */
  readonly manifests: readonly Manifest[];
  /** What was looked up, and was not there, since no cluster was asked. */
  readonly looked: readonly LookupQuery[];
  /** Whether something of it is random, or is the time: the cluster has other values. */
  readonly drew: boolean;
  readonly api: ClusterApi;
  /** Kinds that are neither built in nor defined: they are taken for namespaced ones. */
  readonly unknown: readonly Kind[];
}

/**
 * What an environment is brought to: rendered, put into namespaces and marked as `reconcile` does, without its cluster.
 *
 * Throws `BadRequest` (refuse) where there is no such environment; `InvalidEnvironment`, `RenderFailed`, `EmptyRender`
 * and `DuplicateObject` (refuse).
 */
export async function renderManifests(
  asked: ManifestsAsked,
  tree: Tree,
  ports: Pick<Ports, 'renderer'>,
): Promise<Manifests> {
  const { repository, environment: name } = asked;
  const declared = await tree.read(name);
  if (declared.state === 'invalid') throw declared.error;
  if (declared.state === 'absent')
    throw new ConvergeError({
      code: 'BadRequest',
      subject: environmentKey(asked),
      message: `there is no ${environmentPath(name)}`,
      disposition: 'refuse',
    });
  const { environment } = declared;
  const { renders, looked, drew, api, unknown } = await renderApart({ told: asked, environment, tree }, ports);
  const render = renders.at(-1) ?? renders[0];
  if (render.objects.length === 0)
    throw new ConvergeError({
      code: 'EmptyRender',
      subject: environmentKey(asked),
      message: 'the sources render to nothing',
      remedy: 'to remove an environment, remove its file',
      disposition: 'refuse',
    });
  const { namespace } = environment;
  const set = applySetOf({ repository, environment: name, namespace });
  const placing = { namespace, scopes: scopeTable({ api, rendered: render.objects }) };
  const sourceOf = (indexes: readonly number[] | undefined) => (index: number) =>
    sourceInWords({ sources: environment.sources, index: indexes?.[index] });
  const objects = desiredObjects({
    ...{ rendered: render.objects, ...placing, marks: memberMarks(set) },
    sourceOf: sourceOf(render.madeBy?.objects),
  });
  const hooks = desiredHooks({
    ...{ rendered: render.hooks, objects, ...placing, marks: hookMarks(set) },
    sourceOf: sourceOf(render.madeBy?.hooks),
  });
  return { environment, manifests: inOrder(objects, hooks), looked, drew, api, unknown };
}

const before: readonly HookEvent[] = ['pre-install', 'pre-upgrade'];
const after: readonly HookEvent[] = ['post-install', 'post-upgrade', 'pre-delete', 'post-delete'];

function inOrder(objects: readonly DesiredObject[], hooks: readonly Hook[]): Manifest[] {
  const rank = ({ id }: DesiredObject): number => applyStages.indexOf(applyStageOf(id));
  const first = new Set(before.flatMap((event) => hooksOf({ hooks, event })));
  const last = new Set(after.flatMap((event) => hooksOf({ hooks, event })).filter((hook) => !first.has(hook)));
  const ofHook = ({ desired, release, events }: Hook): Manifest => ({ desired, hook: { release, events } });
  return [
    ...[...first].map(ofHook),
    ...objects.toSorted((a, b) => rank(a) - rank(b)).map((desired) => ({ desired, hook: undefined })),
    ...[...last].map(ofHook),
  ];
}
