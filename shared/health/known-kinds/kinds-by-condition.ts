import type { KnownKind } from './known-kind.ts';
import { any, both, condition, kindsOf, no, noBut, standsFor, yes } from './words.ts';

/** Kinds whose conditions say all. */
export const kindsByCondition: readonly KnownKind[] = [
  {
    kinds: [
      'certmanager.k8s.io/Certificate',
      ...kindsOf('external-secrets.io', 'ExternalSecret', 'ClusterExternalSecret', 'PushSecret', 'SecretStore', 'ClusterSecretStore'),
      ...kindsOf('serving.knative.dev', 'Service', 'Configuration', 'Revision', 'Route', 'DomainMapping'),
      ...kindsOf('operator.knative.dev', 'KnativeEventing', 'KnativeServing'),
      ...kindsOf('karpenter.sh', 'NodePool'),
      ...kindsOf('karpenter.k8s.aws', 'EC2NodeClass'),
      ...kindsOf(
        'rabbitmq.com', 'Binding', 'Exchange', 'Federation', 'Permission', 'Policy', 'Queue', 'Shovel', 'TopicPermission', 'User', 'Vhost',
      ),
      ...kindsOf('promoter.argoproj.io', 'ClusterScmProvider', 'CommitStatus', 'GitRepository', 'PullRequest', 'ScmProvider'),
      'capabilities.3scale.net/Tenant',
      'astra.netapp.io/Application',
      'onepassword.com/OnePasswordItem',
    ],
    ...standsFor('Ready'),
  },
  // A certificate authority of one's own waits for the Secret that a Certificate of the same roll-out makes.
  { kinds: kindsOf('cert-manager.io', 'Issuer', 'ClusterIssuer'), degraded: noBut('Ready', 'ErrGetKeyPair'), healthy: yes('Ready') },
  { kinds: kindsOf('kyverno.io', 'Policy', 'ClusterPolicy'), healthy: yes('Ready') },
  { kinds: kindsOf('coralogix.com', 'Alert', 'RecordingRuleGroupSet'), ...standsFor('RemoteSynced') },
  { kinds: ['bitnami.com/SealedSecret'], ...standsFor('Synced') },
  { kinds: ['gateway.networking.k8s.io/GatewayClass'], ...standsFor('Accepted') },
  { kinds: kindsOf('db.atlasgo.io', 'AtlasMigration', 'AtlasSchema'), degraded: noBut('Ready', 'Reconciling'), healthy: yes('Ready') },
  {
    kinds: ['mariadb.mmontes.io/MariaDB', 'k8s.mariadb.com/MariaDB'],
    degraded: condition('Ready', "c.status == 'False' && c.reason == 'Failed'"),
    healthy: yes('Ready'),
  },
  { kinds: ['k8s.mariadb.com/SqlJob'], degraded: condition('Complete', "c.reason == 'JobFailed'"), healthy: yes('Complete') },
  {
    kinds: ['services.cloud.sap.com/ServiceBinding', 'services.cloud.sap.com/ServiceInstance'],
    degraded: yes('Failed'),
    healthy: yes('Ready'),
  },
  { kinds: ['k8s.keycloak.org/Keycloak'], degraded: yes('HasErrors'), healthy: yes('Ready') },
  {
    kinds: ['openfaas.com/Function'],
    suspended: both(yes('Ready'), 'status.?replicas.orValue(0) == 0'),
    degraded: yes('Stalled'),
    healthy: both(yes('Ready'), yes('Healthy')),
  },
  {
    kinds: ['rabbitmq.com/RabbitmqCluster'],
    degraded: no('ReconcileSuccess'),
    healthy: both(yes('AllReplicasReady'), yes('ClusterAvailable')),
  },
  { kinds: ['datadoghq.com/DatadogMetric'], degraded: yes('Error'), healthy: no('Error') },
  {
    kinds: ['core.spinkube.dev/SpinApp'],
    degraded: condition('Progressing', "c.reason == 'ProgressDeadlineExceeded'"),
    healthy: yes('Available'),
  },
  { kinds: kindsOf('kiali.io', 'Kiali', 'OSSMConsole'), degraded: yes('Failure'), healthy: yes('Successful') },
  { kinds: ['nmstate.io/NodeNetworkConfigurationPolicy'], suspended: yes('Ignored'), degraded: yes('Degraded'), healthy: yes('Available') },
  { kinds: ['policy.open-cluster-management.io/OperatorPolicy'], healthy: yes('Compliant') },
  {
    kinds: ['policy/PodDisruptionBudget'],
    degraded: condition('DisruptionAllowed', "c.status == 'False' && c.reason == 'SyncFailed'"),
    healthy: any('has(status.currentHealthy)', 'has(status.observedGeneration)'),
  },
  {
    kinds: kindsOf(
      'capabilities.3scale.net', 'ActiveDoc', 'Application', 'Backend', 'CustomPolicyDefinition', 'DeveloperAccount', 'DeveloperUser',
      'OpenAPI', 'Product', 'ProxyConfigPromote',
    ),
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
  {
    kinds: ['karpenter.sh/NodeClaim'],
    suspended: yes('Disrupting'),
    degraded: both(yes('Initialized'), no('Ready')),
    healthy: yes('Ready'),
  },
  {
    kinds: kindsOf(
      'kafka.strimzi.io', 'Kafka', 'KafkaBridge', 'KafkaConnect', 'KafkaConnector', 'KafkaMirrorMaker2', 'KafkaTopic', 'KafkaUser',
    ),
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
  {
    kinds: kindsOf('argoproj.io', 'EventBus', 'EventSource', 'Sensor'),
    degraded: "status.conditions.exists(c, c.status == 'False')",
    healthy: yes('Deployed'),
  },
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
];
