import { ConvergeError } from '../../errors.ts';
import type { Environment } from '../../environment/environment-file.ts';
import { declaredPaths, inputPaths, type Inputs } from '../../environment/inputs.ts';
import { memberMarks } from '../../inventory/applyset.ts';
import { hashJson } from '../../objects/canonical-json.ts';
import { desiredObjects, scopeTable, type DesiredObject } from '../../objects/desired.ts';
import { objectIdOf, objectTitle } from '../../objects/object-id.ts';
import type { ClusterApi } from '../../objects/cluster-api.ts';
import type { Render, Repository } from '../ports.ts';
import type { Target } from './target.ts';

/** The Git object ids of an environment's inputs at a commit: at these paths, or at the ones it declares. */
export async function readInputs({ repository, commit, paths }: { repository: Repository; commit: string; paths: readonly string[] }): Promise<Inputs> {
  const ids = await Promise.all(paths.map(async (path) => [path, (await repository.entry({ commit, path }))?.id ?? null] as const));
  return Object.fromEntries(ids);
}

/** What a render is a function of: the same key, the same objects. */
export function renderKeyOf({ inputs, api }: { inputs: Inputs; api: ClusterApi }): string {
  return hashJson({ inputs, version: api.version, apiVersions: apiVersionsOf(api) });
}

/** As Helm's `.Capabilities.APIVersions` lists them: `apps/v1` and `apps/v1/Deployment`. */
export function apiVersionsOf({ resources }: ClusterApi): string[] {
  const versions = resources.flatMap(({ group, version, kind }) => {
    const apiVersion = group === '' ? version : `${group}/${version}`;
    return [apiVersion, `${apiVersion}/${kind}`];
  });
  return [...new Set(versions)].sort();
}

export interface DesiredState {
  readonly objects: readonly DesiredObject[];
  readonly inputs: Inputs;
  readonly renderKey: string;
}

/**
 * Renders the environment at a commit.
 *
 * Throws `RenderFailed`, `DuplicateObject`, `EmptyRender` or `NotImplemented` (all refuse): nothing is desired only where
 * Git says so, never because a render failed.
 */
export async function renderDesired({ run, environment, commit, applySet, api }: Target): Promise<DesiredState> {
  const repository = run.ports.repository(run.repository);
  const { limits } = run.settings;
  await refuseMissingSources({ repository, environment, commit: commit.id });
  const render = await run.ports.renderer.render({
    root: await repository.checkout(commit.id),
    sources: environment.sources,
    namespace: environment.namespace,
    kubernetesVersion: api.version,
    apiVersions: apiVersionsOf(api),
    limits: { seconds: limits.renderSeconds, mebibytes: limits.renderMiB },
  });
  refuseUnusable({ render, maximum: limits.objects, key: run.key });
  const objects = desiredObjects({
    rendered: render.objects,
    namespace: environment.namespace,
    scopes: scopeTable({ api, rendered: render.objects }),
    marks: memberMarks(applySet),
  });
  const inputs = await readInputs({ repository, commit: commit.id, paths: inputPaths({ environment, reads: render.reads }) });
  return { objects, inputs, renderKey: renderKeyOf({ inputs, api }) };
}

async function refuseMissingSources({ repository, environment, commit }: { repository: Repository; environment: Environment; commit: string }): Promise<void> {
  const inputs = await readInputs({ repository, commit, paths: declaredPaths(environment) });
  const missing = Object.keys(inputs).filter((path) => inputs[path] === null);
  if (missing.length === 0) return;
  throw new ConvergeError({
    code: 'RenderFailed',
    subject: `environments/${environment.name}.yaml`,
    message: `names what the repository does not hold: ${missing.join(', ')}`,
    remedy: 'upload it, or correct spec.sources',
    disposition: 'refuse',
  });
}

function refuseUnusable({ render, maximum, key }: { render: Render; maximum: number; key: string }): void {
  const [hook] = render.hooks;
  if (hook !== undefined) {
    throw new ConvergeError({
      code: 'NotImplemented',
      subject: `${hook.source}, ${objectTitle(objectIdOf(hook.object))}`,
      message: `the Helm hook ${hook.events.join(', ')} is not implemented yet`,
      remedy: 'remove the hook, or make it an ordinary object',
      disposition: 'refuse',
    });
  }
  if (render.objects.length === 0) {
    throw new ConvergeError({
      code: 'EmptyRender',
      subject: key,
      message: 'the sources render to nothing; nothing is pruned',
      remedy: 'to remove an environment, remove its file',
      disposition: 'refuse',
    });
  }
  if (render.objects.length > maximum) {
    throw new ConvergeError({
      code: 'RenderFailed',
      subject: key,
      message: `the sources render to ${render.objects.length} objects, more than limits.objects, ${maximum}`,
      disposition: 'refuse',
    });
  }
}
