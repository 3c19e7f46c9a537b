import { dump } from 'js-yaml';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Pipeline } from '../../local/pipeline.ts';
import { applySetOf, memberMarks, objectAnnotation } from '../../shared/inventory/applyset.ts';
import type { KubernetesObject } from '../../shared/objects/kubernetes-object.ts';
import { normalise } from '../../shared/objects/normalise.ts';
import { objectIdOf, objectKey } from '../../shared/objects/object-id.ts';
import { isKind, type Kind } from './raw-api.ts';
import { createWorkTree, type WorkTree } from './work-tree.ts';

/** Several environments of the same objects, each in a namespace of its own name. */
export interface Fleet {
  readonly tree: WorkTree;
  readonly environments: readonly string[];
  readonly objects: readonly KubernetesObject[];
  readonly kinds: readonly Kind[];
  /** The commit that was pushed last. */
  head(): string;
  /** Pushes it again, in place of what another case left. */
  push(): Promise<void>;
  /** Writes the first object with other data, and pushes it. */
  changeOne(text: string): Promise<void>;
}

export const repository = 'develop';
const main = 'refs/heads/main';

/**
 * Pushes environments of plain manifests to the develop repository, in place of whatever it held, and past the Git
 * server, so that nobody is told and no function runs.
 */
export async function pushFleet({
  pipeline,
  name,
  count,
  objects,
  perFile,
  spec = {},
}: {
  pipeline: Pipeline;
  name: string;
  count: number;
  objects: readonly KubernetesObject[];
  perFile: number;
  spec?: Readonly<Record<string, unknown>>;
}): Promise<Fleet> {
  const tree = await createWorkTree({
    folder: join(pipeline.folder, `tree-${name}-${randomUUID()}`),
    remote: pipeline.git.path(repository),
  });
  const fileOf = (index: number): string => `manifests/${name}/${String(index / perFile).padStart(4, '0')}.yaml`;
  const contentAt = (index: number): string =>
    objects
      .slice(index, index + perFile)
      .map((object) => dump(object))
      .join('---\n');
  for (let index = 0; index < objects.length; index += perFile)
    await tree.write({ path: fileOf(index), content: contentAt(index) });
  const environments = Array.from({ length: count }, (_, index) => `${name}-${index + 1}`);
  for (const environment of environments) {
    const file = {
      ...{ apiVersion: 'converge.dev/v1', kind: 'Environment', metadata: { name: environment } },
      spec: {
        cluster: pipeline.cluster,
        namespace: environment,
        sources: [{ manifests: `manifests/${name}` }],
        ...spec,
      },
    };
    await tree.write({ path: `environments/${environment}.yaml`, content: dump(file) });
  }
  let head = await tree.push(main);
  return {
    tree,
    head: () => head,
    environments,
    objects,
    kinds: [...new Set(objects.map(({ kind }) => kind))].filter(isKind),
    async push() {
      await tree.follow();
      head = await tree.push(main);
    },
    async changeOne(text) {
      const [first] = objects;
      if (first === undefined) throw new Error('there is no object to change');
      const changed = dump({ ...first, data: { 'settings.properties': text } });
      const rest = objects.slice(1, perFile).map((object) => dump(object));
      await tree.write({ path: fileOf(0), content: [changed, ...rest].join('---\n') });
      head = await tree.push(main);
    },
  };
}

/**
 * The objects as the product applies them, in another namespace: a member of an inventory weighs more than it does in
 * Git.
 */
export function asApplied({
  objects,
  environment,
  namespace,
}: {
  objects: readonly KubernetesObject[];
  environment: string;
  namespace: string;
}): KubernetesObject[] {
  const { labels, annotations } = memberMarks(applySetOf({ repository, environment, namespace }));
  return objects.map(normalise).map((object) => ({
    ...object,
    metadata: {
      ...object.metadata,
      labels,
      annotations: {
        ...annotations,
        [objectAnnotation]: objectKey(objectIdOf({ ...object, metadata: { ...object.metadata, namespace } })),
      },
      namespace,
    },
  }));
}

export function selectorOf(environment: string): string {
  const { labels } = memberMarks(applySetOf({ repository, environment, namespace: environment }));
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}
