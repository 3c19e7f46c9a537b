import type { KnownKind } from './known-kind.ts';
import {
  all,
  any,
  both,
  condition,
  healthyBelow,
  kindsOf,
  no,
  noBut,
  noUnlessSaying,
  oneOf,
  phases,
  yes,
} from './words.ts';

const failsForGood = all(
  "c.type in ['Accepted', 'ResolvedRefs']",
  "c.status == 'False'",
  "c.reason != 'InvalidCertificateRef'",
);

/** Kinds of delivery tools, of controllers for cloud resources, and of the network. */
export const kindsOfTools: readonly KnownKind[] = [
  // Flux: static objects (OCI repositories of Helm, alerts, providers) have no status.
  {
    kinds: ['*.toolkit.fluxcd.io/*'],
    suspended: 'spec.suspend == true',
    degraded: any(yes('Stalled'), noBut('Ready', 'DependencyNotReady', 'SourceNotReady', 'Progressing')),
    healthy: any(yes('Ready'), "spec.type == 'oci'"),
  },
  {
    kinds: kindsOf('notification.toolkit.fluxcd.io', 'Alert', 'Provider'),
    suspended: 'spec.suspend == true',
    degraded: no('Ready'),
    healthy: any('!has(self.status)', yes('Ready')),
  },

  // Crossplane: what is managed says Synced and Ready, what configures it has no status.
  {
    kinds: ['*.crossplane.io/*', '*.upbound.io/*'],
    suspended: condition('Synced', "c.status == 'False' && c.reason == 'ReconcilePaused'"),
    // What it refers to is not there yet, as at every start.
    degraded: any(noUnlessSaying('Synced', 'cannot resolve references'), no('LastAsyncOperation')),
    healthy: any(
      yes('Ready'),
      oneOf('kind', 'ProviderConfig', 'ClusterProviderConfig', 'ProviderConfigUsage', 'StoreConfig'),
    ),
  },
  { kinds: ['apiextensions.crossplane.io/*'], healthy: 'true' },
  { kinds: ['apiextensions.crossplane.io/CompositeResourceDefinition'], healthy: yes('Established') },
  {
    kinds: kindsOf('pkg.crossplane.io', 'Configuration', 'Function', 'Provider'),
    degraded: any(noUnlessSaying('Healthy', 'deployment is unavailable'), noBut('Installed', 'UnpackingPackage')),
    healthy: both(yes('Installed'), yes('Healthy')),
  },
  {
    kinds: kindsOf('pkg.crossplane.io', 'ConfigurationRevision', 'FunctionRevision', 'ProviderRevision'),
    degraded: any(
      noUnlessSaying('RevisionHealthy', 'deployment is unavailable'),
      noUnlessSaying('Healthy', 'deployment is unavailable'),
    ),
    healthy: any(yes('RevisionHealthy'), yes('Healthy')),
  },
  { kinds: ['pkg.crossplane.io/*'], healthy: 'true' },

  // Other controllers of cloud resources.
  { kinds: ['*.services.k8s.aws/*'], degraded: yes('ACK.Terminal'), healthy: yes('ACK.ResourceSynced') },
  {
    kinds: ['*.cnrm.cloud.google.com/*'],
    degraded: condition(
      'Ready',
      `c.status == 'False' && ${oneOf('c.reason', 'UpdateFailed', 'DependencyNotFound', 'DependencyInvalid', 'ManagementConflict', 'DeleteFailed')}`,
    ),
    healthy: yes('Ready'),
  },
  {
    kinds: kindsOf('core.cnrm.cloud.google.com', 'ConfigConnector', 'ConfigConnectorContext'),
    degraded: 'size(status.errors) > 0',
    healthy: 'status.healthy == true',
  },
  {
    kinds: ['networking.gke.io/ManagedCertificate'],
    degraded: "status.domainStatus.exists(d, d.status.startsWith('Failed'))",
    healthy: "status.certificateStatus == 'Active'",
  },
  {
    kinds: ['iammanager.keikoproj.io/Iamrole'],
    ...phases('state', { degraded: ['Error', 'PolicyNotAllowed', 'RoleNameNotAvailable'], healthy: ['Ready'] }),
  },

  // Gateway API: each parent, or ancestor of a policy, says for itself.
  {
    kinds: ['gateway.networking.k8s.io/Gateway'],
    degraded: any(
      no('Accepted'),
      no('ResolvedRefs'),
      // The Secret of a certificate comes when the certificate has been issued, which may need the Gateway.
      `status.listeners.exists(l, l.conditions.exists(c, ${failsForGood}))`,
    ),
    healthy: yes('Programmed'),
  },
  {
    kinds: kindsOf('gateway.networking.k8s.io', 'HTTPRoute', 'GRPCRoute', 'TLSRoute', 'TCPRoute', 'UDPRoute'),
    ...healthyBelow('parents'),
  },
  { kinds: ['gateway.networking.k8s.io/BackendTLSPolicy', 'microgateway.airlock.com/*'], ...healthyBelow('ancestors') },
  {
    kinds: ['route.openshift.io/Route'],
    degraded: "status.ingress.exists(i, i.conditions.exists(c, c.type == 'Admitted' && c.status == 'False'))",
    healthy: "status.ingress.exists(i, i.conditions.exists(c, c.type == 'Admitted' && c.status == 'True'))",
  },
  {
    kinds: ['gateway.solo.io/*', 'gloo.solo.io/*'],
    degraded: any(
      "status.statuses.exists(n, status.statuses[n].state in ['Warning', 'Rejected'])",
      'status.state in [2, 3]',
    ),
    healthy: any("status.statuses.all(n, status.statuses[n].state == 'Accepted')", 'status.state == 1'),
  },
];
