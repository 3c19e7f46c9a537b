import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { configKeysSchema } from '../../../shared/config/config.ts';
import { keepRenders } from '../../../shared/adapters/kept-renders.ts';
import { ConvergeError } from '../../../shared/base/errors.ts';
import type { KubernetesObject, RenderedHook } from '../../../shared/objects/kubernetes-object.ts';
import type { Renderer, RenderRequest } from '../../../shared/ports/renderer.ts';
import type { Offline } from '../../../cli/offline.ts';

/** A folder with these files. */
export async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'converge-offline-'));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return folder;
}

export function environmentText(name: string, spec: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify(
    {
      apiVersion: 'converge.dev/v1',
      kind: 'Environment',
      metadata: { name },
      spec: { cluster: 'sandbox', namespace: name, sources: [{ manifests: `manifests/${name}` }], ...spec },
    },
    undefined,
    2,
  );
}

export interface Rendering {
  readonly objects?: readonly KubernetesObject[];
  readonly hooks?: readonly RenderedHook[];
  readonly fails?: string;
  readonly asks?: (request: RenderRequest) => Promise<unknown>;
}

/** What is rendered, by the namespace of the environment. Each object is of `manifests/<namespace>/<name>.yaml`. */
export function offlineWith(folder: string, renderings: Readonly<Record<string, Rendering>>): Offline {
  const renderer: Renderer = {
    version: async () => '1',
    kept: keepRenders({ limit: 10 }),
    async render(request) {
      const { objects = [], hooks = [], fails, asks } = renderings[request.namespace] ?? {};
      await asks?.(request);
      if (fails !== undefined)
        throw new ConvergeError({
          code: 'RenderFailed',
          subject: `manifests manifests/${request.namespace}, manifests/${request.namespace}/a.yaml`,
          message: fails,
          disposition: 'refuse',
        });
      return {
        objects: objects.map((object) => ({
          object,
          source: `manifests/${request.namespace}/${object.metadata.name}.yaml`,
        })),
        ...{ hooks, reads: [], size: 1 },
      };
    },
  };
  return {
    folder,
    configuration: undefined,
    limits: configKeysSchema.pick({ limits: true }).parse({}).limits,
    renderer: async () => renderer,
    progress: () => {},
  };
}
