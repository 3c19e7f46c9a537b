import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startFunctions } from '../../local/functions.ts';
import { LocalError } from '../../local/local-error.ts';
import { startPipeline, type Pipeline } from '../../local/pipeline.ts';
import { asOnPlatform } from '../../local/platform.ts';
import { reportTo } from '../../local/say.ts';
import { prepareAlerts } from './alert-cases.ts';
import { measureFrozen } from './frozen-case.ts';
import { measureColdStarts } from './cold-start.ts';
import { measureCommits } from './commit-cases.ts';
import { measureCopy } from './copy-cases.ts';
import { measureFirstStart } from './first-start-case.ts';
import { prepareFleet, rolledOut } from './fleet-cases.ts';
import { prepareManyEnvironments } from './many-environments.ts';
import { measureLargeRepository } from './large-repository.ts';
import { caseNames, type Case, type CaseName } from './measure.ts';
import { configMaps, deployments, mixedObjects } from './objects.ts';
import { measureFarGit, prepareNewFleet } from './new-fleet.ts';
import { connectRaw, type RawApi } from './raw-api.ts';
import { measurePlan } from './plan-case.ts';
import { prepareRender } from './render-cases.ts';
import { describeCase, describeState } from './report.ts';
import { openStorageFront, type StorageFront } from './storage-front.ts';
import { measureStory } from './story-case.ts';
import { prepareUpload } from './upload-case.ts';

/** Measured only where they are asked for: five minutes of compiling warm the processor for nobody. */
const namedCases: readonly CaseName[] = ['first-start'];

const help = `Usage: npm run bench -- [--case NAME] [--platform] [--json FILE] [--help]

Measures the product against the sandbox control plane, beside floors measured in the same run.
docs/benchmarks.md says what each figure means.

  --case NAME   one case only, or several, the option repeated: ${caseNames.join(', ')}
                (${namedCases.join(', ')}: only where it is named; it compiles everything anew)
  --platform    Storage takes one write a second of one object, as Cloud Storage does, and answers 429 to any other;
                upload-to-converged is measured with and without, and the story with all limits. Each function is a process of
                its own, and killed over its memory
  --json FILE   also write the figures as JSON
`;

const platformCases: readonly CaseName[] = ['upload-to-converged-platform', 'story-platform'];

/** Throws a `TypeError` that names the argument for one that does not exist. */
function readArguments(): { cases: readonly CaseName[]; limit: Limit; json: string | undefined } | 'help' {
  const options = {
    case: { type: 'string', multiple: true },
    platform: { type: 'boolean', default: false },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  } as const;
  const { values } = parseArgs({ options });
  if (values.help) return 'help';
  const known: readonly string[] = caseNames;
  const unknown = values.case?.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new TypeError(`there is no case ${unknown}; there are ${caseNames.join(', ')}`);
  const alone = values.platform ? undefined : platformCases.find((name) => values.case?.includes(name));
  if (alone !== undefined) throw new TypeError(`${alone} is measured with --platform`);
  const cases = caseNames.filter(
    (name) =>
      values.case?.includes(name) ?? (!namedCases.includes(name) && (values.platform || !platformCases.includes(name))),
  );
  return { cases, limit: values.platform ? 'one write a second' : 'none', json: values.json };
}

interface Parts {
  readonly pipeline: Pipeline;
  readonly raw: RawApi;
  readonly front: StorageFront;
  readonly limit: Limit;
  /** Ends what a case leaves open. */
  readonly stops: (() => Promise<unknown>)[];
}

type Limit = Parameters<StorageFront['hold']>[0];

/** What several cases share is prepared by the first of them. */
function once<T>(prepare: () => Promise<T>): () => Promise<T> {
  let prepared: Promise<T> | undefined;
  return async () => (prepared ??= prepare());
}

