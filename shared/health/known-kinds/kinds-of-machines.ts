import type { KnownKind } from './known-kind.ts';
import { any, both, condition, kindsOf, phases, yes } from './words.ts';

/** Kinds of machines, volumes and workloads. */
export const kindsOfMachines: readonly KnownKind[] = [
  {
    kinds: ['cluster.x-k8s.io/Cluster'],
    suspended: 'spec.paused == true',
    degraded: any("status.phase == 'Failed'", condition('Ready', "c.status == 'False' && c.severity == 'Error'")),
    healthy: both("status.phase == 'Provisioned'", yes('Ready')),
  },
  {
    kinds: kindsOf('cluster.x-k8s.io', 'MachineDeployment', 'MachinePool', 'MachineSet'),
    suspended: 'spec.paused == true',
    degraded: "status.phase == 'Failed'",
    healthy: "status.phase == 'Running'",
  },
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
  {
    kinds: ['kubevirt.io/VirtualMachine'],
    suspended: "status.printableStatus in ['Stopped', 'Paused']",
    healthy: yes('Ready'),
  },
  {
    kinds: ['kubevirt.io/VirtualMachineInstance'],
    suspended: "status.phase == 'Succeeded'",
    degraded: "status.phase == 'Failed'",
    healthy: yes('Ready'),
  },
  {
    kinds: ['snapshot.storage.k8s.io/VolumeSnapshot'],
    degraded: 'has(status.error)',
    healthy: 'status.readyToUse == true',
  },
  {
    kinds: ['cassandra.rook.io/Cluster'],
    healthy: 'status.racks.all(r, status.racks[r].readyMembers >= status.racks[r].members)',
  },
  {
    kinds: ['solr.apache.org/SolrCloud'],
    healthy: 'status.readyReplicas >= status.replicas && status.upToDateNodes >= status.replicas',
  },
  {
    kinds: ['opentelemetry.io/OpenTelemetryCollector'],
    healthy: any(
      '!has(status.scale)',
      '!has(status.scale.statusReplicas)',
      "status.scale.statusReplicas == string(status.scale.replicas) + '/' + string(status.scale.replicas)",
    ),
  },
  {
    kinds: ['apps.kruise.io/CloneSet'],
    suspended: 'spec.updateStrategy.paused == true',
    healthy: 'status.updatedAvailableReplicas >= status.?expectedUpdatedReplicas.orValue(status.replicas)',
  },
  {
    kinds: ['apps.kruise.io/DaemonSet'],
    suspended: 'spec.updateStrategy.rollingUpdate.paused == true',
    healthy:
      'status.updatedNumberScheduled >= status.desiredNumberScheduled && status.numberAvailable >= status.desiredNumberScheduled',
  },
  {
    kinds: ['apps.kruise.io/BroadcastJob'],
    ...phases('phase', { suspended: ['paused'], degraded: ['failed'], healthy: ['completed'] }),
  },
  {
    kinds: ['apps.kruise.io/AdvancedCronJob'],
    suspended: 'spec.paused == true',
    progressing: 'size(status.active) > 0',
    healthy: 'true',
  },
  {
    kinds: ['rollouts.kruise.io/Rollout'],
    suspended: any(
      "status.phase == 'Disabled'",
      "status.phase == 'Progressing' && status.canaryStatus.currentStepState == 'StepPaused'",
    ),
    healthy: "status.phase == 'Healthy'",
  },
  {
    kinds: ['game.kruise.io/GameServer'],
    healthy:
      "status.currentState == status.desiredState && !status.?podStatus.conditions.orValue([]).exists(c, c.status == 'False')",
  },
  {
    kinds: ['game.kruise.io/GameServerSet'],
    suspended: 'spec.updateStrategy.rollingUpdate.paused == true',
    healthy: 'status.updatedReadyReplicas >= spec.replicas',
  },
  {
    kinds: kindsOf('work.karmada.io', 'ResourceBinding', 'ClusterResourceBinding'),
    degraded: "status.aggregatedStatus.exists(a, !a.?applied.orValue(false) || a.?health.orValue('') == 'Unhealthy')",
    healthy: yes('FullyApplied'),
  },
];
