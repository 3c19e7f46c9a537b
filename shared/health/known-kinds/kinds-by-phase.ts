import type { KnownKind } from './known-kind.ts';
import { all, any, condition, kindsOf, phases, yes } from './words.ts';

/** Kinds that say how they are by a word. */
export const kindsByPhase: readonly KnownKind[] = [
  {
    kinds: ['acid.zalan.do/postgresql'],
    ...phases('PostgresClusterStatus', {
      degraded: ['CreateFailed', 'UpdateFailed', 'SyncFailed', 'Invalid'],
      healthy: ['Running'],
    }),
  },
  {
    kinds: kindsOf('ceph.rook.io', 'CephBlockPool', 'CephFilesystem', 'CephObjectStore', 'CephObjectStoreUser'),
    ...phases('phase', { degraded: ['Failure', 'ReconcileFailed'], healthy: ['Ready'] }),
  },
  {
    kinds: [
      'clickhouse.altinity.com/ClickHouseInstallation',
      'clickhouse-keeper.altinity.com/ClickHouseKeeperInstallation',
    ],
    ...phases('status', { degraded: ['Failed', 'Aborted'], healthy: ['Completed'] }),
  },
  { kinds: ['objectbucket.io/ObjectBucketClaim'], ...phases('phase', { degraded: ['Failed'], healthy: ['Bound'] }) },
  { kinds: ['core.humio.com/*'], ...phases('state', { degraded: ['ConfigError'], healthy: ['Exists', 'Running'] }) },
  { kinds: ['astra.netapp.io/AppVault'], ...phases('state', { degraded: ['failed'], healthy: ['available'] }) },
  {
    kinds: kindsOf('astra.netapp.io', 'Backup', 'ExecHooksRun', 'ResourceBackup', 'ResticVolumeBackup', 'Snapshot'),
    ...phases('state', { degraded: ['Failed', 'Error'], healthy: ['Completed'] }),
  },
  { kinds: ['astra.netapp.io/ExecHook'], suspended: 'spec.enabled == false', healthy: 'spec.enabled == true' },
  {
    kinds: kindsOf(
      'lifecycle.keptn.sh',
      'KeptnAppVersion',
      'KeptnTask',
      'KeptnWorkloadInstance',
      'KeptnWorkloadVersion',
    ),
    ...phases('status', { degraded: ['Failed'], healthy: ['Succeeded'] }),
  },
  { kinds: ['metrics.keptn.sh/KeptnMetric'], degraded: "status.errMsg != ''", healthy: "status.value != ''" },
  {
    kinds: ['trident.netapp.io/TridentOrchestrator'],
    ...phases('status', { degraded: ['Error', 'Failed'], healthy: ['Installed'] }),
  },
  {
    kinds: ['psmdb.percona.com/PerconaServerMongoDB', 'pxc.percona.com/PerconaXtraDBCluster'],
    ...phases('state', { suspended: ['paused'], degraded: ['error'], healthy: ['ready'] }),
  },
  {
    kinds: ['spot.io/SpotDeployment'],
    ...phases('phase', { suspended: ['Paused'], degraded: ['Degraded'], healthy: ['Healthy'] }),
  },
  {
    kinds: ['tower.ansible.com/AnsibleJob'],
    ...phases('ansibleJobResult.status', { degraded: ['failed', 'error', 'canceled'], healthy: ['successful'] }),
  },
  { kinds: ['camel.apache.org/Integration'], ...phases('phase', { degraded: ['Error'], healthy: ['Running'] }) },
  {
    kinds: kindsOf(
      'operator.victoriametrics.com',
      'VMAgent',
      'VMAlert',
      'VMAlertmanager',
      'VMAuth',
      'VMCluster',
      'VMSingle',
    ),
    ...phases('updateStatus', { suspended: ['paused'], degraded: ['failed'], healthy: ['operational'] }),
  },
  {
    kinds: kindsOf(
      'platform.confluent.io',
      'Connect',
      'ControlCenter',
      'Kafka',
      'KRaftController',
      'KsqlDB',
      'SchemaRegistry',
      'Zookeeper',
    ),
    healthy: "status.phase == 'RUNNING'",
  },
  {
    kinds: ['platform.confluent.io/Connector'],
    ...phases('state', { degraded: ['ERROR', 'FAILED'], healthy: ['CREATED'] }),
  },
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
  {
    kinds: ['kafka.banzaicloud.io/KafkaCluster'],
    healthy: all(
      "status.state == 'ClusterRunning'",
      "status.cruiseControlTopicStatus == 'CruiseControlTopicReady'",
      "status.brokersState.all(b, status.brokersState[b].configurationState == 'ConfigInSync')",
    ),
  },
  {
    kinds: ['elasticsearch.k8s.elastic.co/Elasticsearch'],
    degraded: "status.health == 'red' && status.phase == 'Ready' || status.phase == 'Invalid'",
    healthy: "status.health == 'green' && status.phase == 'Ready'",
  },
  // Red until the first of their pods is ready.
  {
    kinds: [
      'kibana.k8s.elastic.co/Kibana',
      'apm.k8s.elastic.co/ApmServer',
      'beat.k8s.elastic.co/Beat',
      'agent.k8s.elastic.co/Agent',
      'logstash.k8s.elastic.co/Logstash',
    ],
    healthy: "status.health == 'green'",
  },
  {
    kinds: ['grafana.integreatly.org/Grafana'],
    degraded: "status.stageStatus == 'failed'",
    healthy: "status.stage == 'complete' && status.stageStatus == 'success'",
  },
  {
    kinds: kindsOf('grafana.integreatly.org', 'GrafanaDashboard', 'GrafanaDatasource', 'GrafanaFolder'),
    degraded: any('status.NoMatchingInstances == true', yes('NoMatchingInstance')),
    healthy: any(
      "status.conditions.exists(c, c.type.endsWith('Synchronized') && c.status == 'True')",
      'has(status.lastResync)',
    ),
  },
  {
    kinds: ['operators.coreos.com/Subscription'],
    degraded: any(
      yes('CatalogSourcesUnhealthy'),
      yes('ResolutionFailed'),
      yes('InstallPlanFailed'),
      yes('BundleUnpackFailed'),
    ),
    healthy: 'has(status.installedCSV)',
  },
  {
    kinds: ['postgresql.cnpg.io/Cluster'],
    suspended: yes('cnpg.io/hibernation'),
    degraded: "status.phase.contains('unrecoverable') || status.phase.startsWith('Unable to')",
    healthy: yes('Ready'),
  },
  {
    kinds: kindsOf('numaflow.numaproj.io', 'InterStepBufferService', 'MonoVertex', 'Pipeline', 'Vertex'),
    degraded: "status.phase == 'Failed'",
    healthy: all("status.phase in ['Running', 'Paused']", "!status.conditions.exists(c, c.status == 'False')"),
  },
  {
    kinds: ['numaplane.numaproj.io/*'],
    degraded: any(
      "status.phase == 'Failed'",
      condition('ChildResourcesHealthy', "c.status == 'False' && c.reason.endsWith('Failed')"),
    ),
    healthy: all(
      "status.phase == 'Deployed'",
      "!status.conditions.exists(c, c.type == 'ChildResourcesHealthy' && c.status != 'True')",
    ),
  },
];
