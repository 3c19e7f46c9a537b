import { configMap, deployment, environment, list, shop } from './files.ts';
import type { Row } from './row.ts';

const colors = configMap('colors');
const web = deployment('web');

/** How a run ends that does all that it was asked to, or nothing. */
export const outcomes: readonly Row[] = [
  {
    name: 'makes everything in an empty cluster',
    commit: shop([colors, web]),
    lost: {
      ends: 'converged',
      writes: [
        'apply Namespace acme',
        'apply the inventory',
        'apply ConfigMap acme/colors',
        'apply Deployment acme/web',
        'apply the inventory',
      ],
      alerts: ['converged: 2 created'],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
  },
  {
    name: 'leaves alone what is as it converged',
    before: shop([colors, web]),
    kept: { ends: 'unchanged', remembers: { health: 'Healthy', attempted: 'commit 1' } },
    lost: { ends: 'converged', alerts: ['converged: 2 unchanged'] },
  },
  {
    name: 'applies what a commit adds, changes and removes',
    before: shop([colors, web, configMap('old')]),
    commit: { 'manifests/shop/all.json': list(configMap('colors', { color: 'blue' }), web, configMap('new')) },
    kept: {
      ends: 'converged',
      writes: [
        'apply the inventory',
        'apply ConfigMap acme/colors',
        'apply ConfigMap acme/new',
        'delete ConfigMap acme/old',
        'apply the inventory',
      ],
      alerts: ['converged: 1 created, 1 configured, 1 unchanged, 1 pruned'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {},
  },
  {
    name: 'does nothing while it is suspended',
    before: shop([colors]),
    commit: shop([configMap('colors', { color: 'blue' })], ['suspend: true']),
    kept: { ends: 'suspended', remembers: { health: 'Healthy', attempted: 'commit 2', converged: 'commit 1' } },
    lost: { remembers: { health: 'Unknown', converged: 'never' } },
  },
  { name: 'finds nothing in an empty repository', lost: { ends: 'absent', remembers: null } },
  {
    name: 'finds no environment of its name',
    commit: { 'environments/other.yaml': environment('other') },
    lost: { ends: 'absent', remembers: null },
  },
  {
    name: 'releases what it owns when its file is removed',
    before: shop([colors]),
    commit: { 'environments/shop.yaml': null },
    kept: {
      ends: 'removed',
      writes: ['release ConfigMap acme/colors', 'delete the inventory'],
      alerts: ['converged: 1 released'],
      remembers: null,
    },
    lost: { ends: 'absent', writes: [], alerts: [] },
  },
];
