import { triedAgain, type Verdicts } from './findings.ts';

const schedule = 'each commit is a job, and each environment is looked at by the schedule (checks.interval)';
const awaited = 'an environment has converged when all its objects are healthy';
const noRecord = 'no record of releases is kept in the cluster';
const identity = {
  missing: 'a service account that the controller acts as',
  remedy: "identity: environment of the cluster in the operator's configuration; `converge rbac ENV` prints the Roles",
};

/** https://fluxcd.io/flux/components/kustomize/kustomizations/ */
export const kustomizationVerdicts: Verdicts = {
  path: 'carried',
  sourceRef: 'carried',
  targetNamespace: 'carried',
  prune: 'carried',
  suspend: 'carried',
  dependsOn: 'carried',
  timeout: 'carried',
  deletionPolicy: 'carried',
  kubeConfig: 'carried',
  patches: 'carried',
  patchesStrategicMerge: 'carried',
  patchesJson6902: 'carried',
  images: 'carried',
  components: 'carried',
  namePrefix: 'carried',
  nameSuffix: 'carried',
  commonMetadata: 'carried',
  force: 'carried',
  healthCheckExprs: 'carried',
  postBuild: 'carried',
  decryption: 'carried',
  interval: { needless: schedule },
  retryInterval: { needless: triedAgain },
  wait: { needless: awaited },
  healthChecks: { needless: awaited },
  validation: { needless: 'the API server checks each object before anything is written' },
  ignoreMissingComponents: { needless: 'components are of the overlay' },
  buildMetadata: { needless: 'alerts name the file that an object was made of' },
  serviceAccountName: identity,
};

/** https://fluxcd.io/flux/components/helm/helmreleases/ */
export const releaseVerdicts: Verdicts = {
  chart: 'carried',
  chartRef: 'carried',
  releaseName: 'carried',
  targetNamespace: 'carried',
  values: 'carried',
  valuesFrom: 'carried',
  dependsOn: 'carried',
  timeout: 'carried',
  suspend: 'carried',
  driftDetection: 'carried',
  install: 'carried',
  upgrade: 'carried',
  kubeConfig: 'carried',
  healthCheckExprs: 'carried',
  interval: { needless: schedule },
  maxHistory: { needless: noRecord },
  storageNamespace: { needless: noRecord },
  persistentClient: { needless: 'no controller runs' },
  waitStrategy: { needless: awaited },
  uninstall: { needless: 'when its file is removed objects stay, or go with deletion: prune' },
  rollback: { needless: 'a roll-back is a commit' },
  serviceAccountName: identity,
  test: {
    missing: 'tests of a chart are not run',
    remedy: 'a Job with helm.sh/hook: post-install,post-upgrade is run and awaited',
  },
  postRenderers: {
    missing: 'changes what the chart rendered, which nothing here does',
    remedy: "make the change in the chart, or keep `helm template`'s output in Git and a kustomization over it",
  },
  commonMetadata: {
    missing: 'labels and annotations of all objects of a chart',
    remedy: "set them by the chart's values",
  },
};

const installed: Verdicts = {
  crds: 'carried',
  skipCRDs: 'carried',
  timeout: 'carried',
  createNamespace: { needless: 'spec.namespace is made where it is missing' },
  remediation: { needless: triedAgain },
  strategy: { needless: triedAgain },
  replace: { needless: 'what has the name of the release is compared and applied' },
  disableTakeOwnership: { needless: 'adopt says it' },
  serverSideApply: { needless: 'every apply is server-side' },
  disableWaitForJobs: { needless: 'a Job that is no hook is awaited by its own health' },
  disableOpenAPIValidation: {
    missing: 'objects that the API server does not know are refused',
    remedy: 'mend the chart',
  },
  disableSchemaValidation: {
    missing: 'a values.schema.json is always heeded',
    remedy: 'mend the values, or the schema of the chart',
  },
  disableHooks: { missing: 'hooks of a chart are always run', remedy: "switch them off by the chart's values" },
  disableWait: {
    missing: 'an environment is always awaited',
    remedy: 'a longer timeout, or a rule of health for what is never healthy',
  },
};
export const installVerdicts: Verdicts = installed;
export const upgradeVerdicts: Verdicts = {
  ...installed,
  remediation: 'carried',
  force: 'carried',
  cleanupOnFail: { needless: 'what a failed roll-out made is pruned by the next that succeeds' },
  preserveValues: {
    missing: 'values that a person gave to `helm upgrade` are not kept',
    remedy: '`helm get values` shows them: write them into a file of values',
  },
};

/** https://fluxcd.io/flux/components/source/helmcharts/ */
export const chartVerdicts: Verdicts = {
  chart: 'carried',
  version: 'carried',
  sourceRef: 'carried',
  valuesFiles: 'carried',
  valuesFile: 'carried',
  interval: { needless: schedule },
  reconcileStrategy: { needless: 'a chart is a folder in Git: each commit of it counts' },
  ignoreMissingValuesFiles: 'carried',
  suspend: { needless: 'a chart is a folder in Git' },
  verify: {
    missing: 'signatures of charts are not looked at',
    remedy: 'look at the signature in the CI job that uploads the chart',
  },
};

interface OtherKind {
  readonly kinds: readonly string[];
  readonly message: string;
  readonly remedy: string;
}

/** Objects of Flux that become nothing, by what to do instead. */
export const otherKinds: readonly OtherKind[] = [
  {
    kinds: ['ImageRepository', 'ImagePolicy', 'ImageUpdateAutomation'],
    message: 'nothing looks at registries',
    remedy: 'the CI job that pushed the image uploads the file that holds its tag: examples/ci',
  },
  {
    kinds: ['Alert', 'Provider'],
    message: 'who is told is of the configuration',
    remedy: "alerts.sinks of the operator's configuration: slack, googleChat, pagerduty, email, webhook",
  },
  {
    kinds: ['Receiver'],
    message: 'webhooks of the Git host are of the configuration',
    remedy: "webhooks of the operator's configuration; receivePush verifies them",
  },
];
