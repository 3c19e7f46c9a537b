import { expect } from 'vitest';
import { freezeSchema } from '../../../../../shared/config/freeze.ts';
import type { World } from '../world/world.ts';
import { readied, unready } from '../world/controllers.ts';
import { configMap, deployment, environment, hookJob, list, shop } from './files.ts';
import type { Row } from './row.ts';

const colors = configMap('colors');
const blue = configMap('colors', { color: 'blue' });
const web = (image: string) => deployment('web', { image });

/** It begins when the environment has converged, at 01:01, and lasts for half an hour. */
const night = ['freeze: [{ name: night, cron: "1 1 * * *", length: 30m, reason: books }]'];
const ofOperator =
  (more: Readonly<Record<string, unknown>> = {}) =>
  (world: World): void => {
    world.freeze = freezeSchema.parse([{ name: 'year-end', cron: '1 1 * * *', length: '30m', ...more }]);
  };
const paint = ({ cluster }: World): void =>
  cluster.edit('ConfigMap acme/colors', 'rogue', (object) => ({ ...object, data: { color: 'green' } }));
const inventory = 'ConfigMap acme/converge-shop';
const until = '2026-11-21T01:31:00.000Z';
const untilThen = `frozen until ${until} by night (books)`;
const isLost = { health: 'Unknown', converged: 'never' };

