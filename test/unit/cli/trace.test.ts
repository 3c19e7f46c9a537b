import { describe, expect, it } from 'vitest';
import { showTrace } from '../../../cli/trace.ts';
import { configMap, deployment, environment, list } from '../pipeline/reconcile/runs/files.ts';
import { readied } from '../pipeline/reconcile/world/controllers.ts';
import { createWorld } from '../pipeline/reconcile/world/world.ts';
import { contextOf } from './context.ts';

const since = 86_400_000;
const service = {
  ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' } },
  spec: { ports: [{ port: 80 }] },
};

async function shop(...more: readonly ReturnType<typeof configMap>[]) {
  const world = createWorld();
  world.cluster.statuses.set('Deployment acme/web', readied);
  const objects = [deployment('web', { image: 'shop:1' }), configMap('web'), service, ...more];
  world.git.add({ 'environments/shop.yaml': environment('shop'), 'manifests/shop/a.json': list(...objects) });
  await world.run();
  return { context: contextOf(world) };
}

const textOf = ({ lines }: { lines: readonly { text: string }[] }): string[] => lines.map(({ text }) => text);

describe('converge trace', () => {
  it.each([
    [['deployment/web']],
    [['Deployment/web']],
    [['deployments/web']],
    [['deploy/web']],
    [['deploy.apps/web']],
    [['deploy', 'web']],
    [['deployments.apps', 'web']],
  ])('takes %j as kubectl does', async (words) => {
    const { context } = await shop();
    const answer = await showTrace(context, words, { since });
    expect(textOf(answer)[0]).toBe('Deployment acme/web');
  });

  it.each([
    ['svc/web', 'Service acme/web'],
    ['services/web', 'Service acme/web'],
    ['cm/web', 'ConfigMap acme/web'],
    ['configmaps/web', 'ConfigMap acme/web'],
  ])('takes %s without a group', async (written, title) => {
    const { context } = await shop();
    expect(textOf(await showTrace(context, [written], { since }))[0]).toBe(title);
  });

  it('says so where two are called alike, and lists how each is meant', async () => {
    const { context } = await shop(configMap('web', {}, { namespace: 'other' }));
    const answer = await showTrace(context, ['cm/web'], { since });
    expect(textOf(answer).slice(0, 5)).toEqual([
      '2 objects are called so: a kind with its group, --namespace and --environment choose one',
      '  configmap/web -n acme -e master/shop',
      '  configmap/web -n other -e master/shop',
      '',
      'ConfigMap acme/web',
    ]);
    expect(textOf(answer)).toContain('ConfigMap other/web');
    const [only, next] = textOf(await showTrace(context, ['cm/web'], { since, namespace: 'other' }));
    expect([only, next]).toEqual(['ConfigMap other/web', expect.stringMatching(/^environment/)]);
  });

  it('names what else has the name where there is no such object, and ends with 1', async () => {
    const { context } = await shop();
    await expect(showTrace(context, ['sts/web'], { since })).rejects.toMatchObject({
      exit: 1,
      remedy:
        'of that name there are ConfigMap acme/web of master/shop, Deployment acme/web of master/shop, Service acme/web of master/shop',
    });
    await expect(showTrace(context, ['sts/nothing'], { since })).rejects.toMatchObject({
      remedy: 'none owns one of that name: see kind, name, --namespace and --environment',
    });
  });

  it.each([[['deployment']], [['deploy', 'web', 'x']], [['deploy/']], [['a/b/c']]])(
    'refuses %j with 2',
    async (words) => {
      const { context } = await shop();
      await expect(showTrace(context, words, { since })).rejects.toMatchObject({ exit: 2 });
    },
  );
});