async function measure({ cases, parts }: { cases: readonly CaseName[]; parts: Parts }): Promise<Case[]> {
  const settings = once(() =>
    prepareFleet({ ...parts, name: 'settings', objects: configMaps(1000), perFile: 1, applyRounds: 3, readRounds: 9 }),
  );
  const mixed = once(() =>
    prepareFleet({ ...parts, name: 'mixed', objects: mixedObjects(), perFile: 10, applyRounds: 2, readRounds: 7 }),
  );
  const watched = once(() =>
    prepareFleet({
      ...parts,
      name: 'watched',
      objects: mixedObjects(),
      perFile: 10,
      applyRounds: 1,
      readRounds: 7,
      spec: { selfHeal: false, diffAfter: '0s' },
    }),
  );
  const many = once(() => prepareManyEnvironments({ ...parts, count: 200, rounds: 3 }));
  const shops = once(() =>
    prepareFleet({
      ...parts,
      name: 'shops',
      objects: deployments(200),
      perFile: 10,
      applyRounds: 2,
      readRounds: 0,
      floorOf: rolledOut,
    }),
  );
  const fresh = once(() => prepareNewFleet({ ...parts, name: 'fresh', count: 300 }));
  const render = once(() => prepareRender(parts));
  const uploads = once(async () => {
    const prepared = await prepareUpload(parts);
    parts.stops.push(prepared.close);
    return prepared;
  });
  const told = once(async () => {
    const prepared = await prepareAlerts(parts.pipeline);
    parts.stops.push(prepared.close);
    return prepared;
  });
  const commit = { cause: 'commit' } as const;
  const schedule = { cause: 'schedule' } as const;
  const measures: Readonly<Record<CaseName, () => Promise<Case | readonly Case[]>>> = {
    'apply-configmaps-1000': async () => (await settings()).apply('apply-configmaps-1000'),
    'noop-configmaps-1000': async () => (await settings()).unchanged('noop-configmaps-1000', commit),
    'drift-configmaps-1000': async () => (await settings()).unchanged('drift-configmaps-1000', schedule),
    'apply-mixed-5000': async () => (await mixed()).apply('apply-mixed-5000'),
    'noop-mixed-5000': async () => (await mixed()).unchanged('noop-mixed-5000', commit),
    'drift-mixed-5000': async () => (await watched()).unchanged('drift-mixed-5000', schedule),
    'drift-found-of-5000': async () => (await watched()).drifted('drift-found-of-5000'),
    'change-one-of-5000': async () => (await mixed()).changeOne('change-one-of-5000'),
    'apply-deployments-200': async () => (await shops()).apply('apply-deployments-200'),
    'fleet-200x25': async () => (await many()).checkAll('fleet-200x25'),
    'fleet-change-one-of-200': async () => (await many()).changeOne('fleet-change-one-of-200'),
    'fleet-install-300x4': async () => (await fresh()).install('fleet-install-300x4'),
    'fleet-upgrade-300x4': async () => (await fresh()).upgrade('fleet-upgrade-300x4'),
    'fleet-far-git-60': () => measureFarGit(parts),
    'render-cold': async () => (await render()).cold(),
    'render-cached': async () => (await render()).cached(),
    'commit-file-1': () =>
      measureCommits({ folder: parts.pipeline.folder, name: 'commit-file-1', files: 1, rounds: 20 }),
    'commit-files-1000': () =>
      measureCommits({ folder: parts.pipeline.folder, name: 'commit-files-1000', files: 1000, rounds: 5 }),
    'copy-file-cold': () => measureCopy({ pipeline: parts.pipeline, name: 'copy-file-cold' }),
    'copy-object-200MB': () => measureCopy({ pipeline: parts.pipeline, name: 'copy-object-200MB' }),
    'copy-archive-200MB': () => measureCopy({ pipeline: parts.pipeline, name: 'copy-archive-200MB' }),
    'open-repository-1GiB': () => measureLargeRepository(parts),
    'upload-to-converged': async () => (await uploads()).measure(),
    'upload-to-converged-platform': async () => (await uploads()).measureOnPlatform(),
    'story-platform': () => measureStory(parts.pipeline),
    'plan-pull-request': () => measurePlan(parts.pipeline),
    'alert-latency': async () => (await told()).latency(),
    'alerts-of-1000': async () => (await told()).manyOfOneCause(),
    'frozen-api-server': () => measureFrozen(parts.pipeline),
    'first-start': () => measureFirstStart(parts.pipeline),
    'cold-start': () => measureColdStarts(parts),
  };
  const measured: Case[] = [];
  for (const name of cases) {
    parts.front.hold(parts.limit);
    for (const result of [await measures[name]()].flat()) {
      console.log([describeCase(result), describeState(result) ?? []].flat().join('\n'));
      measured.push(result);
    }
  }
  return measured;
}

async function main(): Promise<void> {
  const wanted = readArguments();
  if (wanted === 'help') return void process.stdout.write(help);

  const folder = await mkdtemp(join(tmpdir(), 'converge-bench-'));
  const interrupted = Promise.withResolvers<never>();
  interrupted.promise.catch(() => {});
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => interrupted.reject(new Error(`ended by ${signal}`)));

  const stops: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    let opened: StorageFront | undefined;
    const started = await startPipeline({
      folder,
      // Straight to the API server: what stands before it here is slower than what stands there.
      cluster: 'kubeconfig',
      chaos: 'none',
      platform: 'absent',
      scheduleSeconds: 0,
      report: reportTo(process.stderr),
      host: async ({ deployments: _theirs, ...options }) => {
        opened = await openStorageFront(options.environment['CONVERGE_CONFIG'] ?? '');
        const host = wanted.limit === 'none' ? startFunctions : asOnPlatform('enforced');
        return host({ ...options, environment: { ...options.environment, CONVERGE_CONFIG: opened.config } });
      },
    });
    if (opened === undefined) throw new Error('the pipeline started no functions');
    const front = opened;
    stops.push(front.stop, started.stop);
    // Without the limit, the cases that run the stages themselves ask Storage with nothing in between.
    const pipeline = wanted.limit === 'none' ? started : { ...started, config: front.config };
    const raw = connectRaw({ kubeconfig: pipeline.kubernetes.kubeconfig, token: pipeline.kubernetes.token });
    stops.push(raw.close);
    const cases = await Promise.race([
      measure({ cases: wanted.cases, parts: { pipeline, raw, front, limit: wanted.limit, stops } }),
      interrupted.promise,
    ]);
    if (wanted.json !== undefined) await writeFile(wanted.json, `${JSON.stringify({ cases }, undefined, 2)}\n`);
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof TypeError || error instanceof LocalError ? error.message : error);
  process.exitCode = 1;
});
