import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { alertsOf } from './alerts.ts';
import { atRest, countWrites, startWorld, type Clone, type World } from './world.ts';

const folder = join(import.meta.dirname, '..', '..', 'examples', 'features');

let world: World;
let master: Clone;
const { convergedAt } = alertsOf(() => world);

beforeAll(async () => {
  world = await startWorld();
  master = await world.clone();
});
afterAll(async () => {
  await world.stop();
});

/** What a chart's objects are kept in, without what controllers write. */
const resources = [
  'configmaps',
  'secrets',
  'services',
  'policies',
  'customresourcedefinitions',
  'poddisruptionbudgets',
  'priorityclasses',
  'deployments',
  'namespaces',
];

async function filesOf(chart: string): Promise<Record<string, string>> {
  const entries = await readdir(join(folder, 'charts', chart), { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const charts = await Promise.all(
    paths.map(async (path) => [path.slice(folder.length + 1), await readFile(path, 'utf8')] as const),
  );
  return {
    ...Object.fromEntries(charts),
    [`environments/${chart}.yaml`]: await readFile(join(folder, 'environments', `${chart}.yaml`), 'utf8'),
  };
}

async function deploy(chart: string, files: Record<string, string> = {}): Promise<World['converged'][number]> {
  return convergedAt(chart, await master.push({ ...(await filesOf(chart)), ...files }));
}

describe('a chart with', () => {
  it.each([
    { chart: 'definitions', created: 3, feature: 'a definition and a resource of it' },
    {
      chart: 'composed',
      created: 3,
      feature: 'subcharts, a library chart, a List and documents that render to nothing',
    },
    { chart: 'capable', created: 2, feature: 'conditions on the version and the APIs of the cluster' },
    { chart: 'random', created: 3, feature: 'a password and a certificate that Helm makes up' },
    { chart: 'placed', created: 5, feature: 'objects of its own namespace, of another, and of none' },
  ])(
    '$feature converges, and a second run that renders alike writes only which revision converged',
    async ({ chart, created }) => {
      expect((await deploy(chart)).changes).toEqual({ created, configured: 0, unchanged: 0, pruned: 0 });
      await atRest(() => countWrites(world, resources));
      const before = { writes: await countWrites(world, resources), diffs: world.diffs.length };
      const again = await convergedAt(
        chart,
        await master.push({ [`charts/${chart}/notes.txt`]: 'Rendered by nobody.\n' }),
      );
      expect(again.changes).toEqual({ created: 0, configured: 0, unchanged: created, pruned: 0 });
      expect({ writes: await countWrites(world, resources), diffs: world.diffs.length }).toEqual({
        ...before,
        writes: before.writes + 1,
      });
    },
  );

  it('conditions on the cluster is rendered with the version and the APIs that it really has', async () => {
    const version = (JSON.parse(await world.kubectl('get', '--raw', '/version')) as { gitVersion: string }).gitVersion;
    expect((await world.find('configmap', 'cluster', 'capable'))?.data).toEqual({
      version,
      modern: 'true',
      deployments: 'true',
      mesh: 'false',
    });
  });

  it('the annotation to keep an object leaves that object, and prunes its fellow', async () => {
    await deploy('kept');
    const text = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: shelf\n';
    const pruned = await deploy('kept', {
      'charts/kept/values.yaml': 'ledger: false\n',
      'charts/kept/templates/shelf.yaml': text,
    });
    expect(pruned.changes).toMatchObject({ created: 1, pruned: 0 });
    expect((await world.find('configmap', 'ledger', 'kept'))?.data).toEqual({ balance: '0' });
    expect(
      (await convergedAt('kept', await master.push({ 'charts/kept/templates/shelf.yaml': undefined }))).changes.pruned,
    ).toBe(1);
    expect(await world.find('configmap', 'shelf', 'kept')).toBeUndefined();
    expect(await world.find('configmap', 'ledger', 'kept')).toBeDefined();
  });

  it('hooks runs them around its objects, leaves what their delete policies leave, and never applies a test', async () => {
    expect((await deploy('hooks')).changes).toEqual({ created: 1, configured: 0, unchanged: 0, pruned: 0 });
    const jobs = async () =>
      (await world.kubectl('get', 'jobs', '--namespace', 'hooks', '--output', 'name')).trim().split('\n');
    expect(await jobs()).toEqual(['job.batch/hooks-migrate']);
    const first = (await world.find('job', 'hooks-migrate', 'hooks'))?.metadata.uid;
    await deploy('hooks', { 'charts/hooks/values.yaml': 'version: 1.1.0\n' });
    expect(await jobs()).toEqual(['job.batch/hooks-migrate']);
    expect((await world.find('job', 'hooks-migrate', 'hooks'))?.metadata.uid).not.toBe(first);
  });
});
