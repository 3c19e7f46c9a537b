import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import { beforeAll, describe, expect, it } from 'vitest';
import { renderOutputSchema } from '../../../cli/output-schemas.ts';
import { showRender, type RenderOptions } from '../../../cli/render.ts';
import type { KubernetesObject } from '../../../shared/objects/kubernetes-object.ts';
import { configMap, shop } from '../pipeline/reconcile/runs/files.ts';
import { createWorld } from '../pipeline/reconcile/world/world.ts';
import { contextOf } from './context.ts';
import { environmentText, folderWith, offlineWith, type Rendering } from './offline-tree.ts';

const options: RenderOptions = {
  kubeVersion: { version: 'v1.36.3', isSaid: true },
  apiVersions: [],
  resource: [],
  clusterResource: [],
  workingTree: '.',
  hooks: true,
};
const noContext = (): never => {
  throw new Error('no configuration is asked for');
};
const object = (kind: string, name: string, more: object = {}): KubernetesObject => ({
  apiVersion: kind === 'Deployment' ? 'apps/v1' : 'v1',
  kind,
  metadata: { name },
  ...more,
});
const password = object('Secret', 'login', { stringData: { password: 'correct horse' } });
const objects = [object('Deployment', 'web'), object('ConfigMap', 'settings'), password, object('Namespace', 'other')];

let folder: string;
beforeAll(async () => {
  folder = await folderWith({
    'environments/acme.yaml': environmentText('acme'),
    'manifests/acme/web.yaml': '# the shop\n\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n',
  });
});

const render = async (name: string, more: Partial<RenderOptions> = {}, acme: Rendering = { objects }) =>
  showRender(offlineWith(folder, { acme }), noContext, name, { ...options, ...more });
const textOf = ({ lines }: { lines: readonly { text: string }[] }): string => lines.map(({ text }) => text).join('\n');
const namesOf = (told: { lines: readonly { text: string }[] }): unknown[] =>
  loadAll(textOf(told)).map((document) => (document as KubernetesObject).metadata.name);

