import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Diff } from '../../shared/events/alert.ts';
import { alertsOf } from './alerts.ts';
import { configMap, environmentFile, eventually, startWorld, type Clone, type World } from './world.ts';

let world: World;
let master: Clone;
const { convergedAt, diffAt } = alertsOf(() => world);

beforeAll(async () => {
  world = await startWorld({ chaos: 'none' });
  master = await world.clone();
});
afterAll(async () => {
  await world.stop();
});

const failedAt = async (environment: string, commit: string): Promise<Diff> =>
  diffAt(environment, commit, ({ reason }) => reason === 'Failed');
const dataOf = async (name: string, namespace: string) => (await world.find('configmap', name, namespace))?.data;

/** Commits what `git add` would not: each entry as mode, id and path. */
async function commitEntries(
  ...entries: readonly (readonly [mode: string, id: string, path: string])[]
): Promise<string> {
  for (const entry of entries) await master.git('update-index', '--add', '--cacheinfo', entry.join(','));
  await master.git('commit', '--quiet', '--message', 'By hand');
  await master.git('push', '--quiet', 'origin', 'main');
  return master.git('rev-parse', 'HEAD');
}

describe('what could not be read', () => {
  it('is pruned by nobody: a library that becomes a submodule, or is stored with Git LFS, fails its environment alone', async () => {
    const before = await master.push({
      'environments/library.yaml': environmentFile('library', {
        sources: [{ manifests: 'manifests/library' }, { manifests: 'vendor/lib' }],
      }),
      'environments/beside.yaml': environmentFile('beside'),
      'manifests/library/own.yaml': configMap('own', {}),
      'manifests/beside/own.yaml': configMap('own', { v: '1' }),
      ...Object.fromEntries([1, 2, 3].map((number) => [`vendor/lib/${number}.yaml`, configMap(`lib${number}`, {})])),
    });
    await convergedAt('library', before);
    await convergedAt('beside', before);

    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'4d'.repeat(32)}\nsize 12345\n`;
    const stored = await master.push({
      'vendor/lib/1.yaml': pointer,
      'manifests/beside/own.yaml': configMap('own', { v: '2' }),
    });
    expect((await failedAt('library', stored)).summary).toContain('vendor/lib/1.yaml: is stored with Git LFS');
    await convergedAt('beside', stored);

    await master.git('rm', '--quiet', '-r', 'vendor/lib');
    const submodule = await commitEntries(['160000', before, 'vendor/lib']);
    expect((await failedAt('library', submodule)).summary).toContain('vendor/lib: is a submodule');
    for (const name of ['own', 'lib1', 'lib2', 'lib3'])
      expect(await world.find('configmap', name, 'library')).toBeDefined();

    const after = await master.push({ 'manifests/beside/own.yaml': configMap('own', { v: '3' }) });
    await convergedAt('beside', after);
    expect(await dataOf('own', 'beside')).toEqual({ v: '3' });
  });

  it('is read with every document where it is in UTF-16', async () => {
    const documents = ['first', 'second', 'third']
      .map(
        (name) => `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\ndata: { important: "ja, für 5 €" }\n`,
      )
      .join('---\n');
    const before = await master.push({
      'environments/wide.yaml': environmentFile('wide'),
      'manifests/wide/a.yaml': documents,
    });
    await convergedAt('wide', before);
    const folder = await master.git('rev-parse', '--show-toplevel');
    await writeFile(
      join(folder, 'manifests/wide/a.yaml'),
      Buffer.from(`\uFEFF${documents.replaceAll('ja', 'yes')}`, 'utf16le'),
    );
    await master.git('commit', '--quiet', '--all', '--message', 'As UTF-16');
    await master.git('push', '--quiet', 'origin', 'main');
    const alert = await convergedAt('wide', await master.git('rev-parse', 'HEAD'));
    expect(alert.changes).toMatchObject({ configured: 3, pruned: 0 });
    expect(await dataOf('third', 'wide')).toEqual({ important: 'yes, für 5 €' });
  });
});

describe('two releases of a chart with definitions', () => {
  const chart = {
    'charts/op/Chart.yaml': 'apiVersion: v2\nname: op\nversion: 0.1.0\n',
    'charts/op/crds/w.yaml': JSON.stringify({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'widgets.bugs.example' },
      spec: {
        group: 'bugs.example',
        names: { kind: 'Widget', listKind: 'WidgetList', plural: 'widgets', singular: 'widget' },
        scope: 'Namespaced',
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
          },
        ],
      },
    }),
    'charts/op/templates/w.yaml':
      'apiVersion: bugs.example/v1\nkind: Widget\nmetadata: { name: {{ .Release.Name }} }\n',
  };
  const environment = (name: string, releases: readonly Record<string, string>[]) =>
    environmentFile(name, { sources: releases.map((release) => ({ helm: { chart: 'charts/op', ...release } })) });

  it('share a cluster where all but one skip them, and are told apart where they do not', async () => {
    const twice = await master.push({
      ...chart,
      'environments/op-one.yaml': environment('op-one', [{ release: 'a' }, { release: 'b' }]),
    });
    const { summary } = await failedAt('op-one', twice);
    expect(summary).toContain(
      'in charts/op/crds/w.yaml (object 1 by the release a, spec.sources[0]) and in charts/op/crds/w.yaml (object 1 by the release b, spec.sources[1])',
    );
    expect(summary).toContain('helm.crds: skip');

    const one = await master.push({
      'environments/op-one.yaml': environment('op-one', [{ release: 'a' }, { release: 'b', crds: 'skip' }]),
    });
    expect((await convergedAt('op-one', one)).changes).toMatchObject({ created: 3 });
    const two = await master.push({
      'environments/op-two.yaml': environment('op-two', [{ release: 'a', crds: 'skip' }]),
    });
    expect((await convergedAt('op-two', two)).changes).toMatchObject({ created: 1 });
    expect(await world.find('widget', 'b', 'op-one')).toBeDefined();
    expect(await world.find('widget', 'a', 'op-two')).toBeDefined();
  });
});

describe('a path that no disk holds', () => {
  it('is left out of the checkout, and fails only who asks for it', async () => {
    const first = await master.push({
      'environments/deep.yaml': environmentFile('deep', {
        sources: [{ manifests: 'manifests/deep' }, { manifests: 'assets' }],
      }),
      'manifests/deep/own.yaml': configMap('own', {}),
      'assets/own.yaml': configMap('asset', {}),
      'manifests/beside/own.yaml': configMap('own', { v: '4' }),
    });
    await convergedAt('deep', first);
    const file = await master.git('rev-parse', 'HEAD:assets/own.yaml');
    const commit = await commitEntries(
      ['100644', file, `assets/${'a/'.repeat(2_000)}f.yaml`],
      ['100644', file, `elsewhere/${'long'.repeat(100)}`],
    );
    expect((await failedAt('deep', commit)).summary).toMatch(
      /assets\/a\/.* has a path of \d+ bytes and 257 parts, more than the 3000 bytes and 256 parts/,
    );
    expect((await world.find('configmap', 'asset', 'deep'))?.metadata.name).toBe('asset');

    // git itself can check the tree out no more: what comes next is uploaded.
    await world.upload('manifests/beside/own.yaml', configMap('own', { v: '5' }));
    await eventually('beside has what was uploaded', async () => (await dataOf('own', 'beside'))?.['v'] === '5');
    await world.kubectl(
      'patch',
      'configmap',
      'own',
      '--namespace',
      'beside',
      '--type',
      'merge',
      '--patch',
      '{"data":{"v":"drift"}}',
    );
    await world.checkDrift();
    await eventually('beside is healed', async () => (await dataOf('own', 'beside'))?.['v'] === '5');
    expect(world.deadLetters).toEqual([]);
  });
});
