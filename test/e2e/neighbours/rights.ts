import { environmentAnnotation } from '../../../shared/inventory/applyset.ts';
import type { KubernetesObject } from '../../../shared/objects/kubernetes-object.ts';

/** `ConfigMap r1-a/one` */
export type Title = string;

/** What is there at one moment, of all that a round is about. */
export type Snapshot = ReadonlyMap<
  Title,
  { readonly uid: string; readonly content: string; readonly object: KubernetesObject }
>;

/** Who may do what to an object. Whoever is not named may nothing. */
export interface Rights {
  /** `master/a`, `person`, or `nobody` after a release. */
  owner: string;
  /** Environments whose Git has named it since it was nobody's or a person's: they may change it. */
  readonly takers: Set<string>;
  /** The environment whose Git wants it now in its owner's stead, whether it has taken it or not. */
  movedTo?: string;
  /** Whether it may be deleted: its owner's Git, or that of one who took it rightfully, gave it up. */
  mayGo: boolean;
  /** Whether its content may change in this step: its owner's Git changed it, or somebody takes it. */
  mayChange: boolean;
}

export function titleOf({ kind, metadata: { namespace, name } }: KubernetesObject): Title {
  return `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name ?? ''}`;
}

/** Whether it is the parent of an environment's inventory. */
export function isInventory(title: Title): boolean {
  return /^ConfigMap [^/]+\/converge-/.test(title);
}

/** What somebody's owner would miss: its data, and of an inventory, whose it is. Marks are nobody's content. */
export function contentOf(object: KubernetesObject): string {
  if (isInventory(titleOf(object))) return object.metadata.annotations?.[environmentAnnotation] ?? '';
  const spec =
    object.kind === 'Service' || object.kind === 'ConfigMap' || object.kind === 'Secret'
      ? {
          data: object['data'],
          ports: object.kind === 'Service' ? Reflect.get(Object(object['spec']), 'selector') : undefined,
        }
      : {};
  return JSON.stringify(spec);
}

/** What was done to objects by somebody who might not, one sentence each. */
export function violations({
  before,
  after,
  rights,
}: {
  before: Snapshot;
  after: Snapshot;
  rights: ReadonlyMap<Title, Rights>;
}): string[] {
  return [...before].flatMap(([title, was]) => {
    const right = rights.get(title);
    const is = after.get(title);
    if (right === undefined) return [];
    if (is === undefined) return right.mayGo ? [] : [`${title} of ${right.owner} was deleted`];
    if (is.uid !== was.uid) return right.mayGo ? [] : [`${title} of ${right.owner} was deleted and made anew`];
    if (is.content !== was.content && !right.mayChange)
      return [`${title} of ${right.owner} was changed from ${was.content} to ${is.content}`];
    return [];
  });
}
