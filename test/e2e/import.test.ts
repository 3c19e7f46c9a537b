import { cp, mkdtemp, readFile, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { beforeAll, describe, expect, it } from 'vitest';
import { importOutputSchema } from '../../cli/output-schemas.ts';
import { ensureProgram } from '../../local/programs.ts';
import { createRenderer } from '../../shared/adapters/renderer.ts';
import { parseEnvironmentFile, type EnvironmentSource } from '../../shared/environment/environment-file.ts';
import type { KubernetesObject } from '../../shared/objects/kubernetes-object.ts';
import type { Renderer } from '../../shared/ports/renderer.ts';
import { buildMilliseconds, renderSeconds } from '../guards.ts';
import { writeFiles } from '../write-files.ts';
import { runConverge, type Ended } from './command.ts';

/** Small repositories, as users of Flux and of Argo CD lay them out. */
const fixtures = join(import.meta.dirname, 'import');
let renderer: Renderer;

beforeAll(async () => {
  renderer = createRenderer({ program: await ensureProgram('render') });
}, buildMilliseconds);

/** The command in a folder that holds a copy of a fixture, named as it is. */
async function convert(tool: string, ...more: readonly string[]): Promise<Ended & { folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'converge-import-'));
  await cp(join(fixtures, tool), join(folder, 'fleet'), { recursive: true });
  return { folder, ...(await runConverge(['import', tool, 'fleet', ...more], { folder })) };
}

/** What sources of a repository render to, by kind and name. */
async function rendered(
  root: string,
  sources: readonly EnvironmentSource[],
): Promise<Record<string, KubernetesObject>> {
  const { objects } = await renderer.render({
    ...{ root, sources, namespace: 'any', kubernetesVersion: 'v1.36.3', apiVersions: ['v1'], absent: [] },
    limits: { seconds: renderSeconds, mebibytes: 512 },
    seed: () => Promise.reject(new Error('nothing draws')),
    lookup: undefined,
  });
  return Object.fromEntries(objects.map(({ object }) => [`${object.kind} ${object.metadata.name}`, object]));
}

/** A document shows what the command prints, to the letter: a block ```console import. */
async function documented(page: string): Promise<string> {
  const text = await readFile(join(import.meta.dirname, '../../docs', page), 'utf8');
  return (/^```console import\n\$ .*\n([^]*?)^```$/m.exec(text)?.[1] ?? '').replace(/\n$/, '');
}

/** The repository after a move: the checkout, and what was written brought into it. */
async function moved(folder: string): Promise<string> {
  await cp(join(folder, 'out'), join(folder, 'fleet'), { recursive: true });
  return join(folder, 'fleet');
}

async function environmentOf(root: string, name: string): Promise<ReturnType<typeof parseEnvironmentFile>> {
  const file = `environments/${name}.yaml`;
  return parseEnvironmentFile({ file, text: await readFile(join(root, file), 'utf8') });
}