describe('converge render', () => {
  it('prints what is applied, in the order in which it is, with namespace, label and annotations', async () => {
    const told = await render('develop/acme');
    expect(namesOf(told)).toEqual(['other', 'settings', 'login', 'web']);
    expect(loadAll(textOf(told)).at(-1)).toEqual({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: {
        name: 'web',
        namespace: 'acme',
        labels: { 'applyset.kubernetes.io/part-of': expect.stringMatching(/^applyset-.*-v1$/) as string },
        annotations: { 'converge.dev/environment': 'develop/acme', 'converge.dev/object': 'apps/Deployment/acme/web' },
      },
    });
    expect(renderOutputSchema.parse(told.json)).toMatchObject({ environment: 'develop/acme', revision: null });
  });

  it('hides the values of Secrets, unless it is told not to', async () => {
    const hidden = await render('acme');
    expect(JSON.stringify(hidden)).not.toContain(Buffer.from('correct horse').toString('base64'));
    expect(textOf(hidden)).toContain("password: '***'");
    expect(hidden.notes).toContain('the values of Secrets are hidden (--show-secrets)');
    expect(textOf(await render('acme', { showSecrets: true }))).toContain(
      Buffer.from('correct horse').toString('base64'),
    );
  });

  it('names the file of each, and the line where its YAML begins', async () => {
    const text = textOf(await render('acme', { showSources: true }));
    expect(text).toContain('---\n# Source: manifests/acme/web.yaml:3\napiVersion: apps/v1');
    expect(text).toContain('# Source: manifests/acme/settings.yaml\n');
  });

  it('puts hooks where they run, says of what they are, and leaves them out where it is told to', async () => {
    const hook = (name: string, event: string) => ({
      object: object('Pod', name),
      source: 'charts/shop/templates/x.yaml',
      release: 'shop',
      events: [event],
    });
    const hooks = [hook('after', 'post-install'), hook('before', 'pre-upgrade'), hook('try-out', 'test')];
    const told = await render('acme', { showSources: true }, { objects, hooks });
    expect(namesOf(told)).toEqual(['before', 'other', 'settings', 'login', 'web', 'after']);
    expect(textOf(told)).toContain('# Hook of shop: pre-upgrade');
    expect(namesOf(await render('acme', { hooks: false }, { objects, hooks }))).toHaveLength(4);
  });

  it('says what only the cluster would have known', async () => {
    const query = { apiVersion: 'v1', kind: 'Secret', namespace: 'acme', name: 'ca' };
    const tariff = { apiVersion: 'family.example/v1', kind: 'Tariff', metadata: { name: 'basic' } };
    const told = await render(
      'acme',
      { kubeVersion: { version: 'v1.36.3', isSaid: false } },
      { objects: [tariff], asks: async ({ lookup, seed }) => [await seed(), await lookup?.(query)] },
    );
    const notes = told.notes?.join('\n');
    expect(notes).toContain('converge.dev/environment says master; say CLASS/acme');
    expect(notes).toContain('charts were told v1.36.3 (--kube-version)');
    expect(notes).toContain('Secret acme/ca');
    expect(notes).toContain('random values');
    expect(notes).toContain('--cluster-resource Tariff.family.example=PLURAL');
  });

  it('takes an older commit of the checkout, and leaves its files and its index as they are', async () => {
    const git = (...parameters: string[]): void => {
      execFileSync('git', ['-C', folder, '-c', 'user.name=a', '-c', 'user.email=a@b', ...parameters], {
        stdio: 'pipe',
      });
    };
    git('init', '--quiet');
    git('add', 'environments', 'manifests');
    git('commit', '--quiet', '--message', 'first');
    const index = readFileSync(join(folder, '.git/index'));
    writeFileSync(join(folder, 'environments/later.yaml'), environmentText('later'));
    const seen: string[] = [];
    const asks = async ({ root }: { root: string }) => seen.push(...readdirSync(join(root, 'environments')));
    expect(
      renderOutputSchema.parse((await render('acme', { revision: 'HEAD' }, { objects, asks })).json).revision,
    ).toMatch(/^[0-9a-f]{40}$/);
    expect(seen).toEqual(['acme.yaml']);
    expect(readFileSync(join(folder, '.git/index'))).toEqual(index);
    await expect(render('acme', { revision: '--output=x' })).rejects.toMatchObject({ exit: 2, subject: '--output=x' });
  });

  it.each([
    [
      'acmee',
      {},
      { problem: 'is no environment of .', remedy: expect.stringContaining('did you mean acme?') as string },
    ],
    ['acme', { workingTree: 'nowhere' }, { problem: 'is not there' }],
    [
      'acme',
      { workingTree: 'manifests' },
      { problem: 'holds no folder environments/, where environments are declared' },
    ],
    ['acme', { workingTree: 'environments/acme.yaml' }, { problem: 'is no folder' }],
    ['acme', { workingTree: undefined }, { subject: 'configuration' }],
  ] as const)('refuses %s of %j', async (name, more, error) => {
    const offline = offlineWith(folder, { acme: { objects } });
    await expect(
      showRender(offline, noContext, name, { ...options, ...more } as unknown as RenderOptions),
    ).rejects.toMatchObject({ exit: 2, ...error });
  });

  it('refuses what renders to nothing', async () => {
    await expect(render('acme', {}, {})).rejects.toMatchObject({ code: 'EmptyRender' });
  });
});

describe('converge render, of a branch', () => {
  it('takes the head, or the commit that is named, and what is no commit of the branch is refused', async () => {
    const world = createWorld();
    world.git.add(shop([configMap('colors')]));
    const first = await world.git.fetchHead();
    world.git.add(shop([configMap('colors', { color: 'blue' })]));
    const context = contextOf(world);
    const { config } = context;
    const offline = {
      ...offlineWith('/', { acme: { objects } }),
      configuration: { config, statusUrl: undefined, pubsub: undefined },
    };
    const { workingTree: _none, ...branch } = options;
    const revisionOf = async (more: Partial<RenderOptions>): Promise<string | null> => {
      const told = await showRender(offline, () => context, 'shop', { ...branch, ...more });
      return renderOutputSchema.parse(told.json).revision;
    };
    const head = await world.git.fetchHead();
    expect(first?.id).not.toBe(head?.id);
    expect(await revisionOf({})).toBe(`main@sha1:${head?.id}`);
    expect(await revisionOf({ revision: first?.id.slice(0, 12) ?? '' })).toBe(`main@sha1:${first?.id}`);
    await expect(revisionOf({ revision: 'v1.0' })).rejects.toMatchObject({ exit: 2, subject: 'v1.0' });
    await expect(revisionOf({ revision: '0123456789' })).rejects.toMatchObject({
      problem: 'is no commit of the branch main',
    });
  });
});
