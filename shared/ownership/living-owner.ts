import type { KubernetesObject, ObjectMetadata } from '../objects/kubernetes-object.ts';

type Marks = Readonly<Record<string, string>>;

/**
 * The release that still reconciles an object, in its tool's words (`Flux Kustomization flux-system/apps`), or
 * undefined. Two that reconcile one object undo each other for ever. A mark that Git itself specifies says nothing.
 */
export function livingOwner({
  observed,
  desired,
}: {
  observed: { readonly metadata: ObjectMetadata };
  desired: KubernetesObject;
}): string | undefined {
  const labels = foreign({ observed: observed.metadata.labels, desired: desired.metadata.labels });
  const annotations = foreign({ observed: observed.metadata.annotations, desired: desired.metadata.annotations });
  return (
    fluxOwner({ labels, toolkit: 'kustomize', kind: 'Kustomization' }) ??
    fluxOwner({ labels, toolkit: 'helm', kind: 'HelmRelease' }) ??
    argoOwner({ labels, annotations }) ??
    helmOwner({ labels: observed.metadata.labels ?? {}, annotations })
  );
}

function foreign({ observed = {}, desired = {} }: { observed: Marks | undefined; desired: Marks | undefined }): Marks {
  return Object.fromEntries(Object.entries(observed).filter(([key, value]) => desired[key] !== value));
}

function fluxOwner({ labels, toolkit, kind }: { labels: Marks; toolkit: string; kind: string }): string | undefined {
  const name = labels[`${toolkit}.toolkit.fluxcd.io/name`];
  return name === undefined
    ? undefined
    : `the Flux ${kind} ${inNamespace({ namespace: labels[`${toolkit}.toolkit.fluxcd.io/namespace`], name })}`;
}

function argoOwner({ labels, annotations }: { labels: Marks; annotations: Marks }): string | undefined {
  // `<application>:<group>/<kind>:<namespace>/<name>`
  const name = annotations['argocd.argoproj.io/tracking-id']?.split(':')[0] ?? labels['argocd.argoproj.io/instance'];
  return name === undefined ? undefined : `the Argo CD Application ${name}`;
}

/** Charts render the label themselves; the annotation comes from Helm. */
function helmOwner({ labels, annotations }: { labels: Marks; annotations: Marks }): string | undefined {
  const name = annotations['meta.helm.sh/release-name'];
  if (name === undefined || labels['app.kubernetes.io/managed-by'] !== 'Helm') return undefined;
  return `the Helm release ${inNamespace({ namespace: annotations['meta.helm.sh/release-namespace'], name })}`;
}

function inNamespace({ namespace, name }: { namespace: string | undefined; name: string }): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}