describe('converge import', () => {
  it.each([
    { tool: 'flux', page: 'migrate-from-flux.md', environments: 6 },
    { tool: 'argocd', page: 'migrate-from-argocd.md', environments: 6 },
  ])(
    '$tool writes environment files, lists what has no equal, and ends with 1',
    async ({ tool, page, environments }) => {
      const { folder, ...ended } = await convert(tool, '--out', 'out');
      expect(ended).toMatchObject({ code: 1, err: '' });
      expect(ended.out.trimEnd()).toBe((await documented(page)).trimEnd());
      const files = await readdir(join(folder, 'out/environments'));
      expect(files).toHaveLength(environments);
      for (const file of files)
        parseEnvironmentFile({
          file: `environments/${file}`,
          text: await readFile(join(folder, 'out/environments', file), 'utf8'),
        });
    },
  );

  it('prints one JSON value, which its schema takes, and writes nothing without --out', async () => {
    const { folder, ...ended } = await convert('flux', '--output', 'json', '--cluster', 'staging=staging-eu');
    expect(ended).toMatchObject({ code: 1, err: '' });
    const output = importOutputSchema.parse(JSON.parse(ended.out));
    expect(output.environments.map(({ cluster }) => cluster)).toContain('staging-eu');
    expect(await readdir(folder)).toEqual(['fleet']);
  });

  it('ends with 0 where all is carried over, and with 2 where the same is to be written again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'converge-import-'));
    await writeFiles(folder, {
      'fleet/a.yaml':
        'apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: { name: a }\nspec: { path: ./m, prune: true, interval: 1m }\n',
      'fleet/m/a.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a, namespace: a }\n',
    });
    const parameters = ['import', 'flux', 'fleet', '--cluster', 'eu', '--out', 'out'];
    expect(await runConverge(parameters, { folder })).toMatchObject({ code: 0, err: '' });
    const again = await runConverge(parameters, { folder });
    expect(again).toMatchObject({ code: 2, out: '' });
    expect(again.err).toContain('out/environments/a.yaml: is there already: nothing was written');
  });

  it.each([
    [
      'a tool that is none',
      ['import', 'fleet', '.'],
      /'fleet' is invalid for argument 'tool'\. Allowed choices are flux, argocd/,
    ],
    ['a folder that is not there', ['import', 'flux', 'nowhere'], /nowhere: is not there/],
    ['a folder without anything of the tool', ['import', 'argocd', '.'], /holds nothing of Argo CD/],
    ['no name of a cluster', ['import', 'flux', '.', '--cluster', ' '], /like staging=staging-eu/],
  ])('refuses %s with 2, and without a stack', async (_what, parameters, words) => {
    const folder = await mkdtemp(join(tmpdir(), 'converge-import-'));
    const ended = await runConverge(parameters, { folder });
    expect(ended).toMatchObject({ code: 2, out: '' });
    expect(ended.err).toMatch(words);
    expect(ended.err).not.toMatch(/\n\s+at /);
  });
});

describe('what an imported environment renders', () => {
  it('is what Kustomize makes of the folder of Flux, without the objects of Flux', async () => {
    const { folder } = await convert('flux', '--out', 'out');
    const root = await moved(folder);
    const { HelmRelease: _release, ...before } = await byKind(root, 'apps/staging');
    const { sources } = await environmentOf(root, 'staging-apps');
    expect(Object.values(await rendered(root, sources))).toEqual(before['Namespace']);
  });

  it('has the values that Kustomize gives to the HelmRelease', async () => {
    const { folder } = await convert('flux', '--out', 'out');
    const root = await moved(folder);
    for (const cluster of ['staging', 'production']) {
      const { HelmRelease: [release] = [] } = await byKind(root, `apps/${cluster}`);
      const { sources } = await environmentOf(root, `${cluster}-shop`);
      const values = `config/${cluster}-shop.yaml`;
      expect(sources).toEqual([{ kind: 'helm', chart: 'charts/shop', release: 'shop', values: [values] }]);
      expect(load(await readFile(join(root, values), 'utf8'))).toEqual(
        release?.['spec' as keyof KubernetesObject]?.['values' as never],
      );
    }
  });

  it('of an Application with a chart is what Argo CD renders: files, then values, then parameters', async () => {
    const { folder } = await convert('argocd', '--out', 'out');
    const root = await moved(folder);
    const { sources } = await environmentOf(root, 'shop');
    expect(await rendered(root, sources)).toMatchObject({
      'ConfigMap shop-settings': { data: { greeting: 'Welcome back', replicas: '2', tag: '1.5.0' } },
    });
  });

  it('of an Application with options of Kustomize is what these make of its overlay', async () => {
    const { folder } = await convert('argocd', '--out', 'out');
    const root = await moved(folder);
    const { sources } = await environmentOf(root, 'web');
    expect(await rendered(root, sources)).toMatchObject({
      'Pod eu-web': { spec: { containers: [{ name: 'web', image: 'registry.example.com/web:1.5.0' }] } },
    });
  });

  async function byKind(root: string, folder: string): Promise<Partial<Record<string, KubernetesObject[]>>> {
    return Object.groupBy(Object.values(await rendered(root, [{ kind: 'kustomize', folder }])), ({ kind }) => kind);
  }
});
