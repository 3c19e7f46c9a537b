import type { Limits } from '../../config/config.ts';
import type { Environment } from '../../environment/environment-file.ts';
import type { ApiResource, ClusterApi } from '../../objects/cluster-api.ts';
import type { LookupQuery } from '../../objects/lookup-query.ts';
import { groupOf, type ObjectId } from '../../objects/object-id.ts';
import { builtInResources, definedResources } from '../../rbac/known-resources.ts';
import type { Checkout } from '../../ports/git.ts';
import type { Ports } from '../../ports/ports.ts';
import type { Render } from '../../ports/renderer.ts';
import type { Declaration } from './declared-environments.ts';
import { renderBlind } from './render-blind.ts';

/** What charts are told of a cluster that is not asked. */
export interface Told {
  readonly kubernetesVersion: string;
  /** What it serves beside what is built in and defined by the render. */
  readonly apiVersions: readonly string[];
  /** Of kinds that are defined elsewhere. */
  readonly resources: readonly ApiResource[];
  readonly limits: Pick<Limits, 'renderSeconds' | 'renderMiB'>;
}

/** Files that declare environments, at one commit or in a folder. */
export interface Tree {
  read(environment: string): Promise<Declaration>;
  checkout(environment: Environment): Promise<Checkout>;
}

export type Kind = Pick<ObjectId, 'group' | 'kind'>;

export interface RenderedApart {
  /** As the cluster is before its first run, and as it is with the definitions that this brings. */
  readonly renders: readonly [Render, ...Render[]];
  /** What templates looked up: none of it was there. */
  readonly looked: readonly LookupQuery[];
  /** Whether templates drew random values, or read the clock: another environment has others. */
  readonly drew: boolean;
  /** Of every kind that there is. */
  readonly api: ClusterApi;
  /** Kinds that nothing defines. */
  readonly unknown: readonly Kind[];
}

/**
 * Renders an environment without its cluster, and those that it depends on where the definition of a kind is looked for.
 *
 * @param owned kinds that are to be known beside those that are rendered
 * Throws `InvalidEnvironment` and `RenderFailed` (refuse).
 */
export async function renderApart(
  {
    told,
    environment,
    tree,
    owned = [],
  }: { told: Told; environment: Environment; tree: Tree; owned?: readonly Kind[] },
  ports: Pick<Ports, 'renderer'>,
): Promise<RenderedApart> {
  const checkout = await tree.checkout(environment);
  let resources: readonly ApiResource[] = [...builtInResources, ...told.resources];
  let drew = false;
  const renderer: Ports['renderer'] = {
    ...ports.renderer,
    render: async (request) =>
      ports.renderer.render({
        ...request,
        seed: async () => {
          drew = true;
          return request.seed();
        },
      }),
  };
  const api = (): ClusterApi => ({ version: told.kubernetesVersion, resources, unreadable: [] });
  const looked: LookupQuery[] = [];
  const render = async (): Promise<Render> =>
    renderBlind({ asked: told, environment, checkout, api: api(), looked }, { renderer });

  const first = await render();
  const definitions = definedResources([...first.objects, ...first.hooks].map(({ object }) => object));
  resources = [...resources, ...definitions];
  // A chart that looks for its own definitions renders more once they are there.
  const renders: [Render, ...Render[]] = definitions.length === 0 ? [first] : [first, await render()];

  const written = [
    ...renders.flatMap(({ objects, hooks }) => [...objects, ...hooks]).map(({ object }) => object),
    ...looked,
  ];
  const kinds: readonly Kind[] = [
    ...written.map(({ apiVersion, kind }) => ({ group: groupOf(apiVersion), kind })),
    ...owned,
  ];
  const unknown = (): Kind[] => kinds.filter((kind) => resourceOfKind(api(), kind) === undefined);
  for (const dependency of unknown().length === 0 ? [] : environment.dependsOn) {
    const needed = await tree.read(dependency);
    // Its kinds are then not known either, and rights would be missing.
    if (needed.state === 'invalid') throw needed.error;
    if (needed.state === 'absent') continue;
    const { environment: other } = needed;
    const itsCheckout = await tree.checkout(other);
    const { objects } = await renderBlind(
      { asked: told, environment: other, checkout: itsCheckout, api: api(), looked: [] },
      ports,
    );
    resources = [...resources, ...definedResources(objects.map(({ object }) => object))];
  }
  return { renders, looked, drew, api: api(), unknown: unknown() };
}

/** Whatever the version: rights and places are of all versions of a kind. */
export function resourceOfKind({ resources }: ClusterApi, { group, kind }: Kind): ApiResource | undefined {
  return resources.find((resource) => resource.group === group && resource.kind === kind);
}
