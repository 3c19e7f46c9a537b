import { triedAgain, type Verdicts } from './findings.ts';

const inOverlay = { remedy: 'write it into the kustomization.yaml of the overlay' };

/** https://argo-cd.readthedocs.io/en/stable/user-guide/application-specification/ */
export const applicationVerdicts: Verdicts = {
  source: 'carried',
  sources: 'carried',
  destination: 'carried',
  syncPolicy: 'carried',
  ignoreDifferences: 'carried',
  project: {
    needless:
      'an environment is of the repository that its file is in; its rights are `identity: environment` of the cluster',
  },
  revisionHistoryLimit: { needless: 'Git keeps the history' },
  info: { needless: 'links are of alerts and reports' },
  sourceHydrator: {
    missing: 'manifests that are rendered to another branch',
    remedy: 'an environment renders what its branch holds: name the dry source as its source',
  },
};

export const sourceVerdicts: Verdicts = {
  repoURL: 'carried',
  targetRevision: 'carried',
  path: 'carried',
  chart: 'carried',
  helm: 'carried',
  kustomize: 'carried',
  directory: 'carried',
  ref: 'carried',
  name: { needless: 'sources have no names' },
  plugin: { missing: 'plugins are not run', remedy: 'run it in CI, which uploads what it makes' },
};

export const helmVerdicts: Verdicts = {
  releaseName: 'carried',
  valueFiles: 'carried',
  values: 'carried',
  valuesObject: 'carried',
  parameters: 'carried',
  skipCrds: 'carried',
  ignoreMissingValueFiles: 'carried',
  passCredentials: { needless: 'charts are folders in Git' },
  version: { needless: 'charts are rendered as Helm 3 and later does' },
  skipTests: { needless: 'tests of a chart are not run' },
  fileParameters: {
    missing: 'values from files',
    remedy: 'write them into a file of values, or read them by .Files in the chart',
  },
  skipSchemaValidation: {
    missing: 'a values.schema.json is always heeded',
    remedy: 'mend the values, or the schema of the chart',
  },
  kubeVersion: {
    missing: 'charts are told the version of their cluster',
    remedy: 'leave it out, or a value of the chart in its place',
  },
  apiVersions: {
    missing: 'charts are told what their cluster serves',
    remedy: 'leave it out, or a value of the chart in its place',
  },
  namespace: {
    missing: 'a release is of the namespace of its environment',
    remedy: 'a separate environment with that namespace',
  },
};

export const kustomizeVerdicts: Verdicts = {
  namePrefix: 'carried',
  nameSuffix: 'carried',
  images: 'carried',
  replicas: 'carried',
  commonLabels: 'carried',
  commonAnnotations: 'carried',
  labelWithoutSelector: 'carried',
  labelIncludeTemplates: 'carried',
  namespace: 'carried',
  patches: 'carried',
  components: 'carried',
  version: { needless: 'there is one version of Kustomize' },
  forceCommonLabels: { needless: 'labels of an overlay take the place of those that are there' },
  forceCommonAnnotations: { needless: 'annotations of an overlay take the place of those that are there' },
  ignoreMissingComponents: { missing: 'a component that is not there is an error', ...inOverlay },
  commonAnnotationsEnvsubst: { missing: 'there are no variables in annotations', ...inOverlay },
  kubeVersion: { missing: 'charts of an overlay are not rendered', remedy: 'a source of its own for the chart' },
  apiVersions: { missing: 'charts of an overlay are not rendered', remedy: 'a source of its own for the chart' },
};

export const directoryVerdicts: Verdicts = {
  recurse: 'carried',
  include: 'carried',
  exclude: 'carried',
  jsonnet: { missing: 'Jsonnet is not run', remedy: 'run it in CI, which uploads what it makes' },
};

export const syncPolicyVerdicts: Verdicts = {
  automated: 'carried',
  syncOptions: 'carried',
  retry: { needless: triedAgain },
  managedNamespaceMetadata: {
    missing: 'labels and annotations of the namespace',
    remedy: 'a manifest of the Namespace among the sources',
  },
};

/** https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/; undefined: it needs nothing. */
export const syncOptions: Readonly<
  Record<string, { readonly message: string; readonly remedy: string } | 'needless' | 'carried'>
> = {
  'CreateNamespace=true': 'needless',
  'ServerSideApply=true': 'needless',
  'ClientSideApplyMigration=true': 'needless',
  'ClientSideApplyMigration=false': 'needless',
  'PruneLast=true': 'needless',
  'RespectIgnoreDifferences=true': 'needless',
  'SkipDryRunOnMissingResource=true': 'needless',
  'FailOnSharedResource=true': 'needless',
  'ApplyOutOfSyncOnly=true': 'needless',
  'Validate=true': 'needless',
  'Prune=false': 'carried',
  'Delete=false': 'carried',
  'Replace=true': 'carried',
  'Force=true': 'carried',
  'Validate=false': { message: 'objects that the API server does not know are refused', remedy: 'mend the manifests' },
  'CreateNamespace=false': {
    message: 'spec.namespace is made where it is missing',
    remedy: 'nothing, where it is there',
  },
  'Prune=confirm': {
    message: 'nobody is asked',
    remedy: 'converge.dev/prune: "false" on the objects, taken away by a commit',
  },
  'Delete=confirm': {
    message: 'nobody is asked',
    remedy: 'deletion: release keeps the objects when the file is removed',
  },
  'PrunePropagationPolicy=orphan': {
    message: 'what an object owns goes with it',
    remedy: 'nothing, where that is meant',
  },
  'PrunePropagationPolicy=foreground': 'needless',
  'PrunePropagationPolicy=background': 'needless',
};

/** Generators of an ApplicationSet that only the running cluster, or somebody else's API, can answer. */
export const otherGenerators: Readonly<Record<string, string>> = {
  clusters: 'one environment file for each cluster',
  pullRequest: 'a branch is taken to a bucket by its class (feature/* to develop); environments there are files, too',
  scmProvider: 'one environment file for each repository, in that repository',
  clusterDecisionResource: 'one environment file for each cluster',
  plugin: 'have a job write the environment files',
  merge: 'write one environment file for each Application that it made: `argocd appset get` shows them',
};
