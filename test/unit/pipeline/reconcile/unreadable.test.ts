import { describe, expect, it } from 'vitest';
import { ConvergeError, type Disposition } from '../../../../shared/base/errors.ts';
import type { ReconcilePorts } from '../../../../shared/pipeline/reconcile/run/run.ts';
import { configMap, shop } from './runs/files.ts';
import { createWorld, type World } from './world/world.ts';

const subject = '/secrets/git-master/value';

/** The ports of a world in which a file of the operator's is needed, and is not there at the moment. */
type Unreadable = (world: World, read: () => Promise<never>) => ReconcilePorts;

const places: readonly { what: string; at: Unreadable }[] = [
  {
    what: 'the credentials of the Git host',
    at: ({ ports, git }, read) => ({ ...ports, repository: () => ({ ...git, fetchHead: read }) }),
  },
  { what: 'the kubeconfig of the cluster', at: ({ ports }, read) => ({ ...ports, cluster: read }) },
  {
    what: 'the keys that are trusted',
    at: ({ ports }, read) => ({ ...ports, signatures: { ...ports.signatures, trustRoot: read } }),
  },
];

function readThat(disposition: Disposition): () => Promise<never> {
  const code = disposition === 'retry' ? 'SecretUnavailable' : 'BadConfiguration';
  const error = new ConvergeError({ code, subject, message: 'cannot be read (ENOENT)', disposition });
  return async () => Promise.reject(error);
}

async function changed(): Promise<World> {
  const world = createWorld();
  world.git.add(shop([configMap('colors')]));
  await world.run();
  world.git.add(shop([configMap('colors'), configMap('sizes')]));
  return world;
}

describe('what cannot be read for a moment', () => {
  it.each(places)('is no verdict: $what. The message comes again, and nothing is told', async ({ at }) => {
    const world = await changed();
    const before = [world.published.length, await world.memoryOf('shop')];
    await expect(world.run({}, at(world, readThat('retry')))).rejects.toMatchObject({
      code: 'SecretUnavailable',
      disposition: 'retry',
      subject,
    });
    expect([world.published.length, await world.memoryOf('shop')]).toEqual(before);
    expect(await world.run()).toMatchObject({ outcome: 'converged' });
    expect(world.cluster.find('ConfigMap acme/sizes')).toBeDefined();
    expect(world.published.filter(({ topic }) => topic === 'diff')).toEqual([]);
  });
});

const sshSignature = '-----BEGIN SSH SIGNATURE-----\nabc\n-----END SSH SIGNATURE-----';
const openpgpSignature = '-----BEGIN PGP SIGNATURE-----\nabc\n-----END PGP SIGNATURE-----';

describe('signers that are trusted, and cannot be read', () => {
  it.each([
    { what: 'a line', root: { allowedSigners: 'ana@example.com no key' }, signature: sshSignature },
    { what: 'an empty file', root: { allowedSigners: '# Ana left\n' }, signature: sshSignature },
    { what: 'a file of OpenPGP keys', root: { openpgpKeys: 'no key' }, signature: openpgpSignature },
  ])('are a secret that another version mends: nothing is told, and nothing believed: $what', async (row) => {
    const world = await changed();
    const { root, signature } = row;
    const trustRoot = async () => ({ allowedSigners: undefined, openpgpKeys: undefined, ...root });
    const problemOfOpenpgpKeys = async () => 'hold no armored public keys';
    const signatures = { ...world.ports.signatures, trustRoot, problemOfOpenpgpKeys };
    const ports = { ...world.ports, signatures };
    world.git.add(shop([configMap('shapes')]), { signature });
    await expect(world.run({}, ports)).rejects.toMatchObject({ code: 'SecretUnavailable', disposition: 'retry' });
    expect(world.published.filter(({ topic }) => topic === 'diff')).toEqual([]);
  });

  it('are no rule that a file may bring: the commit that would mend it would be refused', async () => {
    const world = await changed();
    const signatures = { ...world.ports.signatures, problemOfOpenpgpKeys: async () => 'hold no armored public keys' };
    const ports = { ...world.ports, signatures };
    world.git.add(shop([configMap('shapes')], ['verify: { openpgpKeys: "no key" }']), { signature: openpgpSignature });
    expect(await world.run({}, ports)).toMatchObject({ outcome: 'diverged' });
    const [told] = world.published.filter(({ topic }) => topic === 'diff');
    expect(JSON.stringify(told)).toMatch(
      /spec.verify of environments.shop.yaml: the OpenPGP keys hold no armored public keys/,
    );
    expect((await world.memoryOf('shop'))?.verified).toBeUndefined();
  });
});

describe('what is configured wrongly', () => {
  // Without its repository nobody knows what an environment is: that message is refused, and becomes a dead letter.
  it.each(places.slice(1))('is told at once: $what', async ({ at }) => {
    const world = await changed();
    expect(await world.run({}, at(world, readThat('refuse')))).toMatchObject({ outcome: 'diverged' });
    expect(world.published.filter(({ topic }) => topic === 'diff')).toHaveLength(1);
  });
});
