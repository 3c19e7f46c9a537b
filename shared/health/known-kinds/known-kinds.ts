import { kindsByCondition } from './kinds-by-condition.ts';
import { kindsByPhase } from './kinds-by-phase.ts';
import { kindsOfMachines } from './kinds-of-machines.ts';
import { kindsOfTools } from './kinds-of-tools.ts';
import type { KnownKind } from './known-kind.ts';

/**
 * The table. The verdicts are those of Argo CD's rules for these kinds
 * (https://github.com/argoproj/argo-cd/tree/master/resource_customizations), the fields those of the kinds' own
 * documentation. What a healthy start passes through, such as pods that are not ready yet, is progressing here even
 * where Argo CD calls it degraded, since a degraded object fails its roll-out.
 */
export const knownKinds: readonly KnownKind[] = [
  ...kindsByCondition,
  ...kindsOfTools,
  ...kindsByPhase,
  ...kindsOfMachines,
];
