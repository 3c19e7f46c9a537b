import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { assessHealth } from '../../shared/health/assess-health.ts';
import type { HealthState } from '../../shared/health/health.ts';
import type { KubernetesObject } from '../../shared/objects/kubernetes-object.ts';

/**
 * Verdicts that other projects give about the same objects. The folder that `CONVERGE_CONFORMANCE` names holds
 * `health.json`: a list of objects, each with the peer it comes from and that peer's verdict in the peer's own words.
 */
const folder = process.env['CONVERGE_CONFORMANCE'];

function isKubernetesObject(value: unknown): boolean {
  return z.object({ apiVersion: z.string(), kind: z.string(), metadata: z.looseObject({}) }).safeParse(value).success;
}

const caseSchema = z.object({
  name: z.string(),
  peer: z.enum(['argo-cd built-in', 'argo-cd lua', 'kstatus', 'kapp', 'pipecd']),
  expected: z.string().nullable(),
  consensus: z.enum(['ok', 'wait', 'bad']).nullish(),
  /** Some of the objects are excerpts, without metadata. */
  object: z.preprocess(
    (value) => (typeof value === 'object' ? { metadata: {}, ...value } : value),
    z.custom<KubernetesObject>(isKubernetesObject),
  ),
});
type Case = z.infer<typeof caseSchema>;

/** The peers' words in ours; a word that is ours already stands for itself. */
const translations: Readonly<Record<string, readonly HealthState[]>> = {
  Healthy: ['Healthy'],
  Progressing: ['Progressing'],
  Degraded: ['Degraded'],
  Suspended: ['Suspended'],
  Missing: ['Missing'],
  Unknown: ['Unknown'],
  Current: ['Healthy'],
  InProgress: ['Progressing'],
  Terminating: ['Progressing'],
  Failed: ['Degraded'],
  NotFound: ['Missing'],
  Done: ['Healthy'],
  Ongoing: ['Progressing'],
  Unhealthy: ['Degraded', 'Progressing'],
};
const consensusStates = { ok: 'Healthy', wait: 'Progressing', bad: 'Degraded' } as const;

const readCases = (root: string): readonly Case[] =>
  z.array(caseSchema).parse(JSON.parse(readFileSync(join(root, 'health.json'), 'utf8')));
const cases = folder === undefined ? [] : readCases(folder).filter(({ expected }) => expected !== null);

function agrees({ object, expected }: Case): boolean {
  return translations[expected ?? '']?.includes(assessHealth(object).state) ?? false;
}

