import { ConvergeError, havingRead } from '../../../base/errors.ts';
import type { Environment } from '../../../environment/environment-file.ts';
import { ignoredFields } from '../../../environment/ignore-rule.ts';
import { declaredPaths, inputPaths, type Inputs } from '../../../environment/inputs.ts';
import { manifestsRelease, releaseKeys } from '../../../environment/release-key.ts';
import { hookMarks, memberMarks, type ApplySet } from '../../../inventory/applyset.ts';
import type { ReleaseHooks } from '../../../inventory/hook-record.ts';
import type { KeptAnswer } from '../../../inventory/kept-answers.ts';
import { seedSecretName } from '../../../inventory/seed-secret.ts';
import { desiredObjects, scopeTable, type DesiredObject } from '../../../desired/desired.ts';
import { desiredHooks } from '../../../desired/hook.ts';
import { sourceInWords } from '../../../environment/source-in-words.ts';
import { objectTitle } from '../../../objects/object-id.ts';
import type { Render } from '../../../ports/renderer.ts';
import type { Repository } from '../../../ports/git.ts';
import { keptRender, renderSources, type RenderFor } from './render-cache.ts';
import { readInputs, renderKeyOf } from '../../common/render-inputs.ts';
import type { RenderTarget } from '../run/target.ts';

export interface DesiredState {
  readonly objects: readonly DesiredObject[];
  readonly inputs: Inputs;
  readonly renderKey: string;
  /** Its Helm releases in the order of `spec.sources`, with their hooks. */
  readonly releases: readonly ReleaseHooks[];
  /** What its templates looked up. */
  readonly answers: readonly KeptAnswer[];
}

/**
 * Renders the environment at a commit.
 *
 * Throws `RenderFailed`, `DuplicateObject` or `EmptyRender` (all refuse): nothing is desired only where
 * Git says so, never because a render failed.
 */
export async function renderDesired(target: RenderTarget, options?: RenderFor): Promise<DesiredState> {
  const { run, environment, commit } = target;
  const repository = run.ports.repository(run.repository);
  await refuseMissingSources({ repository, environment, commit: commit.id });
  const { render, answers } = await renderSources(target, options);
  try {
    return { ...(await stateOf(target, render)), answers };
  } catch (error) {
    throw havingRead(error, render.reads);
  }
}

/** What it was to be at a commit, where this instance keeps that render; throws as `renderDesired`. */
export async function keptDesired(target: RenderTarget): Promise<DesiredState['objects'] | undefined> {
  const render = await keptRender(target);
  return render === undefined ? undefined : (await stateOf(target, render)).objects;
}

/** What a render makes, where that can be used. */
async function stateOf(target: RenderTarget, render: Render): Promise<Omit<DesiredState, 'answers'>> {
  const { run, environment, commit, applySet, api } = target;
  const repository = run.ports.repository(run.repository);
  const { limits } = run.settings;
  refuseUnusable({ render, maximum: limits.objects, key: run.key });
  const placing = { namespace: environment.namespace, scopes: scopeTable({ api, rendered: render.objects }) };
  const sourceOf = (indexes: readonly number[] | undefined) => (index: number) =>
    sourceInWords({ sources: environment.sources, index: indexes?.[index] });
  const objects = desiredObjects({
    ...{ rendered: render.objects, ...placing, marks: memberMarks(applySet) },
    ignoredOf: (id) => ignoredFields({ rules: environment.ignore, id }),
    sourceOf: sourceOf(render.madeBy?.objects),
  });
  const hooks = desiredHooks({
    rendered: render.hooks,
    objects,
    ...placing,
    marks: hookMarks(applySet),
    sourceOf: sourceOf(render.madeBy?.hooks),
  });
  refuseOwnState({ objects: [...objects, ...hooks.map((hook) => hook.desired)], applySet });
  const inputs = await readInputs({
    repository,
    commit: commit.id,
    paths: inputPaths({ environment, reads: render.reads }),
  });
  const releases = [...releaseKeys({ environment, inputs })]
    .map(([release, key]) => ({ release, key, hooks: hooks.filter((hook) => hook.release === release) }))
    .filter((release) => release.release !== manifestsRelease || release.hooks.length > 0);
  return {
    objects,
    inputs,
    renderKey: renderKeyOf({ environment, inputs, api, renderer: await run.ports.renderer.version() }),
    releases,
  };
}

async function refuseMissingSources({
  repository,
  environment,
  commit,
}: {
  repository: Repository;
  environment: Environment;
  commit: string;
}): Promise<void> {
  const inputs = await readInputs({ repository, commit, paths: declaredPaths(environment) });
  const missing = Object.keys(inputs).filter((path) => inputs[path] === null);
  if (missing.length === 0) return;
  const told = await Promise.all(
    missing.map(async (path) => (await hiddenBehind({ repository, commit, path })) ?? path),
  );
  throw new ConvergeError({
    code: 'RenderFailed',
    subject: `environments/${environment.name}.yaml`,
    message: `names what the repository does not hold: ${told.join(', ')}`,
    remedy: 'upload it, or correct spec.sources',
    reads: [],
    disposition: 'refuse',
  });
}

/** Names what is in the way of a path, where that is no folder: Git knows nothing below it. */
async function hiddenBehind({
  repository,
  commit,
  path,
}: {
  repository: Repository;
  commit: string;
  path: string;
}): Promise<string | undefined> {
  const parts = path.split('/');
  for (let length = parts.length - 1; length > 0; length--) {
    const above = parts.slice(0, length).join('/');
    const entry = await repository.entry({ commit, path: above });
    if (entry?.kind === 'folder') return undefined;
    if (entry?.kind === 'submodule')
      return `${path} (${above} is a submodule: its files are in another repository; commit the files themselves here)`;
    if (entry?.kind === 'symlink') return `${path} (${above} is a symbolic link: name the path that it leads to)`;
    if (entry !== undefined) return `${path} (${above} is a file)`;
  }
  return undefined;
}

/** Applied by Git, the inventory and the seed would lose what they hold. */
function refuseOwnState({ objects, applySet }: { objects: readonly DesiredObject[]; applySet: ApplySet }): void {
  const kept = [
    `/ConfigMap/${applySet.namespace}/${applySet.name}`,
    `/Secret/${applySet.namespace}/${seedSecretName(applySet)}`,
  ];
  const found = objects.find(({ key }) => kept.includes(key));
  if (found === undefined) return;
  throw new ConvergeError({
    code: 'RenderFailed',
    subject: `${found.source}, ${objectTitle(found.id)}`,
    message: `is where Converge keeps what it needs to know of environment ${applySet.environment}`,
    remedy: 'give it another name',
    disposition: 'refuse',
  });
}

function refuseUnusable({ render, maximum, key }: { render: Render; maximum: number; key: string }): void {
  if (render.objects.length === 0) {
    throw new ConvergeError({
      code: 'EmptyRender',
      subject: key,
      message: 'the sources render to nothing; nothing is pruned',
      remedy: 'to remove an environment, remove its file',
      disposition: 'refuse',
    });
  }
  const count = render.objects.length + render.hooks.length;
  if (count > maximum) {
    throw new ConvergeError({
      code: 'RenderFailed',
      subject: key,
      message: `the sources render to ${count} objects, more than limits.objects, ${maximum}`,
      disposition: 'refuse',
    });
  }
}
