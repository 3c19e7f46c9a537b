import { environmentAnnotation, type ApplySet } from '../inventory/applyset.ts';
import { holdsState, hookStandingOf, standingOf } from '../inventory/membership.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { objectIdOf, objectTitle } from '../objects/object-id.ts';
import { madeBy, stateMessage } from './deletion-guard.ts';
import { foreignOwnerOf } from './refusal.ts';

/** Whom an environment's templates look things up for. */
export interface Looker {
  /** The environment's own set first, then those of its previous names. */
  readonly applySets: readonly [ApplySet, ...ApplySet[]];
  /** The Helm releases that it may take over: those of its sources, where its file says `adopt`. */
  readonly adopted: readonly string[];
}

/**
 * Why a template is not answered with what is there, or undefined where all of it is the environment's own: its
 * objects, its hooks' objects, its namespace, or what Helm's own release has, where that is being adopted. A render
 * that depends on what others change would change without a commit.
 */
export function refusalToAnswer({
  found,
  looker,
}: {
  found: readonly KubernetesObject[];
  looker: Looker;
}): string | undefined {
  const stranger = found.find((object) => !isOwn({ object, looker }));
  if (stranger === undefined) return undefined;
  const owner = foreignOwnerOf({ observed: stranger, applySet: looker.applySets[0] })?.title ?? madeBy(stranger);
  const whose = owner === undefined ? '' : ` (it is of ${owner})`;
  return (
    `${objectTitle(objectIdOf(stranger))} is there and not this environment's own${whose}; ` +
    'spec.lookup: cluster lets its charts read it and follow it, ' +
    'spec.lookup: empty answers as if nothing were there'
  );
}

/**
 * Why a template is not answered with what Converge keeps of itself, in either scope: a seed holds passwords and what
 * was answered before, and whatever is answered changes it.
 */
export function refusalToTellState({ found, looker }: { found: KubernetesObject; looker: Looker }): string | undefined {
  if (!holdsState(found)) return undefined;
  const { environment } = looker.applySets[0];
  const named = found.metadata.annotations?.[environmentAnnotation];
  const whose = named === undefined || named === environment ? undefined : `environment ${named}`;
  return `${objectTitle(objectIdOf(found))} ${stateMessage(whose)}`;
}

function isOwn({ object, looker: { applySets, adopted } }: { object: KubernetesObject; looker: Looker }): boolean {
  const { labels = {}, annotations = {}, name, namespace } = object.metadata;
  const [applySet] = applySets;
  const standings = [standingOf, hookStandingOf].map((standing) => standing({ object, applySets }));
  if (object.apiVersion === 'v1' && object.kind === 'Namespace') return name === applySet.namespace;
  // A restore that lost who applied it is no copy.
  const isRestored = standings.some(
    (found) => found.standing === 'unproven' && (found.missing === 'apply-entry' || found.missing === 'label-owner'),
  );
  if (isRestored || standings.some(({ standing }) => standing === 'member')) return true;
  const release = annotations['meta.helm.sh/release-name'];
  const isOfHelm =
    labels['app.kubernetes.io/managed-by'] === 'Helm' &&
    annotations['meta.helm.sh/release-namespace'] === applySet.namespace;
  return isOfHelm && namespace === applySet.namespace && release !== undefined && adopted.includes(release);
}