/** Cases of Argo CD's rules for the kinds of others in which we mean to say something else, by the reason. */
const exceptions: Readonly<Record<string, readonly string[]>> = {
  'a healthy start passes through it, and a degraded object would fail its roll-out': [
    'apps.3scale.net/APIManager/degraded.yaml',
    'apps.kruise.io/CloneSet/degraded.yaml',
    'apps.kruise.io/DaemonSet/degraded.yaml',
    'beat.k8s.elastic.co/Beat/ready_red.yaml',
    'cluster.x-k8s.io/MachineHealthCheck/degraded_expectedMachines.yaml',
    '_.cnrm.cloud.google.com/_/config-connector-unhealthy.yaml',
    '_.cnrm.cloud.google.com/_/config-connector-context-unhealthy.yaml',
    'core.gardener.cloud/Shoot/degraded.yaml',
    'game.kruise.io/GameServer/degraded.yaml',
    'kafka.banzaicloud.io/KafkaCluster/degraded.yaml',
    'logstash.k8s.elastic.co/Logstash/red.yaml',
    'monitoring.coreos.com/Prometheus/degraded.yaml',
    'numaflow.numaproj.io/InterStepBufferService/degraded.yaml',
    'numaflow.numaproj.io/Vertex/degraded.yaml',
    'opentelemetry.io/OpenTelemetryCollector/degraded.yaml',
    'pkg.crossplane.io/Provider/degraded_healthy.yaml',
    '_.crossplane.io/_/provider_degraded.yaml',
    'policy.open-cluster-management.io/OperatorPolicy/degraded.yaml',
    'postgresql.cnpg.io/Cluster/cluster_degraded.yaml',
    'pxc.percona.com/PerconaXtraDBCluster/stopping.yaml',
  ],
  'nothing is wrong: it has not run yet, is scheduled for later, or is switched off or paused on purpose': [
    'apps.kruise.io/AdvancedCronJob/notScheduled.yaml',
    'k8s.mariadb.com/Backup/failed.yaml',
    'pxc.percona.com/PerconaXtraDBCluster/paused.yaml',
    'rollouts.kruise.io/Rollout/degraded.yaml',
  ],
  'it waits for others: suspended would count as settled, as what is paused on purpose does': [
    '_.cnrm.cloud.google.com/_/dependency_not_ready.yaml',
    ...['Gateway', 'RouteOption', 'VirtualHostOption'].map((kind) => `gateway.solo.io/${kind}/gloo-pending.yaml`),
    ...['Proxy', 'Settings', 'UpstreamGroup'].map((kind) => `gloo.solo.io/${kind}/gloo-pending.yaml`),
  ],
  'its controller does not know yet, or has not made the thing yet; unknown and missing mean that Converge cannot tell':
    [
      'beat.k8s.elastic.co/Beat/unknown.yaml',
      'core.gardener.cloud/Shoot/unknown.yaml',
      ...['Action', 'Alert', 'IngestToken', 'Repository', 'View'].flatMap((kind) => [
        `core.humio.com/Humio${kind}/notfound.yaml`,
        `core.humio.com/Humio${kind}/unknown.yaml`,
      ]),
      'core.humio.com/HumioCluster/unknown.yaml',
      'elasticsearch.k8s.elastic.co/Elasticsearch/unknown.yaml',
      'game.kruise.io/GameServer/unknown.yaml',
      'psmdb.percona.com/PerconaServerMongoDB/unknown.yaml',
      ...['Binding', 'Exchange', 'Permission', 'Policy', 'Queue', 'User', 'Vhost'].map(
        (kind) => `rabbitmq.com/${kind}/unknown.yaml`,
      ),
    ],
  'it is being deleted, which is progressing for every kind': [
    'astra.netapp.io/ResticVolumeBackup/degraded.yaml',
    'kafka.strimzi.io/KafkaBridge/degraded.yaml',
    'kafka.strimzi.io/KafkaBridge/healthy.yaml',
    'kafka.strimzi.io/KafkaConnector/degraded.yaml',
    'kafka.strimzi.io/KafkaConnector/healthy.yaml',
    'kubevirt.io/VirtualMachineInstance/suspended_succeeded.yaml',
  ],
  'its status is older than its specification': [
    'rabbitmq.com/Exchange/degraded.yaml',
    'rabbitmq.com/Exchange/healthy.yaml',
  ],
  'a status that the kind does not document (a condition that is neither True, False nor Unknown; ancestors without the condition asked for)':
    [
      'microgateway.airlock.com/_/degraded_multiple_ancestors.yaml',
      'microgateway.airlock.com/_/unknown.yaml',
      'operator.knative.dev/KnativeEventing/degraded.yaml',
      'operator.knative.dev/KnativeServing/degraded.yaml',
    ],
  'NewReplicaSetAvailable ends the roll-out of a Deployment, which the condition is copied from': [
    'core.spinkube.dev/SpinApp/progressing.yaml',
  ],
  'no row for it: nothing but one empty object shows what its status looks like': [
    'grafana-org-operator.kubitus-project.gitlab.io/_/empty.yaml',
  ],
};
const aimOfCustomKinds = 0.8;

/** `argo-cd lua keda.sh/ScaledObject`: peer and kind of a case. */
function kindOf({ peer, object }: Case): string {
  return `${peer} ${object.apiVersion.replace(/\/?[^/]*$/, '') || 'core'}/${object.kind}`;
}

function sharesBy(name: (of: Case) => string): string[] {
  const groups = Map.groupBy(cases, name);
  return [...groups].map(([title, of]) => `${title}: ${of.filter(agrees).length} of ${of.length} agree`).toSorted();
}

describe.skipIf(folder === undefined)('health, judged beside other projects', () => {
  it.for(cases.filter(({ peer }) => peer === 'argo-cd built-in'))('agrees with Argo CD on $name', (built) => {
    expect(assessHealth(built.object).state).toBe(built.expected);
  });

  it.for(cases.filter(({ consensus }) => consensus))(
    'agrees with every peer on $name ($peer)',
    ({ object, consensus }) => {
      expect(assessHealth(object).state).toBe(consensus && consensusStates[consensus]);
    },
  );

  it('agrees with four fifths of the cases of custom kinds, and with all but those it has a reason for', () => {
    const custom = cases.filter(({ peer }) => peer === 'argo-cd lua');
    const others = custom.filter((of) => !agrees(of)).map(({ name }) => name);
    expect(others.toSorted()).toEqual(Object.values(exceptions).flat().toSorted());
    expect(1 - others.length / custom.length).toBeGreaterThanOrEqual(aimOfCustomKinds);
  });

  it('shows how many verdicts it shares, by peer and by kind', () => {
    const byPeer = sharesBy(({ peer }) => peer);
    console.log([...sharesBy(kindOf), ...byPeer].join('\n'));
    expect(byPeer).toHaveLength(5);
  });

  it('gives a message of one line for every case', () => {
    for (const { name, object } of cases) expect(assessHealth(object).message, name).toMatch(/^\S(.*\S)?$/);
  });
});
