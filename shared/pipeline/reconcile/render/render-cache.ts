import { ConvergeError } from '../../../base/errors.ts';
import { environmentPath } from '../../../environment/environment-file.ts';
import { declaredPaths, inputPaths, sameInputs, type Inputs } from '../../../environment/inputs.ts';
import { hashJson } from '../../../objects/canonical-json.ts';
import type { KeptRender, Render, RenderQuestion, RenderRequest } from '../../../ports/renderer.ts';
import type { KeptAnswer } from '../../../inventory/kept-answers.ts';
import { openLookups, type Lookups } from './look-up.ts';
import { apiVersionsOf, readInputs } from '../../common/render-inputs.ts';
import type { Seed } from '../../../inventory/seed-secret.ts';
import { seedIfThere, seedOf } from './seed.ts';
import type { RenderTarget } from '../run/target.ts';

/** For whom a render is made. */
export interface RenderFor {
  readonly seed: (target: RenderTarget) => Promise<Seed>;
  /** Whether what it is answered first is kept for later renders: where it is to be applied. */
  readonly keeps: boolean;
  /** Answers that stand before the kept ones. */
  readonly instead?: readonly KeptAnswer[];
  /** Whether what is not kept is asked of the cluster; as it is where left out. */
  readonly asksCluster?: boolean;
}

/** To be applied. */
export const toApply: RenderFor = { seed: seedOf, keeps: true };

/** To know what an environment wants: nothing is written, and nobody applies it. */
export const toAsk: RenderFor = { seed: seedIfThere, keeps: false };

/** A render, and what its templates were answered. */
export interface AnsweredRender {
  readonly render: Render;
  readonly answers: readonly KeptAnswer[];
}

/**
 * Renders the environment's sources, or finds the render among those this instance keeps. A render is a function of the
 * Git objects it reads, of release and namespace, of the cluster's version and API list, of the renderer's version, and
 * of what the cluster answered to its questions: where all of them are the same, so is the render, in whichever
 * environment. A render that failed is not kept: it may have met its limits only.
 */
export async function renderSources(
  target: RenderTarget,
  { seed, keeps, instead = [], asksCluster = true }: RenderFor = toApply,
): Promise<AnsweredRender> {
  const known = await knownBefore(target);
  const asker: Asker = {
    seed: async () => seed(target),
    openLookups: () => openLookups(target, { instead, asksCluster }),
  };
  const { render, lookups } =
    (await findKept(target, { known, asker })) ?? (await renderAnew(target, { known, asker }));
  if (keeps) await lookups.keep();
  return { render, answers: lookups.given() };
}

/** The render at this commit, where this instance keeps it: nothing is rendered. */
export async function keptRender(target: RenderTarget): Promise<Render | undefined> {
  const known = await knownBefore(target);
  const asker: Asker = {
    seed: async () => toAsk.seed(target),
    openLookups: () => openLookups(target, { instead: [] }),
  };
  return (await findKept(target, { known, asker }))?.render;
}

/** What is known of a render before it is made. */
interface Known {
  readonly request: Pick<RenderRequest, 'sources' | 'namespace' | 'kubernetesVersion' | 'apiVersions'>;
  /** The paths that the environment names, beside its own file. */
  readonly declared: readonly string[];
  /** Covers the request, and what these paths are. */
  readonly key: string;
}

/** Who answers what a render asks. */
interface Asker {
  readonly seed: () => Promise<Seed>;
  readonly openLookups: () => Lookups;
}

interface Answered {
  readonly render: Render;
  readonly lookups: Lookups;
}

async function knownBefore(target: RenderTarget): Promise<Known> {
  const { run, environment, api } = target;
  const declared = declaredPaths(environment).filter((path) => path !== environmentPath(environment.name));
  const request = {
    sources: environment.sources,
    namespace: environment.namespace,
    kubernetesVersion: api.version,
    apiVersions: apiVersionsOf(api),
  };
  const key = hashJson({
    ...request,
    lookup: environment.lookup,
    inputs: await inputsAt(target, declared),
    renderer: await run.ports.renderer.version(),
  });
  return { request, declared, key };
}

/** A render that this instance keeps, where it would be the same again. */
async function findKept(
  target: RenderTarget,
  { known, asker }: { known: Known; asker: Asker },
): Promise<Answered | undefined> {
  for (const kept of target.run.ports.renderer.kept.find(known.key)) {
    const current = await inputsAt(target, Object.keys(kept.inputs));
    if (!sameInputs({ attempted: kept.inputs, current })) continue;
    const lookups = asker.openLookups();
    if (await allHold(kept.answers, { seed: asker.seed, lookups })) return { render: kept.render, lookups };
  }
  return undefined;
}

async function allHold(
  answers: KeptRender['answers'],
  { seed, lookups }: { seed: Asker['seed']; lookups: Lookups },
): Promise<boolean> {
  for (const { question, hash } of answers) {
    const answer = question.asks === 'seed' ? await seed() : await lookups.answer(question.query);
    if (hashJson(answer) !== hash) return false;
  }
  return true;
}

async function renderAnew(
  target: RenderTarget,
  { known: { request, declared, key }, asker }: { known: Known; asker: Asker },
): Promise<Answered> {
  const { run, environment, commit } = target;
  const { renderer } = run.ports;
  const { limits } = run.settings;
  const lookups = asker.openLookups();
  const asked = new Map<string, KeptRender['answers'][number]>();
  const noted = <T>(question: RenderQuestion, answer: T): T => {
    asked.set(hashJson(question), { question, hash: hashJson(answer) });
    return answer;
  };
  const startedAt = run.ports.now();
  const { folder, ...tree } = await run.ports.repository(run.repository).checkout(commit.id, declared);
  const render = await renderer.render({
    ...request,
    ...{ root: folder, ...tree },
    limits: { seconds: limits.renderSeconds, mebibytes: limits.renderMiB },
    seed: async () => noted({ asks: 'seed' }, await asker.seed()),
    lookup: async (query) => noted({ asks: 'lookup', query }, await lookups.answer(query)),
  });
  const milliseconds = run.ports.now().getTime() - startedAt.getTime();
  run.ports.log('INFO', 'rendered', {
    environment: run.key,
    revision: target.revision,
    objects: render.objects.length,
    milliseconds,
  });
  const beside = inputPaths({ environment, reads: render.reads }).filter(
    (path) => !declared.includes(path) && path !== environmentPath(environment.name),
  );
  const inputs = await inputsAt(target, beside);
  refuseUnknown(beside.filter((path) => inputs[path] === null));
  renderer.kept.keep(key, { inputs, answers: [...asked.values()], render });
  return { render, lookups };
}

async function inputsAt({ run, commit }: RenderTarget, paths: readonly string[]): Promise<Inputs> {
  return await readInputs({ repository: run.ports.repository(run.repository), commit: commit.id, paths });
}

/** What was read is there. Where Git is asked for it by another name, nobody would see it change. */
function refuseUnknown(paths: readonly string[]): void {
  const [path] = paths;
  if (path === undefined) return;
  throw new ConvergeError({
    code: 'RenderFailed',
    subject: path,
    message: 'was read, and its path cannot be told exactly: a name in it is not UTF-8',
    remedy: 'rename it',
    disposition: 'refuse',
  });
}
