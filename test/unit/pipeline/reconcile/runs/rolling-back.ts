import { ConvergeError } from '../../../../../shared/base/errors.ts';
import type { World } from '../world/world.ts';
import { readied, unready } from '../world/controllers.ts';
import { configMap, deployment, environment, list, shop } from './files.ts';
import type { Row } from './row.ts';

const revert = ['rollback: { onFailure: revert }', 'timeout: 20s'];
const good = shop([deployment('web')], revert);
const bad = { 'manifests/shop/all.json': list(deployment('web', { image: 'shop:bad' })) };
const fails = ({ cluster }: World): void =>
  void cluster.statuses.set('Deployment acme/web', (object) =>
    JSON.stringify(object).includes('shop:bad') ? unready(object) : readied(object),
  );

/** Lets it fail, and be rolled back. */
const rollBack = async (world: World): Promise<void> => {
  fails(world);
  await world.run();
  world.wait(60);
};
const refused = new ConvergeError({
  code: 'GitRefused',
  subject: 'master',
  message: 'main is protected',
  disposition: 'refuse',
});
const branchMissing = new ConvergeError({
  code: 'BranchMissing',
  subject: 'master',
  message: 'there is no main',
  disposition: 'refuse',
});
const unavailable = new ConvergeError({
  code: 'GitUnavailable',
  subject: 'master',
  message: 'does not answer',
  disposition: 'retry',
});

