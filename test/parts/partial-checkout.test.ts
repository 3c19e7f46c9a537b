import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureProgram } from '../../local/programs.ts';
import { createRenderer } from '../../shared/adapters/renderer.ts';
import type { EnvironmentSource } from '../../shared/environment/environment-file.ts';
import type { Checkout, Repository, TreeChange } from '../../shared/ports/git.ts';
import type { Render, Renderer } from '../../shared/ports/renderer.ts';
import { startFaultyGitHost, type FaultyGitHost } from '../e2e/faulty-git-host.ts';
import { buildMilliseconds } from '../guards.ts';
import { commitAndPush, file, gitHostOfFile } from './git-host-of-file.ts';

const run = promisify(execFile);
const host = gitHostOfFile({ tests: 20 });
let proxy: FaultyGitHost | undefined;
let renderer: Renderer;
beforeAll(async () => {
  renderer = createRenderer({ program: await ensureProgram('render') });
}, buildMilliseconds);
afterAll(async () => proxy?.stop());

const configMap = (name: string): string =>
  `${JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } })}\n`;
const chart = 'apiVersion: v2\nname: shop\nversion: 1.0.0\n';
const large: TreeChange = { path: 'large/0.bin', content: randomBytes(300_000), executable: false };
const files: readonly TreeChange[] = [
  file('README.md', 'read me\n'),
  file('overlays/acme/kustomization.yaml', 'resources: [../../bases/claims, own.yaml]\n'),
  file('overlays/acme/own.yaml', configMap('own')),
  file('bases/claims/kustomization.yaml', 'resources: [web.yaml, parts]\n'),
  file('bases/claims/web.yaml', configMap('web')),
  file('bases/claims/parts/kustomization.yaml', 'resources: [deep.yaml]\n'),
  file('bases/claims/parts/deep.yaml', configMap('deep')),
  file('charts/shop/Chart.yaml', chart),
  file('charts/shop/templates/shop.yaml', configMap('shop')),
  large,
];
const overlay: EnvironmentSource = { kind: 'kustomize', folder: 'overlays/acme' };
const shop: EnvironmentSource = { kind: 'helm', chart: 'charts/shop', release: 'shop', values: [] };

/** A new instance, by way of what counts its requests, and the newest commit. */
async function open(changes: readonly TreeChange[] = files): Promise<{ repository: Repository; head: string }> {
  if (changes.length > 0) await commitAndPush({ repository: host.open(), changes });
  proxy ??= await startFaultyGitHost({ url: (name) => host.url.replace(host.name, name) });
  proxy.mend();
  const repository = host.open({ settings: { url: proxy.url(host.name) } });
  return { repository, head: (await repository.fetchHead())?.id ?? '' };
}

const fetches = (): number => proxy?.requests.filter(({ step }) => step === 'fetch').length ?? 0;
const received = (): number => proxy?.requests.reduce((sum, { answerBytes }) => sum + answerBytes, 0) ?? 0;

async function render(checkout: Checkout, sources: readonly EnvironmentSource[]): Promise<Render> {
  const { folder, ...tree } = checkout;
  return await renderer.render({
    ...{ root: folder, ...tree, sources, namespace: 'acme', kubernetesVersion: 'v1.36.3', apiVersions: ['v1'] },
    limits: { seconds: 20, mebibytes: 512 },
    seed: async () => expect.unreachable('nothing is drawn'),
    lookup: undefined,
  });
}

const names = ({ objects }: Render): string[] => objects.map(({ object }) => object.metadata.name ?? '');

