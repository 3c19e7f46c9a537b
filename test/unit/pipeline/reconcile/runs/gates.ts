import type { World } from '../world/world.ts';
import { configMap, environment, list, shop } from './files.ts';
import type { Row } from './row.ts';

const colors = configMap('colors');
const blue = configMap('colors', { color: 'blue' });
const next = {
  'environments/next.yaml': environment('next', ['dependsOn: [shop]']),
  'manifests/next/all.json': list(configMap('more')),
};
const base = { 'environments/base.yaml': environment('base'), 'manifests/base/all.json': list(configMap('ground')) };
const signature = '-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----';
const verify = ['verify: { openpgpKeys: "a key" }'];
const runBase = async (world: World): Promise<void> => void (await world.run({ environment: 'base' }));
const signed =
  (changes: Readonly<Record<string, string>>) =>
  (world: World): void => {
    world.trust.verdict = { verdict: 'good', key: 'a key' };
    world.git.add(changes, { signature });
  };

/** Whether a run may go to a commit. */
export const gates: readonly Row[] = [
  {
    name: 'waits for what it depends on',
    commit: { ...shop([colors], ['dependsOn: [base]']), ...base },
    lost: {
      ends: 'waiting',
      says: 'waits for base',
      remembers: { health: 'Unknown', attempted: 'commit 1', converged: 'never', held: 'waits for base' },
    },
  },
  {
    name: 'waits for what it depends on, with what it converged at before',
    before: shop([colors]),
    commit: { ...shop([blue], ['dependsOn: [base]']), ...base },
    kept: {
      ends: 'waiting',
      says: 'waits for base',
      remembers: { health: 'Healthy', attempted: 'commit 2', converged: 'commit 1', held: 'waits for base' },
    },
    lost: { remembers: { health: 'Unknown', converged: 'never' } },
  },
  {
    name: 'goes on when what it depends on has converged',
    before: shop([colors]),
    commit: { ...shop([blue], ['dependsOn: [base]']), ...base },
    async meets(world) {
      await world.run();
      await runBase(world);
    },
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'apply ConfigMap acme/colors', 'apply the inventory'],
      alerts: ['converged: 1 configured'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {},
  },
  {
    name: 'tells that what it depends on has failed',
    before: shop([colors]),
    commit: { ...shop([blue], ['dependsOn: [base]']), ...base, 'manifests/base/all.json': '{ broken' },
    meets: runBase,
    kept: {
      ends: 'diverged Blocked',
      says: 'waits for base, which failed: manifests/base/all.json: does not parse',
      alerts: ['diff Blocked'],
      remembers: {
        health: 'Unknown',
        attempted: 'commit 2',
        converged: 'commit 1',
        incident: 'Blocked',
        held: 'waits for base, which failed: manifests/base/all.json: does not parse',
      },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'heals drift without waiting for anybody',
    before: { ...shop([colors]), ...base },
    commit: { 'manifests/base/all.json': list(configMap('ground', { color: 'brown' })) },
    meets: ({ cluster }) =>
      cluster.edit('ConfigMap acme/colors', 'rogue', (object) => ({ ...object, data: { color: 'green' } })),
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'apply ConfigMap acme/colors', 'apply the inventory'],
      alerts: ['diff Drifted, healing, modified ConfigMap acme/colors', 'converged: 1 configured; ends the incident'],
      remembers: { health: 'Healthy', attempted: 'commit 2', heals: ['/ConfigMap/acme/colors'] },
    },
  },
  {
    name: 'refuses to depend on what is not there',
    before: shop([colors]),
    commit: shop([colors], ['dependsOn: [nobody]']),
    kept: {
      ends: 'diverged Failed',
      says: 'environments/shop.yaml:8: spec.dependsOn.0: there is no environment nobody in this repository; there is no other',
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed', failed: 1 },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'asks those who wait for it to go on',
    commit: {
      ...shop([colors]),
      ...next,
    },
    lost: {
      ends: 'converged',
      writes: ['apply Namespace acme', 'apply the inventory', 'apply ConfigMap acme/colors', 'apply the inventory'],
      alerts: ['converged: 1 created', 'reconcile master/next, dependency'],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
  },
  {
    name: 'tells those who wait for it that it failed',
    commit: {
      ...shop([colors]),
      'manifests/shop/all.json': '{ broken',
      ...next,
    },
    meets: async (world) => void (await world.run({ environment: 'next' })),
    lost: {
      ends: 'diverged Failed',
      says: 'manifests/shop/all.json: does not parse',
      alerts: ['diff Failed', 'reconcile master/next, dependency'],
      remembers: { health: 'Unknown', attempted: 'commit 1', converged: 'never', incident: 'Failed', failed: 1 },
    },
  },
  {
    name: 'tells those who wait for it that it is as it was',
    before: {
      ...shop([colors]),
      ...next,
    },
    async meets(world) {
      await world.run({ environment: 'next' });
      await world.remember('next', { held: { revision: 'any', message: 'waits' } });
    },
    restless: true,
    kept: {
      ends: 'unchanged',
      alerts: ['reconcile master/next, dependency'],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
    lost: { ends: 'converged', alerts: ['converged: 1 unchanged'] },
  },
  {
    name: 'refuses a commit that is not signed as the operator wants',
    before: shop([colors]),
    commit: { 'manifests/shop/all.json': list(blue) },
    meets: ({ trust }) => void (trust.root = { allowedSigners: undefined, openpgpKeys: 'a key' }),
    kept: {
      ends: 'diverged Failed',
      says: 'UntrustedRevision: commit 2: is not signed (nothing of it is applied; it needs a signature that repositories.master.verify allows)',
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed' },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'refuses a commit that somebody else signed',
    before: shop([colors]),
    meets(world) {
      world.trust.root = { allowedSigners: undefined, openpgpKeys: 'a key' };
      world.git.add({ 'manifests/shop/all.json': list(blue) }, { signature });
    },
    kept: {
      ends: 'diverged Failed',
      says: 'UntrustedRevision: commit 2: has a signature of the OpenPGP key unknown, which is not allowed (repositories.master.verify) (nothing of it is applied; it needs a signature that repositories.master.verify allows)',
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed' },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'waits for the signers that the operator trusts, where their secret names nobody',
    before: shop([colors]),
    meets(world) {
      world.trust.root = { allowedSigners: '# Ana left\n', openpgpKeys: undefined };
      world.git.add({ 'manifests/shop/all.json': list(blue) }, { signature: signature.replaceAll('PGP', 'SSH') });
    },
    kept: {
      ends: 'throws SecretUnavailable',
      says: 'repositories.master.verify: the allowed signers name nobody (put public keys that can be read, and all of them, into its secret)',
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
    lost: { remembers: null },
  },
  {
    name: 'applies a commit that is signed as the operator wants',
    before: shop([colors]),
    meets(world) {
      world.trust.root = { allowedSigners: undefined, openpgpKeys: 'a key' };
      signed({ 'manifests/shop/all.json': list(blue) })(world);
    },
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'apply ConfigMap acme/colors', 'apply the inventory'],
      alerts: ['converged: 1 configured'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {},
  },
  {
    name: 'refuses the first commit that says whose signature it needs, and has none',
    before: shop([colors]),
    commit: shop([blue], verify),
    kept: {
      ends: 'diverged Failed',
      says: 'UntrustedRevision: commit 2: is not signed (nothing of it is applied; it needs a signature that spec.verify of environments/shop.yaml allows)',
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed' },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'refuses a commit without the signature that the last one asks for',
    before: shop([colors]),
    async meets(world) {
      signed({ 'environments/shop.yaml': environment('shop', verify) })(world);
      await world.run();
      world.git.add({ 'environments/shop.yaml': environment('shop') });
    },
    kept: {
      ends: 'diverged Failed',
      says: 'UntrustedRevision: commit 3: is not signed (nothing of it is applied; it needs a signature that spec.verify of environments/shop.yaml allows)',
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 3', converged: 'commit 2', incident: 'Failed' },
    },
  },
  {
    name: 'refuses a rule that is not in the repository',
    before: shop([colors]),
    commit: { 'environments/shop.yaml': environment('shop', ['verify: { allowedSigners: keys/nobody }']) },
    kept: {
      ends: 'diverged Failed',
      says: 'environments/shop.yaml: spec.verify names keys/nobody, which is not in the repository',
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed', failed: 1 },
    },
    lost: { remembers: { converged: 'never' } },
  },
];
