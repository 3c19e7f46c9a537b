import { all, any, both, condition, healthyBelow, no, noBut, oneOf, phases, standsFor, yes } from './known-kind-words.ts';

/**
 * When an object of a kind that others define is suspended, degraded, progressing or healthy: CEL expressions, asked in
 * this order. A field that is not there makes an expression false; where none is true, the object is progressing. A status or
 * condition that is older than the specification is never judged.
 */
export interface KnownKind {
  /** `group/Kind`, `group/*`, or `*.parent/*` for every group under a domain. */
  readonly kinds: readonly string[];
  readonly suspended?: string;
  readonly degraded?: string;
  readonly progressing?: string;
  readonly healthy: string;
}

const kindsOf = (group: string, ...kinds: readonly string[]) => kinds.map((kind) => `${group}/${kind}`);

/**
 * The table. The verdicts are those of Argo CD's rules for these kinds
 * (https://github.com/argoproj/argo-cd/tree/master/resource_customizations), the fields those of the kinds' own documentation. What a
 * healthy start passes through, such as pods that are not ready yet, is progressing here even where Argo CD calls it
 * degraded, since a degraded object fails its roll-out.
 */
export const knownKinds: readonly KnownKind[] = [
  // Conditions that stand for the whole, and are False for a fault only.
  {
    kinds: [
      ...kindsOf('cert-manager.io', 'Issuer', 'ClusterIssuer'),
      'certmanager.k8s.io/Certificate',
      ...kindsOf('external-secrets.io', 'ExternalSecret', 'ClusterExternalSecret', 'PushSecret', 'SecretStore', 'ClusterSecretStore'),
      ...kindsOf('serving.knative.dev', 'Service', 'Configuration', 'Revision', 'Route', 'DomainMapping'),
      ...kindsOf('operator.knative.dev', 'KnativeEventing', 'KnativeServing'),
      ...kindsOf('karpenter.sh', 'NodePool'),
      ...kindsOf('karpenter.k8s.aws', 'EC2NodeClass'),
      ...kindsOf('rabbitmq.com', 'Binding', 'Exchange', 'Federation', 'Permission', 'Policy', 'Queue', 'Shovel', 'TopicPermission', 'User', 'Vhost'),
      ...kindsOf('promoter.argoproj.io', 'ClusterScmProvider', 'CommitStatus', 'GitRepository', 'PullRequest', 'ScmProvider'),
      ...kindsOf('kyverno.io', 'Policy', 'ClusterPolicy'),
      'capabilities.3scale.net/Tenant',
      'astra.netapp.io/Application',
      'onepassword.com/OnePasswordItem',
    ],
    ...standsFor('Ready'),
  },
  { kinds: kindsOf('coralogix.com', 'Alert', 'RecordingRuleGroupSet'), ...standsFor('RemoteSynced') },
  { kinds: ['bitnami.com/SealedSecret'], ...standsFor('Synced') },
  { kinds: ['gateway.networking.k8s.io/GatewayClass'], ...standsFor('Accepted') },
  { kinds: kindsOf('db.atlasgo.io', 'AtlasMigration', 'AtlasSchema'), degraded: noBut('Ready', 'Reconciling'), healthy: yes('Ready') },
  { kinds: ['mariadb.mmontes.io/MariaDB', 'k8s.mariadb.com/MariaDB'], degraded: condition('Ready', "c.status == 'False' && c.reason == 'Failed'"), healthy: yes('Ready') },
  { kinds: ['k8s.mariadb.com/SqlJob'], degraded: condition('Complete', "c.reason == 'JobFailed'"), healthy: yes('Complete') },
  { kinds: ['services.cloud.sap.com/ServiceBinding', 'services.cloud.sap.com/ServiceInstance'], degraded: yes('Failed'), healthy: yes('Ready') },
  { kinds: ['k8s.keycloak.org/Keycloak'], degraded: yes('HasErrors'), healthy: yes('Ready') },
  { kinds: ['openfaas.com/Function'], suspended: both(yes('Ready'), 'status.?replicas.orValue(0) == 0'), degraded: yes('Stalled'), healthy: both(yes('Ready'), yes('Healthy')) },
  { kinds: ['rabbitmq.com/RabbitmqCluster'], degraded: no('ReconcileSuccess'), healthy: both(yes('AllReplicasReady'), yes('ClusterAvailable')) },
  { kinds: ['datadoghq.com/DatadogMetric'], degraded: yes('Error'), healthy: no('Error') },
  { kinds: ['core.spinkube.dev/SpinApp'], degraded: condition('Progressing', "c.reason == 'ProgressDeadlineExceeded'"), healthy: yes('Available') },
  { kinds: kindsOf('kiali.io', 'Kiali', 'OSSMConsole'), degraded: yes('Failure'), healthy: yes('Successful') },
  { kinds: ['nmstate.io/NodeNetworkConfigurationPolicy'], suspended: yes('Ignored'), degraded: yes('Degraded'), healthy: yes('Available') },
  { kinds: ['policy.open-cluster-management.io/OperatorPolicy'], healthy: yes('Compliant') },
  {
    kinds: ['policy/PodDisruptionBudget'],
    degraded: condition('DisruptionAllowed', "c.status == 'False' && c.reason == 'SyncFailed'"),
    healthy: any('has(status.currentHealthy)', 'has(status.observedGeneration)'),
  },
  {
    kinds: kindsOf('capabilities.3scale.net', 'ActiveDoc', 'Application', 'Backend', 'CustomPolicyDefinition', 'DeveloperAccount', 'DeveloperUser', 'OpenAPI', 'Product', 'ProxyConfigPromote'),
    suspended: yes('Waiting'),
    degraded: any(yes('Failed'), yes('Invalid'), yes('Orphan')),
    healthy: any(yes('Ready'), yes('Synced')),
  },
  {
    kinds: kindsOf('keda.sh', 'ScaledJob', 'ScaledObject'),
    suspended: yes('Paused'),
    degraded: any(no('Ready'), yes('Fallback')),
    healthy: yes('Ready'),
  },
  { kinds: ['karpenter.sh/NodeClaim'], suspended: yes('Disrupting'), degraded: both(yes('Initialized'), no('Ready')), healthy: yes('Ready') },
  {
    kinds: kindsOf('kafka.strimzi.io', 'Kafka', 'KafkaBridge', 'KafkaConnect', 'KafkaConnector', 'KafkaMirrorMaker2', 'KafkaTopic', 'KafkaUser'),
    suspended: yes('ReconciliationPaused'),
    degraded: condition('NotReady', "c.status == 'True' && c.?reason.orValue('') != 'Creating'"),
    healthy: yes('Ready'),
  },
  {
    kinds: ['argoproj.io/ApplicationSet'],
    degraded: yes('ErrorOccurred'),
    healthy: yes('ResourcesUpToDate'),
  },
  { kinds: ['argoproj.io/CronWorkflow'], degraded: any(yes('SpecError'), yes('SubmissionError')), healthy: 'true' },
  { kinds: kindsOf('argoproj.io', 'EventBus', 'EventSource', 'Sensor'), degraded: "status.conditions.exists(c, c.status == 'False')", healthy: yes('Deployed') },
  {
    kinds: ['promoter.argoproj.io/ArgoCDCommitStatus'],
    degraded: any(no('Ready'), 'size(status.applicationsSelected) == 0'),
    healthy: yes('Ready'),
  },
  {
    kinds: ['promoter.argoproj.io/ChangeTransferPolicy'],
    degraded: no('Ready'),
    healthy: both(yes('Ready'), "status.active.dry.sha == status.proposed.dry.sha"),
  },
  {
    kinds: kindsOf('promoter.argoproj.io', 'GitCommitStatus', 'TimedCommitStatus'),
    degraded: any(no('Ready'), "status.environments.exists(e, e.phase == 'failure')"),
    healthy: both(yes('Ready'), "status.environments.all(e, e.phase == 'success')"),
  },

  // Flux: static objects (OCI repositories of Helm, alerts, providers) have no status.
  {
    kinds: ['*.toolkit.fluxcd.io/*'],
    suspended: 'spec.suspend == true',
    degraded: any(yes('Stalled'), noBut('Ready', 'DependencyNotReady', 'Progressing')),
    healthy: any(yes('Ready'), "spec.type == 'oci'"),
  },
  { kinds: kindsOf('notification.toolkit.fluxcd.io', 'Alert', 'Provider'), suspended: 'spec.suspend == true', degraded: no('Ready'), healthy: any('!has(self.status)', yes('Ready')) },

  // Crossplane: what is managed says Synced and Ready, what configures it has no status.
  {
    kinds: ['*.crossplane.io/*', '*.upbound.io/*'],
    suspended: condition('Synced', "c.status == 'False' && c.reason == 'ReconcilePaused'"),
    degraded: any(no('Synced'), no('LastAsyncOperation')),
    healthy: any(yes('Ready'), oneOf('kind', 'ProviderConfig', 'ClusterProviderConfig', 'ProviderConfigUsage', 'StoreConfig')),
  },
  { kinds: ['apiextensions.crossplane.io/*'], healthy: 'true' },
  { kinds: ['apiextensions.crossplane.io/CompositeResourceDefinition'], healthy: yes('Established') },
  {
    kinds: kindsOf('pkg.crossplane.io', 'Configuration', 'Function', 'Provider'),
    degraded: any(no('Healthy'), noBut('Installed', 'UnpackingPackage')),
    healthy: both(yes('Installed'), yes('Healthy')),
  },
  { kinds: kindsOf('pkg.crossplane.io', 'ConfigurationRevision', 'FunctionRevision', 'ProviderRevision'), degraded: any(no('RevisionHealthy'), no('Healthy')), healthy: any(yes('RevisionHealthy'), yes('Healthy')) },
  { kinds: ['pkg.crossplane.io/*'], healthy: 'true' },

  // Other controllers of cloud resources.
  { kinds: ['*.services.k8s.aws/*'], degraded: yes('ACK.Terminal'), healthy: yes('ACK.ResourceSynced') },
  {
    kinds: ['*.cnrm.cloud.google.com/*'],
    degraded: condition('Ready', `c.status == 'False' && ${oneOf('c.reason', 'UpdateFailed', 'DependencyNotFound', 'DependencyInvalid', 'ManagementConflict', 'DeleteFailed')}`),
    healthy: yes('Ready'),
  },
  { kinds: kindsOf('core.cnrm.cloud.google.com', 'ConfigConnector', 'ConfigConnectorContext'), degraded: 'status.healthy == false', healthy: 'status.healthy == true' },
  {
    kinds: ['networking.gke.io/ManagedCertificate'],
    degraded: "status.domainStatus.exists(d, d.status.startsWith('Failed'))",
    healthy: "status.certificateStatus == 'Active'",
  },
  { kinds: ['iammanager.keikoproj.io/Iamrole'], ...phases('state', { degraded: ['Error', 'PolicyNotAllowed', 'RoleNameNotAvailable'], healthy: ['Ready'] }) },

  // Gateway API: each parent, or ancestor of a policy, says for itself.
  {
    kinds: ['gateway.networking.k8s.io/Gateway'],
    degraded: any(no('Accepted'), no('ResolvedRefs'), "status.listeners.exists(l, l.conditions.exists(c, c.type in ['Accepted', 'ResolvedRefs'] && c.status == 'False'))"),
    healthy: yes('Programmed'),
  },
  { kinds: kindsOf('gateway.networking.k8s.io', 'HTTPRoute', 'GRPCRoute', 'TLSRoute', 'TCPRoute', 'UDPRoute'), ...healthyBelow('parents') },
  { kinds: ['gateway.networking.k8s.io/BackendTLSPolicy', 'microgateway.airlock.com/*'], ...healthyBelow('ancestors') },
  {
    kinds: ['route.openshift.io/Route'],
    degraded: "status.ingress.exists(i, i.conditions.exists(c, c.type == 'Admitted' && c.status == 'False'))",
    healthy: "status.ingress.exists(i, i.conditions.exists(c, c.type == 'Admitted' && c.status == 'True'))",
  },
  {
    kinds: ['gateway.solo.io/*', 'gloo.solo.io/*'],
    degraded: any("status.statuses.exists(n, status.statuses[n].state in ['Warning', 'Rejected'])", 'status.state in [2, 3]'),
    healthy: any("status.statuses.all(n, status.statuses[n].state == 'Accepted')", 'status.state == 1'),
  },

  // A phase.
  { kinds: ['acid.zalan.do/postgresql'], ...phases('PostgresClusterStatus', { degraded: ['CreateFailed', 'UpdateFailed', 'SyncFailed', 'Invalid'], healthy: ['Running'] }) },
  { kinds: kindsOf('ceph.rook.io', 'CephBlockPool', 'CephFilesystem', 'CephObjectStore', 'CephObjectStoreUser'), ...phases('phase', { degraded: ['Failure', 'ReconcileFailed'], healthy: ['Ready'] }) },
  { kinds: ['clickhouse.altinity.com/ClickHouseInstallation', 'clickhouse-keeper.altinity.com/ClickHouseKeeperInstallation'], ...phases('status', { degraded: ['Failed', 'Aborted'], healthy: ['Completed'] }) },
  { kinds: ['objectbucket.io/ObjectBucketClaim'], ...phases('phase', { degraded: ['Failed'], healthy: ['Bound'] }) },
  { kinds: ['core.humio.com/*'], ...phases('state', { degraded: ['ConfigError'], healthy: ['Exists', 'Running'] }) },
  { kinds: ['astra.netapp.io/AppVault'], ...phases('state', { degraded: ['failed'], healthy: ['available'] }) },
  { kinds: kindsOf('astra.netapp.io', 'Backup', 'ExecHooksRun', 'ResourceBackup', 'ResticVolumeBackup', 'Snapshot'), ...phases('state', { degraded: ['Failed', 'Error'], healthy: ['Completed'] }) },
  { kinds: ['astra.netapp.io/ExecHook'], suspended: 'spec.enabled == false', healthy: 'spec.enabled == true' },
  { kinds: kindsOf('lifecycle.keptn.sh', 'KeptnAppVersion', 'KeptnTask', 'KeptnWorkloadInstance', 'KeptnWorkloadVersion'), ...phases('status', { degraded: ['Failed'], healthy: ['Succeeded'] }) },
  { kinds: ['metrics.keptn.sh/KeptnMetric'], degraded: "status.errMsg != ''", healthy: "status.value != ''" },
  { kinds: ['trident.netapp.io/TridentOrchestrator'], ...phases('status', { degraded: ['Error', 'Failed'], healthy: ['Installed'] }) },
  { kinds: ['psmdb.percona.com/PerconaServerMongoDB', 'pxc.percona.com/PerconaXtraDBCluster'], ...phases('state', { suspended: ['paused'], degraded: ['error'], healthy: ['ready'] }) },
  { kinds: ['spot.io/SpotDeployment'], ...phases('phase', { suspended: ['Paused'], degraded: ['Degraded'], healthy: ['Healthy'] }) },
  { kinds: ['tower.ansible.com/AnsibleJob'], ...phases('ansibleJobResult.status', { degraded: ['failed', 'error', 'canceled'], healthy: ['successful'] }) },
  { kinds: ['camel.apache.org/Integration'], ...phases('phase', { degraded: ['Error'], healthy: ['Running'] }) },
  { kinds: kindsOf('operator.victoriametrics.com', 'VMAgent', 'VMAlert', 'VMAlertmanager', 'VMAuth', 'VMCluster', 'VMSingle'), ...phases('updateStatus', { suspended: ['paused'], degraded: ['failed'], healthy: ['operational'] }) },
  { kinds: kindsOf('platform.confluent.io', 'Connect', 'ControlCenter', 'Kafka', 'KRaftController', 'KsqlDB', 'SchemaRegistry', 'Zookeeper'), healthy: "status.phase == 'RUNNING'" },
  { kinds: ['platform.confluent.io/Connector'], ...phases('state', { degraded: ['ERROR', 'FAILED'], healthy: ['CREATED'] }) },
  {
    kinds: ['minio.min.io/Tenant'],
    degraded: any(
      "status.currentState.endsWith('not controlled by operator')",
      "status.currentState.endsWith('not set properly')",
      "status.currentState.endsWith('Not Allowed')",
      "status.currentState.startsWith('Another MinIO Tenant already exists')",
    ),
    healthy: "status.currentState == 'Initialized'",
  },
  { kinds: ['kafka.banzaicloud.io/KafkaCluster'], healthy: "status.state == 'ClusterRunning' && status.cruiseControlTopicStatus == 'CruiseControlTopicReady' && status.brokersState.all(b, status.brokersState[b].configurationState == 'ConfigInSync')" },
  {
    kinds: ['elasticsearch.k8s.elastic.co/Elasticsearch', 'kibana.k8s.elastic.co/Kibana', 'apm.k8s.elastic.co/ApmServer', 'beat.k8s.elastic.co/Beat', 'agent.k8s.elastic.co/Agent', 'logstash.k8s.elastic.co/Logstash'],
    degraded: "status.health == 'red'",
    healthy: "status.health == 'green' && status.?phase.orValue('Ready') == 'Ready'",
  },
  { kinds: ['grafana.integreatly.org/Grafana'], degraded: "status.stageStatus == 'failed'", healthy: "status.stage == 'complete' && status.stageStatus == 'success'" },
  {
    kinds: kindsOf('grafana.integreatly.org', 'GrafanaDashboard', 'GrafanaDatasource', 'GrafanaFolder'),
    degraded: any('status.NoMatchingInstances == true', yes('NoMatchingInstance')),
    healthy: any("status.conditions.exists(c, c.type.endsWith('Synchronized') && c.status == 'True')", 'has(status.lastResync)'),
  },
  {
    kinds: ['operators.coreos.com/Subscription'],
    degraded: any(yes('CatalogSourcesUnhealthy'), yes('ResolutionFailed'), yes('InstallPlanFailed'), yes('BundleUnpackFailed')),
    healthy: 'has(status.installedCSV)',
  },
  { kinds: ['postgresql.cnpg.io/Cluster'], suspended: yes('cnpg.io/hibernation'), degraded: "status.phase.contains('unrecoverable') || status.phase.startsWith('Unable to')", healthy: yes('Ready') },
  { kinds: kindsOf('numaflow.numaproj.io', 'InterStepBufferService', 'MonoVertex', 'Pipeline', 'Vertex'), degraded: "status.phase == 'Failed'", healthy: all("status.phase in ['Running', 'Paused']", "!status.conditions.exists(c, c.status == 'False')") },
  {
    kinds: ['numaplane.numaproj.io/*'],
    degraded: any("status.phase == 'Failed'", condition('ChildResourcesHealthy', "c.status == 'False' && c.reason.endsWith('Failed')")),
    healthy: all("status.phase == 'Deployed'", "!status.conditions.exists(c, c.type == 'ChildResourcesHealthy' && c.status != 'True')"),
  },

  // Machines, volumes and workloads.
  {
    kinds: ['cluster.x-k8s.io/Cluster'],
    suspended: 'spec.paused == true',
    degraded: any("status.phase == 'Failed'", condition('Ready', "c.status == 'False' && c.severity == 'Error'")),
    healthy: both("status.phase == 'Provisioned'", yes('Ready')),
  },
  { kinds: kindsOf('cluster.x-k8s.io', 'MachineDeployment', 'MachinePool', 'MachineSet'), suspended: 'spec.paused == true', degraded: "status.phase == 'Failed'", healthy: "status.phase == 'Running'" },
  { kinds: ['cluster.x-k8s.io/MachineHealthCheck'], healthy: 'status.currentHealthy >= status.expectedMachines' },
  {
    kinds: ['controlplane.cluster.x-k8s.io/AWSManagedControlPlane'],
    degraded: any("status.failureMessage != ''", condition('Ready', "c.status == 'False' && c.severity == 'Error'")),
    healthy: both('status.ready == true', yes('Ready')),
  },
  {
    kinds: ['core.gardener.cloud/Shoot'],
    degraded: "status.lastOperation.state in ['Failed', 'Aborted']",
    healthy: "status.lastOperation.state == 'Succeeded' && status.conditions.all(c, c.status == 'True')",
  },
  {
    kinds: ['cdi.kubevirt.io/DataVolume'],
    suspended: "status.phase == 'Paused'",
    degraded: any("status.phase == 'Failed'", condition('Running', "c.status == 'False' && c.reason == 'Error'")),
    healthy: "status.phase in ['Succeeded', 'WaitForFirstConsumer', 'PendingPopulation']",
  },
  { kinds: ['kubevirt.io/VirtualMachine'], suspended: "status.printableStatus in ['Stopped', 'Paused']", healthy: yes('Ready') },
  { kinds: ['kubevirt.io/VirtualMachineInstance'], suspended: "status.phase == 'Succeeded'", degraded: "status.phase == 'Failed'", healthy: yes('Ready') },
  { kinds: ['snapshot.storage.k8s.io/VolumeSnapshot'], degraded: 'has(status.error)', healthy: 'status.readyToUse == true' },
  { kinds: ['cassandra.rook.io/Cluster'], healthy: 'status.racks.all(r, status.racks[r].readyMembers >= status.racks[r].members)' },
  { kinds: ['solr.apache.org/SolrCloud'], healthy: 'status.readyReplicas >= status.replicas && status.upToDateNodes >= status.replicas' },
  {
    kinds: ['opentelemetry.io/OpenTelemetryCollector'],
    healthy: any('!has(status.scale)', '!has(status.scale.statusReplicas)', "status.scale.statusReplicas == string(status.scale.replicas) + '/' + string(status.scale.replicas)"),
  },
  {
    kinds: ['apps.kruise.io/CloneSet'],
    suspended: 'spec.updateStrategy.paused == true',
    healthy: 'status.updatedAvailableReplicas >= status.?expectedUpdatedReplicas.orValue(status.replicas)',
  },
  {
    kinds: ['apps.kruise.io/DaemonSet'],
    suspended: 'spec.updateStrategy.rollingUpdate.paused == true',
    healthy: 'status.updatedNumberScheduled >= status.desiredNumberScheduled && status.numberAvailable >= status.desiredNumberScheduled',
  },
  { kinds: ['apps.kruise.io/BroadcastJob'], ...phases('phase', { suspended: ['paused'], degraded: ['failed'], healthy: ['completed'] }) },
  { kinds: ['apps.kruise.io/AdvancedCronJob'], suspended: 'spec.paused == true', progressing: 'size(status.active) > 0', healthy: 'true' },
  {
    kinds: ['rollouts.kruise.io/Rollout'],
    suspended: any("status.phase == 'Disabled'", "status.phase == 'Progressing' && status.canaryStatus.currentStepState == 'StepPaused'"),
    healthy: "status.phase == 'Healthy'",
  },
  { kinds: ['game.kruise.io/GameServer'], healthy: "status.currentState == status.desiredState && !status.?podStatus.conditions.orValue([]).exists(c, c.status == 'False')" },
  { kinds: ['game.kruise.io/GameServerSet'], suspended: 'spec.updateStrategy.rollingUpdate.paused == true', healthy: 'status.updatedReadyReplicas >= spec.replicas' },
  {
    kinds: kindsOf('work.karmada.io', 'ResourceBinding', 'ClusterResourceBinding'),
    degraded: "status.aggregatedStatus.exists(a, !a.?applied.orValue(false) || a.?health.orValue('') == 'Unhealthy')",
    healthy: yes('FullyApplied'),
  },
];
