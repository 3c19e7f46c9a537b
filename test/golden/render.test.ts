import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureProgram } from '../../local/programs.ts';
import { createRenderer } from '../../shared/adapters/renderer.ts';
import type { EnvironmentSource } from '../../shared/environment/environment-file.ts';
import type { Renderer, RenderRequest } from '../../shared/ports/renderer.ts';
import { rejectionOf } from '../refusal.ts';
import { buildMilliseconds, renderSeconds } from '../guards.ts';
import { writeFiles } from '../write-files.ts';

/**
 * Each folder of `render/` is a small repository, named by its expected result, with the request to render it by
 * (what it leaves out stands in `usual`) and what must come of it: `expected.json`, or `expected-error.txt` where the
 * name begins with `refuses`; `vitest -u` rewrites them: read the difference. Where it begins with `dies`, no library
 * stops the render, but its limits do.
 */
const fixtures = join(import.meta.dirname, 'render');

const usual: Omit<RenderRequest, 'root' | 'sources'> = {
  namespace: 'acme',
  kubernetesVersion: 'v1.36.3',
  apiVersions: ['v1', 'apps/v1', 'apps/v1/Deployment', 'batch/v1'],
  absent: [],
  limits: { seconds: renderSeconds, mebibytes: 512 },
  seed: async () => ({ seed: Buffer.alloc(32, 'seed').toString('base64'), time: '2026-11-21T01:02:03.456Z' }),
  lookup: undefined,
};

const names = await readdir(fixtures);
const refused = names.filter((name) => name.startsWith('refuses-'));
const fatal = names.filter((name) => name.startsWith('dies-'));
const rendered = names.filter((name) => !refused.includes(name) && !fatal.includes(name));

let renderer: Renderer;
let scratch: string;

beforeAll(async () => {
  renderer = createRenderer({ program: await ensureProgram('render') });
  scratch = await mkdtemp(join(tmpdir(), 'converge-render-'));
}, buildMilliseconds);

afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
});

