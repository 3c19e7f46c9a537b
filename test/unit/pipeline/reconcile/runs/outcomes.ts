import { expect } from 'vitest';
import { configMap, deployment, environment, list, shop } from './files.ts';
import { unready } from '../world/controllers.ts';
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
    name: 'looks for what only the cluster knows, where reports are configured',
    before: shop([colors, web]),
    meets: (world) => {
      world.surveys = true;
    },
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
    kept: {
      ends: 'suspended',
      remembers: { health: 'Healthy', attempted: 'commit 2', converged: 'commit 1', incident: 'Suspended' },
    },
    lost: { remembers: { health: 'Unknown', converged: 'never' } },
  },
  {
    name: 'waits for nothing any more once it is suspended in its roll-out',
    before: shop([web]),
    async meanwhile(world) {
      world.cluster.statuses.set('Deployment acme/web', unready);
      world.git.add({ 'manifests/shop/all.json': list(deployment('web', { image: 'shop:2' })) });
      expect(await world.run()).toMatchObject({ outcome: 'waiting', goesOn: true });
      world.wait(60);
    },
    commit: shop([deployment('web', { image: 'shop:2' })], ['suspend: true']),
    kept: {
      ends: 'suspended',
      remembers: { health: 'Unknown', attempted: 'commit 3', converged: 'commit 1', incident: 'Suspended' },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'goes on with its roll-out once it is suspended no more',
    before: shop([web]),
    async meanwhile(world) {
      world.cluster.statuses.set('Deployment acme/web', unready);
      world.git.add({ 'manifests/shop/all.json': list(deployment('web', { image: 'shop:2' })) });
      expect(await world.run()).toMatchObject({ outcome: 'waiting', goesOn: true });
      world.git.add(shop([deployment('web', { image: 'shop:2' })], ['suspend: true']));
      expect(await world.run()).toEqual({ outcome: 'suspended' });
      world.wait(60);
    },
    commit: shop([deployment('web', { image: 'shop:2' })]),
    kept: {
      ends: 'waiting, goes on',
      says: 'waits for Deployment acme/web: 0 of 1 updated pods are available',
      writes: [],
      alerts: ['reconcile master/shop, request'],
      remembers: {
        health: 'Progressing',
        attempted: 'commit 4',
        converged: 'commit 1',
        waiting: 'waits for Deployment acme/web: 0 of 1 updated pods are available',
        rollout: 'under way',
      },
    },
    lost: { writes: ['fence Deployment acme/web'], remembers: { converged: 'never' } },
  },
  {
    name: 'tries nothing again once it is suspended after a failure',
    before: shop([colors]),
    async meanwhile(world) {
      const refused = 'apply ConfigMap acme/colors';
      world.cluster.refusals.set(refused, { status: 403, message: 'is forbidden' });
      world.git.add({ 'manifests/shop/all.json': list(configMap('colors', { color: 'blue' })) });
      expect(await world.run()).toMatchObject({ outcome: 'diverged', reason: 'Failed' });
      world.wait(60);
    },
    commit: shop([configMap('colors', { color: 'blue' })], ['suspend: true']),
    kept: {
      ends: 'suspended',
      remembers: { health: 'Unknown', attempted: 'commit 3', converged: 'commit 1', incident: 'Failed' },
    },
    lost: { remembers: { converged: 'never' } },
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
    lost: {},
  },
];