/** What a run leaves for the end of a freeze, and what it tells. */
export const freezes: readonly Row[] = [
  {
    name: 'leaves what a commit changes, adds and removes, in a window of its file',
    before: shop([colors, configMap('old')], night),
    commit: { 'manifests/shop/all.json': list(blue, configMap('new'), hookJob('before', 'pre-upgrade')) },
    kept: {
      ends: 'frozen',
      says: `${untilThen}; commit 2 waits`,
      remembers: { health: 'Healthy', attempted: 'commit 2', converged: 'commit 1', frozen: 'commit 2' },
    },
    lost: { remembers: isLost },
  },
  {
    name: 'leaves what a commit changes, in a window of the operator',
    before: shop([colors]),
    commit: { 'manifests/shop/all.json': list(blue) },
    meets: ofOperator({ classes: ['mas*'], environments: ['shop'] }),
    kept: {
      ends: 'frozen',
      says: `frozen until ${until} by year-end; commit 2 waits`,
      remembers: { health: 'Healthy', attempted: 'commit 2', converged: 'commit 1', frozen: 'commit 2' },
    },
    lost: { remembers: isLost },
  },
  {
    name: 'goes on in a window of other environments',
    before: shop([colors]),
    commit: { 'manifests/shop/all.json': list(blue) },
    meets: ofOperator({ labels: { tier: 'gold' } }),
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'apply ConfigMap acme/colors', 'apply the inventory'],
      alerts: ['converged: 1 configured'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {},
  },
  {
    name: 'makes nothing of an environment that is new',
    commit: shop([colors], ['freeze: [{ name: night, cron: "0 1 * * *", length: 30m }]']),
    lost: {
      ends: 'frozen',
      says: 'frozen until 2026-11-21T01:30:00.000Z by night; commit 1 waits',
      remembers: { health: 'Unknown', attempted: 'commit 1', converged: 'never', frozen: 'commit 1' },
    },
  },
  {
    name: 'goes on by itself at the end',
    before: shop([colors], night),
    commit: { 'manifests/shop/all.json': list(blue) },
    async meets(world) {
      expect(await world.run()).toMatchObject({ outcome: 'frozen' });
      world.wait(30 * 60);
    },
    job: { cause: 'schedule' },
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'apply ConfigMap acme/colors', 'apply the inventory'],
      alerts: ['converged: 1 configured'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {},
  },
  {
    name: 'is as it converged, and nothing waits',
    before: shop([colors], night),
    kept: { ends: 'unchanged', remembers: { health: 'Healthy', attempted: 'commit 1', frozen: 'nothing waits' } },
    lost: {
      ends: 'frozen',
      says: `${untilThen}; commit 1 waits`,
      remembers: { ...isLost, frozen: 'commit 1' },
    },
  },
  {
    name: 'tells what somebody changed, and heals nothing',
    before: shop([colors], [...night, 'diffAfter: 0s']),
    meanwhile: paint,
    kept: {
      ends: 'diverged Drifted',
      says: 'ConfigMap acme/colors: color differs',
      alerts: ['diff Drifted, modified ConfigMap acme/colors'],
      remembers: { health: 'Healthy', attempted: 'commit 1', incident: 'Drifted', frozen: 'nothing waits' },
    },
    lost: { remembers: { ...isLost, frozen: 'commit 1' } },
  },
  {
    name: 'tells what somebody changed where a commit waits',
    before: shop([colors, configMap('more')], [...night, 'diffAfter: 0s']),
    meanwhile: paint,
    commit: { 'manifests/shop/all.json': list(colors, configMap('more', { color: 'blue' })) },
    kept: {
      ends: 'diverged Drifted',
      says: 'ConfigMap acme/colors: color differs',
      alerts: ['diff Drifted, modified ConfigMap acme/colors'],
      remembers: {
        ...{ health: 'Healthy', attempted: 'commit 2', converged: 'commit 1' },
        ...{ incident: 'Drifted', frozen: 'commit 2' },
      },
    },
  },
  {
    name: 'leaves an inventory that somebody wrote over',
    before: shop([colors], night),
    meanwhile: ({ cluster }) =>
      cluster.edit(inventory, 'rogue', (object) => ({
        ...object,
        metadata: {
          ...object.metadata,
          annotations: {
            ...object.metadata.annotations,
            'applyset.kubernetes.io/contains-group-kinds': 'ConfigMap,Secret',
          },
        },
      })),
    kept: { ends: 'unchanged', remembers: { health: 'Healthy', attempted: 'commit 1', frozen: 'nothing waits' } },
  },
  {
    name: 'tells a commit that cannot be rendered',
    before: shop([colors], night),
    commit: { 'manifests/shop/all.json': null },
    kept: {
      ends: 'diverged Failed',
      says: 'environments/shop.yaml: names what the repository does not hold: manifests/shop (upload it, or correct spec.sources)',
      alerts: ['diff Failed'],
      remembers: {
        ...{ health: 'Unknown', attempted: 'commit 2', converged: 'commit 1' },
        ...{ incident: 'Failed', failed: 1, frozen: 'commit 2' },
      },
    },
  },
  {
    name: 'brings a roll-out to its end that began before',
    before: shop(
      [deployment('web', { uses: 'old' }), configMap('old')],
      ['freeze: [{ name: night, cron: "2 1 * * *", length: 30m }]'],
    ),
    async meanwhile(world) {
      world.cluster.statuses.set('Deployment acme/web', unready);
      world.git.add({ 'manifests/shop/all.json': list(web('shop:2'), hookJob('after', 'post-upgrade')) });
      expect(await world.run()).toMatchObject({ outcome: 'waiting', goesOn: true });
      world.wait(60);
      world.cluster.breakDown('Deployment acme/web', readied);
    },
    kept: {
      ends: 'converged',
      writes: ['delete ConfigMap acme/old', 'apply the inventory'],
      alerts: ['converged: 1 created, 1 configured, 1 pruned'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
  },
  {
    name: 'leaves a roll-out that began before to a newer commit, which waits',
    before: shop([web('shop:1')], ['freeze: [{ name: night, cron: "2 1 * * *", length: 30m }]']),
    async meanwhile(world) {
      world.cluster.statuses.set('Deployment acme/web', unready);
      world.git.add({ 'manifests/shop/all.json': list(web('shop:2')) });
      expect(await world.run()).toMatchObject({ outcome: 'waiting', goesOn: true });
      world.wait(60);
    },
    commit: { 'manifests/shop/all.json': list(web('shop:3')) },
    kept: {
      ends: 'frozen',
      says: 'frozen until 2026-11-21T01:32:00.000Z by night; commit 3 waits',
      remembers: { health: 'Unknown', attempted: 'commit 3', converged: 'commit 1', frozen: 'commit 3' },
    },
  },
  {
    name: 'rolls nothing back that failed in it',
    before: shop(
      [web('shop:1')],
      ['rollback: { onFailure: revert }', 'timeout: 40s', 'freeze: [{ name: night, cron: "2 1 * * *", length: 30m }]'],
    ),
    async meanwhile(world) {
      world.cluster.statuses.set('Deployment acme/web', unready);
      world.git.add({ 'manifests/shop/all.json': list(web('shop:bad')) });
      expect(await world.run()).toMatchObject({ outcome: 'waiting', goesOn: true });
      world.wait(60);
    },
    kept: {
      ends: 'diverged Unhealthy',
      says: 'Deployment acme/web: 0 of 1 updated pods are available; not rolled back before 2026-11-21T01:32:00.000Z: frozen by night',
      alerts: ['diff Unhealthy, unhealthy Deployment acme/web'],
      remembers: {
        ...{ health: 'Degraded', attempted: 'commit 2', converged: 'commit 1' },
        ...{ incident: 'Unhealthy', rollout: 'over' },
      },
    },
  },
  {
    name: 'rolls back what failed in it, and still does, once it is over',
    before: shop(
      [web('shop:1')],
      ['rollback: { onFailure: revert }', 'timeout: 40s', 'freeze: [{ name: night, cron: "2 1 * * *", length: 30m }]'],
    ),
    async meanwhile(world) {
      world.cluster.statuses.set('Deployment acme/web', unready);
      world.git.add({ 'manifests/shop/all.json': list(web('shop:bad')) });
      expect(await world.run()).toMatchObject({ outcome: 'waiting', goesOn: true });
      world.wait(60);
      expect(await world.run()).toMatchObject({ outcome: 'diverged', reason: 'Unhealthy' });
      expect(await world.run({ cause: 'schedule' })).toMatchObject({ outcome: 'frozen' });
      world.wait(30 * 60);
      expect(await world.run({ cause: 'schedule' })).toMatchObject({ outcome: 'waiting' });
      world.wait(60);
    },
    kept: {
      ends: 'diverged Unhealthy',
      says: 'Deployment acme/web: 0 of 1 updated pods are available',
      alerts: [
        'change-committed',
        'diff Unhealthy, unhealthy Deployment acme/web, rolled back to commit 1 by commit 3',
      ],
      remembers: {
        ...{ health: 'Degraded', attempted: 'commit 2', converged: 'commit 1' },
        ...{ incident: 'Unhealthy', quarantine: 'commit 3', rollout: 'over' },
      },
    },
  },
  {
    name: 'keeps what another environment would take',
    commit: {
      ...shop([colors]),
      'environments/blog.yaml': environment('blog', night),
      'manifests/blog/all.json': list(configMap('words')),
    },
    async meanwhile(world) {
      world.git.add({ 'environments/blog.yaml': environment('blog'), 'manifests/blog/all.json': list(colors) });
      expect(await world.run({ environment: 'blog' })).toMatchObject({ outcome: 'converged' });
      world.wait(60);
    },
    lost: {
      ends: 'diverged Failed',
      says: `ConfigMap acme/colors: is owned by environment master/blog, which is frozen until ${until} and keeps what it owns`,
      writes: ['apply the inventory'],
      alerts: ['diff Failed, failed ConfigMap acme/colors'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'never', incident: 'Failed', failed: 1 },
    },
  },
  {
    name: 'keeps what another environment would take, also where its own file is removed',
    commit: { ...shop([colors]), 'environments/blog.yaml': null },
    async meanwhile(world) {
      world.git.add({ 'environments/blog.yaml': environment('blog'), 'manifests/blog/all.json': list(colors) });
      expect(await world.run({ environment: 'blog' })).toMatchObject({ outcome: 'converged' });
      world.wait(60);
    },
    async meets(world) {
      ofOperator({ environments: ['blog'] })(world);
      expect(await world.run({ environment: 'blog' })).toMatchObject({ outcome: 'frozen' });
    },
    lost: {
      ends: 'diverged Failed',
      says: `ConfigMap acme/colors: is owned by environment master/blog, which is frozen until ${until} and keeps what it owns`,
      writes: ['apply the inventory'],
      alerts: ['diff Failed, failed ConfigMap acme/colors'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'never', incident: 'Failed', failed: 1 },
    },
  },
  {
    name: 'brings a removal to its end that began before',
    before: shop(
      [configMap('colors', {}, { finalizers: ['example.com/hold'] })],
      ['deletion: prune', 'freeze: [{ name: night, cron: "2 1 * * *", length: 30m }]'],
    ),
    async meanwhile(world) {
      world.git.add({ 'environments/shop.yaml': null });
      expect(await world.run()).toMatchObject({ outcome: 'waiting', goesOn: true });
      world.wait(60);
    },
    meets: ({ cluster }) => cluster.remove('ConfigMap acme/colors'),
    kept: {
      ends: 'removed',
      writes: ['delete the inventory'],
      alerts: ['converged: '],
      remembers: null,
    },
  },
  {
    name: 'releases nothing of what its file is removed of',
    before: shop([colors], night),
    commit: { 'environments/shop.yaml': null },
    kept: {
      ends: 'frozen',
      says: `${untilThen}; commit 2 waits`,
      remembers: { health: 'Healthy', attempted: 'commit 1', frozen: 'commit 2' },
    },
  },
  {
    name: 'deletes nothing of what its file is removed of, in a window of the operator',
    before: shop([colors], ['deletion: prune']),
    commit: { 'environments/shop.yaml': null, 'environments/other.yaml': environment('other') },
    meets: ofOperator(),
    kept: {
      ends: 'frozen',
      says: `frozen until ${until} by year-end; commit 2 waits`,
      remembers: { health: 'Healthy', attempted: 'commit 1', frozen: 'commit 2' },
    },
  },
];