describe('the renderer', () => {
  it.each(rendered)('%s', async (name) => {
    const { size: _size, ...render } = await renderer.render(await requestOf(name));
    await expect(`${JSON.stringify(render, null, 2)}\n`).toMatchFileSnapshot(join(fixtures, name, 'expected.json'));
  });

  it.each(refused)('%s', async (name) => {
    const error = await rejectionOf(renderer.render(await requestOf(name)));
    expect(error).toMatchObject({ code: 'RenderFailed', disposition: 'refuse' });
    await expect(`${error.message}\n`).toMatchFileSnapshot(join(fixtures, name, 'expected-error.txt'));
  });

  it.each(fatal)('%s', async (name) => {
    const error = await rejectionOf(renderer.render(await requestOf(name)));
    expect(error).toMatchObject({
      code: 'RenderFailed',
      disposition: 'refuse',
      subject: 'overlay overlays/production, overlays/production/bomb.yaml',
    });
    expect(error.message).toContain('256 MiB');
  });

  it('calls nobody, whoever a chart or an overlay refers to', async () => {
    let calls = 0;
    const server = createServer((_request, response) => {
      calls += 1;
      response.end('{}');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the server has no port');
    const url = `http://127.0.0.1:${address.port}`;
    const root = await repository({
      'shop/Chart.yaml': Buffer.from('apiVersion: v2\nname: shop\nversion: 1.0.0\n'),
      'shop/values.schema.json': Buffer.from(JSON.stringify({ $ref: `${url}/schema.json` })),
      'resource/kustomization.yaml': Buffer.from(`resources: ["${url}/web.yaml"]\n`),
      'crds/kustomization.yaml': Buffer.from(`crds: ["${url}/crds.json"]\n`),
      'files/kustomization.yaml': Buffer.from(`configMapGenerator: [{ name: page, files: ["${url}/page.html"] }]\n`),
    });
    const sources: EnvironmentSource[] = [
      { kind: 'helm', chart: 'shop', release: 'shop', values: [] },
      ...['resource', 'crds', 'files'].map((folder): EnvironmentSource => ({ kind: 'kustomize', folder })),
    ];
    try {
      const errors = await Promise.all(
        sources.map((source) => rejectionOf(renderer.render({ ...usual, root, sources: [source] }))),
      );
      expect(errors.map(({ message }) => message)).toEqual(sources.map(() => expect.stringContaining(url)));
      expect(calls).toBe(0);
    } finally {
      server.close();
    }
  });

  it('renders the same, byte for byte, every time', async () => {
    const request = await requestOf('renders-the-subcharts-that-their-conditions-enable');
    const renders = await Promise.all(Array.from({ length: 8 }, () => renderer.render(request)));
    expect(new Set(renders.map((render) => JSON.stringify(render))).size).toBe(1);
  });

  it('renders a packaged chart', async () => {
    const archive = pack();
    archive.entry({ name: 'shop/Chart.yaml' }, 'apiVersion: v2\nname: shop\nversion: 1.0.0\n');
    archive.entry({ name: 'shop/templates/web.yaml' }, 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: web }\n');
    archive.finalize();
    const root = await repository({ 'charts/shop-1.0.0.tgz': gzipSync(await buffer(archive)) });
    const chart = 'charts/shop-1.0.0.tgz';
    expect(
      await renderer.render({ ...usual, root, sources: [{ kind: 'helm', chart, release: 'shop', values: [] }] }),
    ).toEqual({
      objects: [
        {
          object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'web' } },
          source: `${chart}/templates/web.yaml`,
        },
      ],
      hooks: [],
      reads: [chart],
      size: expect.any(Number),
    });
  });

  it('renders 50 MB', async () => {
    const page = 'ü€xxxxx'.repeat(25_000);
    const document = `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: page }\ndata: { page: "${page}" }\n`;
    const pages = Array.from(
      { length: 200 },
      (_, index) => [`manifests/${index}.yaml`, Buffer.from(document)] as const,
    );
    const root = await repository(Object.fromEntries(pages));
    const { objects } = await renderer.render({ ...usual, root, sources: [{ kind: 'manifests', path: 'manifests' }] });
    expect(objects.map(({ object }) => JSON.stringify(object.data))).toEqual(
      pages.map(() => JSON.stringify({ page: page })),
    );
  });

  it('kills a render at its deadline, and names the limit and the file', async () => {
    const request = await spinning('{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}');
    const error = await rejectionOf(renderer.render({ ...request, limits: { seconds: 1, mebibytes: 512 } }));
    expect(error).toMatchObject({
      code: 'RenderFailed',
      disposition: 'refuse',
      subject: 'chart charts/shop, charts/shop/templates/web.yaml',
    });
    expect(error.message).toContain('limit of 1 s');
  });

  it('lets no render outgrow its memory, and names the limit and the file', async () => {
    const request = await spinning(
      '{{ $all := list }}{{ range until 100 }}{{ $all = append $all (until 1000000) }}{{ end }}',
    );
    const error = await rejectionOf(
      renderer.render({ ...request, limits: { seconds: renderSeconds, mebibytes: 128 } }),
    );
    expect(error).toMatchObject({
      code: 'RenderFailed',
      disposition: 'refuse',
      subject: 'chart charts/shop, charts/shop/templates/web.yaml',
    });
    expect(error.message).toContain('128 MiB');
  });

  it('says that a repository that is not there may be there later', async () => {
    const error = await rejectionOf(renderer.render({ ...usual, root: join(scratch, 'absent'), sources: [] }));
    expect(error).toMatchObject({ code: 'RenderFailed', disposition: 'retry', subject: join(scratch, 'absent') });
  });

  it('says what it read, and where it found nothing, until it failed', async () => {
    const overlay = (base: string) => Buffer.from(`resources: [${base}]\n`);
    const kustomize = { kind: 'kustomize', folder: 'overlays/acme' } as const;
    const missing = await repository({
      'overlays/acme/kustomization.yaml': overlay('../../bases/shop'),
      'overlays/other/kustomization.yaml': overlay('../../bases/other'),
      'bases/other/kustomization.yaml': overlay('web.yaml'),
    });
    const first = await rejectionOf(renderer.render({ ...usual, root: missing, sources: [kustomize] }));
    expect(first).toMatchObject({ code: 'RenderFailed', disposition: 'refuse' });
    expect(first).toHaveProperty('reads', expect.arrayContaining(['bases/shop', 'overlays/acme/kustomization.yaml']));
    expect(first).toHaveProperty('reads', expect.not.arrayContaining(['bases']));

    const broken = await repository({
      'overlays/acme/kustomization.yaml': overlay('../../bases/shop'),
      'bases/shop/kustomization.yaml': overlay('web.yaml'),
      'bases/shop/web.yaml': Buffer.from('{'),
      'bases/shop/unused.yaml': Buffer.from('{'),
    });
    const second = await rejectionOf(renderer.render({ ...usual, root: broken, sources: [kustomize] }));
    expect(second).toHaveProperty(
      'reads',
      expect.arrayContaining(['bases/shop/kustomization.yaml', 'bases/shop/web.yaml']),
    );
    expect(second).toHaveProperty('reads', expect.not.arrayContaining(['bases/shop/unused.yaml']));
  });

  it.each(['absent', 'not-executable'])('blames the configuration for a program that is %s', async (name) => {
    await writeFile(join(scratch, 'not-executable'), '');
    const broken = createRenderer({ program: join(scratch, name) });
    const error = await rejectionOf(broken.render({ ...usual, root: scratch, sources: [] }));
    expect(error).toMatchObject({ code: 'BadConfiguration', disposition: 'refuse', subject: join(scratch, name) });
  });

  it.each(['nonsense', '{"object":{"kind":"Pod"},"source":"a.yaml"}'])(
    'refuses %s as a line of the program',
    async (line) => {
      const program = join(scratch, 'babbling');
      await writeFile(program, `#!/bin/sh\necho '${line}'\n`, { mode: 0o755 });
      const error = await rejectionOf(createRenderer({ program }).render({ ...usual, root: scratch, sources: [] }));
      expect(error).toMatchObject({
        code: 'RenderFailed',
        disposition: 'refuse',
        subject: 'the renderer',
        remedy: 'the renderer and the functions must be of one version',
      });
      expect(error.message).not.toContain(line);
    },
  );
});

async function requestOf(name: string): Promise<RenderRequest> {
  const text = await readFile(join(fixtures, name, 'request.json'), 'utf8');
  const request: Pick<RenderRequest, 'sources'> & Partial<RenderRequest> = JSON.parse(text);
  return { ...usual, ...request, root: join(fixtures, name, 'repository') };
}

async function repository(files: Readonly<Record<string, Uint8Array>>): Promise<string> {
  const root = await mkdtemp(join(scratch, 'repository-'));
  await writeFiles(root, files);
  return root;
}

async function spinning(template: string): Promise<RenderRequest> {
  const root = await repository({
    'charts/shop/Chart.yaml': Buffer.from('apiVersion: v2\nname: shop\nversion: 1.0.0\n'),
    'charts/shop/templates/web.yaml': Buffer.from(template),
  });
  return { ...usual, root, sources: [{ kind: 'helm', chart: 'charts/shop', release: 'shop', values: [] }] };
}
