import { meantBy } from '../../shared/base/nearest-name.ts';
import type { ApiResource } from '../../shared/objects/cluster-api.ts';
import type { KubernetesObject } from '../../shared/objects/kubernetes-object.ts';
import { groupOf, versionOf } from '../../shared/objects/object-id.ts';

/** Whether a kind is served: `elsewhere` is one of a group that nothing here knows, which others may have defined. */
export type KindVerdict = { readonly is: 'known' | 'elsewhere' } | { readonly is: 'wrong'; readonly message: string };

/**
 * @param resources what is built in, and what the tree defines
 * @param apiVersions what is served beside, as `--api-versions` says: `v1` or `v1/Kind` of a group
 */
export function judgeKind({
  object: { apiVersion, kind },
  resources,
  apiVersions,
}: {
  object: Pick<KubernetesObject, 'apiVersion' | 'kind'>;
  resources: readonly ApiResource[];
  apiVersions: readonly string[];
}): KindVerdict {
  const [group, version] = [groupOf(apiVersion), versionOf(apiVersion)];
  if (apiVersions.some((served) => served === apiVersion || served === `${apiVersion}/${kind}`)) return { is: 'known' };
  const ofGroup = resources.filter((resource) => resource.group === group);
  const ofKind = ofGroup.filter((resource) => resource.kind === kind);
  // Of a kind that a person names, the version is not known.
  if (ofKind.some((resource) => resource.version === version || resource.version === '')) return { is: 'known' };
  const wrong = (message: string): KindVerdict => ({ is: 'wrong', message: `${kind} in ${apiVersion}: ${message}` });
  if (ofKind.length > 0) return wrong(`is served as ${listed(ofKind)}`);
  const elsewhere = resources.filter((resource) => resource.kind === kind);
  if (ofGroup.length === 0) {
    const meantGroup = meantBy({ name: group, among: [...new Set(resources.map((resource) => resource.group))] });
    // The group of a definition has a dot: https://kubernetes.io/docs/reference/using-api/#api-groups
    if (group.includes('.') && meantGroup === undefined) return { is: 'elsewhere' };
    const of = elsewhere.filter((resource) => meantGroup === undefined || resource.group === meantGroup);
    if (of.length > 0) return wrong(`there is no such API group; ${kind} is served as ${listed(of)}`);
    return wrong(`there is no such API group${meantGroup === undefined ? '' : `; did you mean ${meantGroup}?`}`);
  }
  if (elsewhere.length > 0) return wrong(`is not of this API group; it is served as ${listed(elsewhere)}`);
  const meant =
    meantBy({ name: kind, among: ofGroup.map((resource) => resource.kind) }) ??
    meantBy({ name: kind, among: resources.map((resource) => resource.kind) });
  if (meant === undefined) return wrong('there is no such kind');
  return wrong(
    `there is no such kind; did you mean ${meant} (${listed(resources.filter((resource) => resource.kind === meant))})?`,
  );
}

function listed(resources: readonly ApiResource[]): string {
  const versions = resources.map(({ group, version }) => (group === '' ? version : `${group}/${version}`));
  return [...new Set(versions)].join(', ');
}
