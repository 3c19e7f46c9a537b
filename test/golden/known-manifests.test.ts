import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureProgram } from '../../local/programs.ts';
import { createRenderer } from '../../shared/adapters/renderer.ts';
import type { EnvironmentSource } from '../../shared/environment/environment-file.ts';
import { ConvergeError } from '../../shared/base/errors.ts';
import type { Render, Renderer, RenderRequest } from '../../shared/ports/renderer.ts';
import { buildMilliseconds, renderSeconds } from '../guards.ts';

const usual: Omit<RenderRequest, 'root'> = {
  namespace: 'acme',
  kubernetesVersion: 'v1.36.3',
  apiVersions: ['v1'],
  absent: [],
  limits: { seconds: renderSeconds, mebibytes: 512 },
  seed: async () => expect.unreachable('manifests draw nothing'),
  lookup: undefined,
  // Some files belong to two sources, and to an overlay that reads them as something else.
  sources: [
    ...['manifests', 'manifests/inner', 'manifests/a.yaml'].map((path): EnvironmentSource => ({
      kind: 'manifests',
      path,
    })),
    { kind: 'kustomize', folder: 'manifests' },
  ],
};
const paths = [
  'manifests/a.yaml',
  'manifests/b.yaml',
  'manifests/inner/a.yaml',
  'manifests/inner/c.json',
  'manifests/z.yaml',
];
const kustomization = 'resources: [a.yaml]\nnamePrefix: prefixed-\n';

const configMap = (name: string, annotations = {}) =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, annotations } });
const contents = [
  configMap('one'),
  `${configMap('two')}\n---\n${configMap('three')}\n`,
  `${configMap('migrate', { 'helm.sh/hook': 'pre-install' })}\n---\n${configMap('beside')}\n`,
  configMap('tried', { 'helm.sh/hook': 'test' }),
  `{"apiVersion": "v1", "kind": "List", "items": [${configMap('listed')}, ${configMap('listed-too')}]}`,
  '\n',
  'kind: ConfigMap\n',
];
/** What a file becomes in place of a content. */
const others = ['nothing', 'link'] as const;

let program: string;
let scratch: string;

beforeAll(async () => {
  program = await ensureProgram('render');
  scratch = await mkdtemp(join(tmpdir(), 'converge-known-'));
}, buildMilliseconds);

afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
});

describe('manifests whose objects an instance knows', () => {
  it.each([1, 2, 3, 4])(
    'render as they do in an instance that knows nothing, whatever is edited (seed %i)',
    async (seed) => {
      const draw = generator(seed);
      const warm = createRenderer({ program });
      const files = new Map(paths.map((path, index) => [path, contents[index] ?? '']));
      for (let commit = 0; commit < 12; commit++) {
        const edited = paths[draw(paths.length)] ?? '';
        files.set(edited, [...contents, ...others][draw(contents.length + others.length)] ?? '');
        const request = { ...usual, root: await write(files) };
        const rendered = await outcomeOf(warm, request);
        expect(rendered).toEqual(await outcomeOf(createRenderer({ program }), request));
        if ('objects' in rendered) warm.kept.keep('key', { inputs: {}, answers: [], render: rendered });
      }
    },
  );

  it('are not rendered again', async () => {
    const sources: EnvironmentSource[] = [{ kind: 'manifests', path: 'manifests' }];
    const files = { 'manifests/a.yaml': configMap('one'), 'manifests/b.yaml': configMap('two') };
    const renderer = createRenderer({ program });
    const before = await renderer.render({ ...usual, sources, root: await write(new Map(Object.entries(files))) });
    renderer.kept.keep('key', { inputs: {}, answers: [], render: before });
    const after = await renderer.render({
      ...usual,
      sources,
      root: await write(new Map(Object.entries({ ...files, 'manifests/b.yaml': configMap('three') }))),
    });
    expect(after.objects.map(({ object }) => object.metadata.name)).toEqual(['one', 'three']);
    expect(after.objects[0]).toBe(before.objects[0]);
    expect(after.reads).toEqual(before.reads);
  });
});

async function outcomeOf(renderer: Renderer, request: RenderRequest): Promise<Render | { readonly error: string }> {
  return await renderer.render(request).catch((error: unknown) => {
    if (error instanceof ConvergeError) return { error: error.message };
    throw error;
  });
}

async function write(files: ReadonlyMap<string, string>): Promise<string> {
  const root = await mkdtemp(join(scratch, 'repository-'));
  for (const [path, content] of [...files, ['manifests/kustomization.yaml', kustomization] as const]) {
    if (content === 'nothing') continue;
    await mkdir(dirname(join(root, path)), { recursive: true });
    if (content === 'link') await symlink(path.includes('inner') ? '../b.yaml' : 'b.yaml', join(root, path));
    else await writeFile(join(root, path), content);
  }
  await mkdir(join(root, 'manifests/inner'), { recursive: true });
  return root;
}

/** Numbers below a bound that are the same in every run: a linear congruential generator. */
function generator(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return Math.floor((state / 2 ** 32) * bound);
  };
}