describe('a render of a partial checkout', () => {
  it('reads what it declares, what that leads to, and nothing else', async () => {
    const { repository, head } = await open();
    const checkout = await repository.checkout(head, ['overlays/acme', 'charts/shop']);
    expect(checkout.partial?.whole).toEqual(['overlays/acme', 'charts/shop']);
    // The trees, and what is declared.
    expect(fetches()).toBe(2);
    const made = await render(checkout, [overlay, shop]);
    expect(names(made).sort((a, b) => (a < b ? -1 : 1))).toEqual(['deep', 'own', 'shop', 'web']);
    expect(made.reads).toContain('bases/claims/parts/deep.yaml');
    // Each folder of the base, its texts together.
    expect(fetches()).toBe(4);
    expect(received()).toBeLessThan(20_000);
    expect((await stat(join(checkout.folder, 'README.md'))).size).toBe(0);
    expect(await readdir(join(checkout.folder, 'large'))).toEqual([]);
  });

  it('is the same as one of a whole checkout, whichever of them is first', async () => {
    const { repository, head } = await open();
    const first = await render(await repository.checkout(head, ['overlays/acme']), [overlay]);
    const other = await render(await repository.checkout(head, ['charts/shop']), [shop]);
    const checkout = await repository.checkout(head);
    expect(checkout.partial).toBeUndefined();
    expect(await readFile(join(checkout.folder, 'README.md'), 'utf8')).toBe('read me\n');
    expect((await readFile(join(checkout.folder, 'large/0.bin'))).length).toBe(300_000);
    expect(await render(checkout, [overlay])).toEqual(first);
    expect(await render(checkout, [shop])).toEqual(other);
    expect(await render(await repository.checkout(head, ['overlays/acme']), [overlay])).toEqual(first);
  });

  it('links what the checkout of before has, and never what is empty in it', async () => {
    const { repository, head } = await open();
    const before = await repository.checkout(head, ['charts/shop']);
    await commitAndPush({ repository: host.open(), changes: [file('README.md', 'changed\n')] });
    const next = (await repository.fetchHead())?.id ?? '';
    const after = await repository.checkout(next, ['charts/shop', 'overlays/acme']);
    const inode = async (folder: string): Promise<number> => (await stat(join(folder, 'charts/shop/Chart.yaml'))).ino;
    expect(await inode(after.folder)).toBe(await inode(before.folder));
    expect(await readFile(join(after.folder, 'overlays/acme/own.yaml'), 'utf8')).toBe(configMap('own'));
  });

  it('follows links out of what it declares', async () => {
    const { repository } = await open();
    const linked = run('git', ['--git-dir', host.path, 'fast-import', '--quiet', '--force']);
    linked.child.stdin?.end(
      'commit refs/heads/main\ncommitter Ada <ada@example.com> 1795222924 +0000\ndata 1\nx\nfrom refs/heads/main^0\n' +
        'M 120000 inline manifests/claims\ndata 15\n../bases/claims\nM 120000 inline bases/web\ndata 15\nclaims/web.yaml\n\n',
    );
    await linked;
    const head = (await repository.fetchHead())?.id ?? '';
    const manifests: EnvironmentSource = { kind: 'manifests', path: 'manifests' };
    const checkout = await repository.checkout(head, ['manifests']);
    expect(names(await render(checkout, [manifests])).sort((a, b) => (a < b ? -1 : 1))).toEqual(['deep', 'web']);
  });

  it('says what is not there', async () => {
    const missing: EnvironmentSource = { kind: 'kustomize', folder: 'overlays/missing' };
    const kustomization = file('overlays/missing/kustomization.yaml', 'resources: [../../bases/nowhere]\n');
    const { repository, head } = await open([...files, kustomization]);
    const checkout = await repository.checkout(head, ['overlays/missing']);
    await expect(render(checkout, [missing])).rejects.toMatchObject({
      code: 'RenderFailed',
      message: expect.stringContaining('bases/nowhere'),
    });
  });

  it('ends with what the Git host says, and is no failed render', async () => {
    const { repository, head } = await open();
    const checkout = await repository.checkout(head, ['overlays/acme']);
    proxy?.fail(() => ({ fault: 'answer', status: 503 }));
    await expect(render(checkout, [overlay])).rejects.toMatchObject({ code: 'GitUnavailable', disposition: 'retry' });
    proxy?.mend();
    expect(names(await render(checkout, [overlay]))).toContain('deep');
  });
});

describe('what a partial checkout is asked for', () => {
  it('comes, but for what is nowhere or elsewhere', async () => {
    const { repository, head } = await open();
    const { partial, folder } = await repository.checkout(head, ['charts/shop']);
    for (const path of ['nowhere', 'README.md/x', '..', '../x', '/etc/passwd', 'large/../README.md', '.git'])
      expect(await partial?.bring(path)).toBe('unknown');
    expect(await partial?.bring('large')).toEqual({ absent: [] });
    expect((await stat(join(folder, 'large/0.bin'))).size).toBe(0);
    expect(await partial?.bring('large/0.bin')).toEqual({ absent: [] });
    expect((await stat(join(folder, 'large/0.bin'))).size).toBe(300_000);
  });
});
