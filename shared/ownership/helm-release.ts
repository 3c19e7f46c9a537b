import type { KubernetesObject } from '../objects/kubernetes-object.ts';

/*
 * Where Helm records a release: https://helm.sh/docs/topics/advanced/#storage-backends . One object for each of its
 * revisions, a Secret, or a ConfigMap where HELM_DRIVER says so; of all of them one at most is `deployed`.
 */
const secretType = 'helm.sh/release.v1';

/** Selects the records of a release that Helm says is deployed. */
export function deployedSelector(release: string): string {
  return `owner=helm,name=${release},status=deployed`;
}

/** Whether an object is Helm's own record of a release, and says that it is deployed. Labels alone are copied. */
export function saysDeployed({ record, release }: { record: KubernetesObject; release: string }): boolean {
  const { name = '', labels = {} } = record.metadata;
  const isRecord = record.kind === 'Secret' ? record['type'] === secretType : record.kind === 'ConfigMap';
  const prefix = `sh.helm.release.v1.${release}.v`;
  return (
    isRecord &&
    name.startsWith(prefix) &&
    /^[0-9]+$/.test(name.slice(prefix.length)) &&
    labels['owner'] === 'helm' &&
    labels['name'] === release &&
    labels['status'] === 'deployed'
  );
}
