import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ensureProgram } from '../../local/programs.ts';
import { createRenderer } from '../../shared/adapters/renderer.ts';
import { objectIdOf, objectKey } from '../../shared/objects/object-id.ts';
import type { Renderer } from '../../shared/ports/renderer.ts';
import { renderSeconds } from '../guards.ts';

/** Manifests of well-known projects, from the folder that CONVERGE_CONFORMANCE names: each file must render. */
const folder = process.env['CONVERGE_CONFORMANCE'];
const entries =
  folder === undefined ? [] : await readdir(join(folder, 'manifests'), { recursive: true, withFileTypes: true });
const root = join(folder ?? '', 'manifests');
const files = entries
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
  .sort();

describe.skipIf(folder === undefined)('published manifests', () => {
  let renderer: Renderer;
  let objects = 0;

  beforeAll(async () => {
    renderer = createRenderer({ program: await ensureProgram('render') });
    return () => console.log(`manifests: ${objects} objects in ${files.length} files`);
  });

  it.each(files)('%s renders', async (path) => {
    const render = await renderer.render({
      root,
      sources: [{ kind: 'manifests', path }],
      namespace: 'acme',
      kubernetesVersion: 'v1.36.3',
      apiVersions: ['v1'],
      absent: [],
      limits: { seconds: renderSeconds, mebibytes: 512 },
      seed: async () => expect.unreachable('manifests draw no random values'),
      lookup: undefined,
    });
    expect(render.reads).toEqual([path]);
    expect(render.objects.length).toBeGreaterThan(0);
    expect(new Set(render.objects.map(({ object }) => objectKey(objectIdOf(object)))).size).toBe(render.objects.length);
    objects += render.objects.length;
  });
});