/** What becomes of a revision that fails where the environment says that it is to be rolled back. */
export const rollingBack: readonly Row[] = [
  {
    name: 'brings back by a commit what converged before',
    before: good,
    commit: bad,
    meets: fails,
    kept: {
      ends: 'diverged Unhealthy',
      says: 'Deployment acme/web: 0 of 1 updated pods are available',
      writes: ['apply the inventory', 'apply Deployment acme/web'],
      alerts: [
        'change-committed',
        'diff Unhealthy, unhealthy Deployment acme/web, rolled back to commit 1 by commit 4',
      ],
      remembers: {
        health: 'Degraded',
        attempted: 'commit 2',
        converged: 'commit 1',
        incident: 'Unhealthy',
        rollout: 'over',
        quarantine: 'commit 4',
      },
    },
    lost: {
      says: 'Deployment acme/web: 0 of 1 updated pods are available; not rolled back: nothing converged before it',
      alerts: ['diff Unhealthy, unhealthy Deployment acme/web'],
      remembers: { converged: 'never', quarantine: undefined },
    },
  },
  {
    name: 'does not roll back where selfHeal is false',
    before: shop([deployment('web')], [...revert, 'selfHeal: false']),
    commit: bad,
    meets: fails,
    kept: {
      ends: 'diverged Unhealthy',
      says: 'Deployment acme/web: 0 of 1 updated pods are available; not rolled back: selfHeal is false',
      writes: ['apply the inventory', 'apply Deployment acme/web'],
      alerts: ['diff Unhealthy, unhealthy Deployment acme/web'],
      remembers: {
        health: 'Degraded',
        attempted: 'commit 2',
        converged: 'commit 1',
        incident: 'Unhealthy',
        rollout: 'over',
      },
    },
  },
  {
    name: 'converges at its rollback',
    before: good,
    commit: bad,
    meets: rollBack,
    kept: {
      ends: 'converged',
      writes: ['apply Deployment acme/web', 'apply the inventory'],
      alerts: ['converged: 1 configured; ends the incident'],
      remembers: { health: 'Healthy', attempted: 'commit 4', quarantine: 'commit 4' },
    },
    lost: { alerts: ['converged: 1 configured; ends the incident'] },
  },
  {
    name: 'rolls back what failed to apply for as long as it may',
    before: good,
    commit: bad,
    async meets(world) {
      world.cluster.refusals.set('apply Deployment acme/web', { status: 403, message: 'exceeded quota' });
      await world.run();
      world.wait(60);
    },
    kept: {
      ends: 'diverged Failed',
      says: 'Deployment acme/web: exceeded quota',
      writes: ['apply Deployment acme/web: 403'],
      alerts: ['change-committed', 'diff Failed, failed Deployment acme/web, rolled back to commit 1 by commit 3'],
      remembers: {
        health: 'Unknown',
        attempted: 'commit 2',
        converged: 'commit 1',
        incident: 'Failed',
        failed: 2,
        quarantine: 'commit 3',
      },
    },
    lost: {
      says: 'Deployment acme/web: exceeded quota; not rolled back: nothing converged before it',
      alerts: [],
      remembers: { converged: 'never', failed: 1, quarantine: undefined },
    },
  },
  {
    name: 'tells why it cannot be rolled back: what another environment needs',
    before: { ...good, 'environments/blog.yaml': environment('blog', ['sources: [{ manifests: manifests/shop }]']) },
    commit: bad,
    meets: fails,
    kept: {
      ends: 'diverged Unhealthy',
      says: 'Deployment acme/web: 0 of 1 updated pods are available; not rolled back: manifests/shop/all.json is an input of blog, too',
      writes: ['apply the inventory', 'apply Deployment acme/web'],
      alerts: ['diff Unhealthy, unhealthy Deployment acme/web'],
      remembers: {
        health: 'Degraded',
        attempted: 'commit 2',
        converged: 'commit 1',
        incident: 'Unhealthy',
        rollout: 'over',
      },
    },
  },
  {
    name: 'is not rolled back by a host that refuses',
    before: good,
    commit: bad,
    meets(world) {
      fails(world);
      world.git.push = async () => {
        throw refused;
      };
    },
    kept: {
      ends: 'diverged Unhealthy',
      says: 'Deployment acme/web: 0 of 1 updated pods are available',
      writes: ['apply the inventory', 'apply Deployment acme/web'],
      alerts: ['diff Unhealthy, unhealthy Deployment acme/web'],
      remembers: {
        health: 'Degraded',
        attempted: 'commit 2',
        converged: 'commit 1',
        incident: 'Unhealthy',
        rollout: 'over',
        quarantine: 'master: main is protected',
      },
    },
  },
  {
    name: 'finishes the rollback of a run that died',
    before: good,
    commit: bad,
    async meets(world) {
      fails(world);
      const { push } = world.git;
      world.git.push = async () => {
        throw unavailable;
      };
      await world.run().catch(() => {});
      world.git.push = push;
      world.wait(60);
    },
    restless: true,
    kept: {
      ends: 'converged',
      writes: ['apply Deployment acme/web', 'apply the inventory'],
      alerts: [
        'change-committed',
        'diff Unhealthy, unhealthy Deployment acme/web, rolled back to commit 1 by commit 5',
        'converged: 1 configured; ends the incident',
      ],
      remembers: { health: 'Healthy', attempted: 'commit 5', quarantine: 'commit 5' },
    },
  },
  {
    name: 'finds the rollback of a run that died after its push',
    before: good,
    commit: bad,
    async meets(world) {
      fails(world);
      const { push } = world.git;
      world.git.push = async (commit) => {
        await push(commit);
        throw unavailable;
      };
      await world.run().catch(() => {});
      world.git.push = push;
      world.wait(60);
    },
    restless: true,
    kept: {
      ends: 'converged',
      writes: ['apply Deployment acme/web', 'apply the inventory'],
      alerts: [
        'change-committed',
        'diff Unhealthy, unhealthy Deployment acme/web, rolled back to commit 1 by commit 4',
        'converged: 1 configured; ends the incident',
      ],
      remembers: { health: 'Healthy', attempted: 'commit 4', quarantine: 'commit 4' },
    },
  },
  {
    name: 'finds its own rollback where the branch moved on before it heard of its push',
    before: good,
    commit: bad,
    meets(world) {
      fails(world);
      const { push } = world.git;
      world.git.push = async (commit) => {
        await push(commit);
        world.git.add({ 'README.md': 'of something else' });
        return 'moved';
      };
    },
    kept: {
      ends: 'diverged Unhealthy',
      says: 'Deployment acme/web: 0 of 1 updated pods are available',
      writes: ['apply the inventory', 'apply Deployment acme/web'],
      alerts: [
        'change-committed',
        'diff Unhealthy, unhealthy Deployment acme/web, rolled back to commit 1 by commit 4',
      ],
      remembers: {
        health: 'Degraded',
        attempted: 'commit 2',
        converged: 'commit 1',
        incident: 'Unhealthy',
        rollout: 'over',
        quarantine: 'commit 4',
      },
    },
    lost: {
      says: 'Deployment acme/web: 0 of 1 updated pods are available; not rolled back: nothing converged before it',
      alerts: ['diff Unhealthy, unhealthy Deployment acme/web'],
      remembers: { converged: 'never', quarantine: undefined },
    },
  },
  {
    name: 'gives a rollback up whose host does not answer for long',
    before: good,
    commit: bad,
    async meets(world) {
      fails(world);
      world.git.push = async () => {
        throw unavailable;
      };
      await world.run().catch(() => {});
      world.wait(3600);
    },
    kept: {
      ends: 'diverged Unhealthy',
      says: 'Deployment acme/web: 0 of 1 updated pods are available; not rolled back: master: does not answer',
      alerts: ['diff Unhealthy, unhealthy Deployment acme/web'],
      remembers: {
        health: 'Degraded',
        attempted: 'commit 2',
        converged: 'commit 1',
        incident: 'Unhealthy',
        rollout: 'over',
        quarantine: 'master: does not answer',
      },
    },
  },
  {
    name: 'tells a failure before it tells that the branch is lost, while a rollback is under way',
    before: good,
    commit: bad,
    async meets(world) {
      fails(world);
      world.git.push = async () => {
        throw unavailable;
      };
      await world.run().catch(() => {});
      world.git.onHead = () => {
        throw branchMissing;
      };
    },
    kept: {
      ends: 'diverged Failed',
      says: 'BranchMissing: master: there is no main',
      alerts: ['diff Unhealthy, unhealthy Deployment acme/web', 'diff Failed'],
      remembers: {
        health: 'Unknown',
        attempted: 'commit 2',
        converged: 'commit 1',
        incident: 'Failed',
        rollout: 'over',
        quarantine: 'master: there is no main',
      },
    },
  },
  {
    name: 'does not roll back what a newer commit changed meanwhile',
    before: good,
    commit: bad,
    async meets(world) {
      fails(world);
      const { push } = world.git;
      world.git.push = async () => {
        throw unavailable;
      };
      await world.run().catch(() => {});
      world.git.push = push;
      world.git.add({ 'manifests/shop/all.json': list(deployment('web', { image: 'shop:3' })) });
    },
    kept: {
      ends: 'converged',
      writes: ['apply Deployment acme/web', 'apply the inventory'],
      alerts: ['diff Unhealthy, unhealthy Deployment acme/web', 'converged: 1 configured; ends the incident'],
      remembers: { health: 'Healthy', attempted: 'commit 5' },
    },
  },
  {
    name: 'does not roll back twice what a person brought back',
    before: good,
    commit: bad,
    async meets(world) {
      await rollBack(world);
      await world.run();
      world.wait(60);
      world.git.add(bad);
    },
    kept: {
      ends: 'diverged Unhealthy',
      says: 'Deployment acme/web: 0 of 1 updated pods are available; not rolled back again: it was rolled back once, and brought back',
      writes: ['apply the inventory', 'apply Deployment acme/web'],
      alerts: ['diff Unhealthy, occurrence 2, unhealthy Deployment acme/web'],
      remembers: {
        health: 'Degraded',
        attempted: 'commit 5',
        converged: 'commit 4',
        incident: 'Unhealthy',
        rollout: 'over',
        quarantine: 'commit 4',
      },
    },
    lost: {
      says: 'Deployment acme/web: 0 of 1 updated pods are available; not rolled back: nothing converged before it',
      alerts: ['diff Unhealthy, unhealthy Deployment acme/web'],
      remembers: { converged: 'never' },
    },
  },
  {
    name: 'forgets a rollback when its inputs move on',
    before: good,
    commit: bad,
    async meets(world) {
      await rollBack(world);
      await world.run();
      world.wait(60);
      world.git.add({ 'manifests/shop/all.json': list(deployment('web', { image: 'shop:3' })) });
    },
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'apply Deployment acme/web', 'apply the inventory'],
      alerts: ['converged: 1 configured'],
      remembers: { health: 'Healthy', attempted: 'commit 5' },
    },
    lost: {},
  },
  {
    name: 'leaves a rollback alone that fails itself',
    before: good,
    commit: bad,
    async meets(world) {
      await rollBack(world);
      world.cluster.statuses.set('Deployment acme/web', unready);
    },
    kept: {
      ends: 'diverged Unhealthy',
      says: 'Deployment acme/web: 0 of 1 updated pods are available; this is the rollback of commit 2; nothing further is rolled back',
      writes: ['apply Deployment acme/web'],
      alerts: ['diff Unhealthy, unhealthy Deployment acme/web'],
      remembers: {
        health: 'Degraded',
        attempted: 'commit 4',
        converged: 'commit 1',
        incident: 'Unhealthy',
        rollout: 'over',
        quarantine: 'commit 4',
      },
    },
    lost: {
      says: 'Deployment acme/web: 0 of 1 updated pods are available; not rolled back: nothing converged before it',
      remembers: { converged: 'never' },
    },
  },
  {
    name: 'is superseded where it read the branch as it was before its rollback',
    before: good,
    commit: bad,
    async meets(world) {
      const before = await world.git.fetchHead();
      await rollBack(world);
      await world.run();
      world.git.fetchHead = async () => before;
    },
    kept: {
      ends: 'throws StaleLook',
      says: 'master/shop: another run was faster',
      remembers: { health: 'Healthy', attempted: 'commit 4', quarantine: 'commit 4' },
    },
    lost: { remembers: { health: 'Unknown', attempted: undefined } },
  },
  {
    name: 'says nothing of rollbacks where there was nothing before it',
    commit: { ...shop([deployment('web', { image: 'shop:bad' }), configMap('colors')], revert) },
    meets: fails,
    lost: {
      ends: 'diverged Unhealthy',
      says: 'Deployment acme/web: 0 of 1 updated pods are available; not rolled back: nothing converged before it',
      writes: [
        'apply Namespace acme',
        'apply the inventory',
        'apply ConfigMap acme/colors',
        'apply Deployment acme/web',
      ],
      alerts: ['diff Unhealthy, unhealthy Deployment acme/web'],
      remembers: {
        health: 'Degraded',
        attempted: 'commit 1',
        converged: 'never',
        incident: 'Unhealthy',
        rollout: 'over',
      },
    },
  },
  {
    name: 'pushes no rollback once another run has its lease',
    before: good,
    commit: bad,
    meets(world) {
      fails(world);
      const { commit } = world.git;
      let planned = false;
      world.git.commit = async (change) => {
        if (planned)
          await world.writeState('environments/master/shop/lease.json', {
            holder: 'another',
            event: 'its job',
            seconds: 90,
          });
        if (planned) world.wait(10);
        planned = true;
        return await commit(change);
      };
    },
    kept: {
      ends: 'throws LeaseLost',
      says: 'environments/master/shop/lease.json: the lease is lost: another run took over',
      writes: ['apply the inventory', 'apply Deployment acme/web'],
      remembers: {
        health: 'Degraded',
        attempted: 'commit 2',
        converged: 'commit 1',
        incident: 'Unhealthy',
        rollout: 'over',
        quarantine: 'under way',
      },
    },
  },
];
