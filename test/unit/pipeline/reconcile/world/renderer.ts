import { createHash } from 'node:crypto';
import { z } from 'zod';
import { ConvergeError } from '../../../../../shared/base/errors.ts';
import type { EnvironmentSource } from '../../../../../shared/environment/environment-file.ts';
import type {
  KubernetesObject,
  RenderedHook,
  RenderedObject,
} from '../../../../../shared/objects/kubernetes-object.ts';
import type { KeptRender, Render, Renderer, RenderRequest } from '../../../../../shared/ports/renderer.ts';
import { isMap } from './field-sets.ts';
import type { Tree } from './repository.ts';

const objectSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string().optional(),
    labels: z.record(z.string(), z.string()).optional(),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
});

/**
 * Renders files that hold objects as JSON lists. In a chart, `$random` is drawn from the seed, and `$lookup(ConfigMap
 * acme/other color)` is what the data of that object says.
 *
 * @param treeOf the files of a checkout
 */
export function recordingRenderer(treeOf: (root: string) => Tree): Renderer & { readonly renders: string[] } {
  const kept = new Map<string, KeptRender[]>();
  const renders: string[] = [];
  return {
    renders,
    version: async () => '1',
    async render(request) {
      const tree = treeOf(request.root);
      const objects: RenderedObject[] = [];
      const hooks: RenderedHook[] = [];
      const reads: string[] = [];
      for (const source of request.sources) {
        for (const path of filesOf({ source, tree })) {
          reads.push(path);
          const isChart = source.kind === 'helm';
          const text = isChart ? await filledIn(tree[path] ?? '', request) : (tree[path] ?? '');
          for (const object of parsed({ path, text, reads })) {
            const event = object.metadata.annotations?.['helm.sh/hook'];
            if (isChart && event !== undefined)
              hooks.push({ object, source: path, release: source.release, events: event.split(',') });
            else objects.push({ object, source: path });
          }
        }
      }
      renders.push(reads.join(' '));
      return { objects, hooks, reads: reads.sort(), size: 0 } satisfies Render;
    },
    kept: {
      find: (key) => kept.get(key) ?? [],
      keep: (key, render) => void kept.set(key, [...(kept.get(key) ?? []), render]),
    },
  };
}

function filesOf({ source, tree }: { source: EnvironmentSource; tree: Tree }): string[] {
  const folder = source.kind === 'helm' ? source.chart : source.kind === 'kustomize' ? source.folder : source.path;
  return Object.keys(tree)
    .filter((path) => path === folder || path.startsWith(`${folder}/`))
    .sort();
}

function parsed({ path, text, reads }: { path: string; text: string; reads: readonly string[] }): KubernetesObject[] {
  try {
    return z.array(objectSchema).parse(JSON.parse(text));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new ConvergeError({
      code: 'RenderFailed',
      subject: path,
      message: 'does not parse',
      reads,
      disposition: 'refuse',
    });
  }
}

async function filledIn(text: string, { seed, lookup }: RenderRequest): Promise<string> {
  let filled = text;
  if (filled.includes('$random')) {
    const drawn = createHash('sha256')
      .update((await seed()).seed)
      .digest('hex')
      .slice(0, 8);
    filled = filled.replaceAll('$random', drawn);
  }
  for (const [asked, kind = '', namespace = '', name = '', field = ''] of text.matchAll(
    /\$lookup\((\w+) (\w+)\/(\w+) (\w+)\)/g,
  )) {
    const answer = await lookup?.({ apiVersion: 'v1', kind, namespace, name });
    if (answer === undefined) continue;
    if ('refused' in answer)
      throw new ConvergeError({ code: 'RenderFailed', subject: asked, message: answer.refused, disposition: 'refuse' });
    const data = isMap(answer.found) ? answer.found['data'] : undefined;
    filled = filled.replace(asked, isMap(data) ? String(data[field]) : 'nothing');
  }
  return filled;
}
