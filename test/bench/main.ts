import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { LocalError } from '../../local/local-error.ts';
import { startPipeline, type Pipeline } from '../../local/pipeline.ts';
import { reportTo } from '../../local/say.ts';
import { prepareConfigMaps, type ConfigMapBench } from './config-map-cases.ts';
import { caseNames, type Case, type CaseName } from './measure.ts';
import { connectRaw, type RawApi } from './raw-api.ts';
import { startReconciler, type Reconciler } from './reconciler.ts';
import { describeCase } from './report.ts';
import { measureUpload } from './upload-case.ts';

const help = `Usage: npm run bench -- [--case NAME] [--json FILE] [--help]

Measures the product against the sandbox control plane, beside floors measured in the same run.
docs/benchmarks.md says what each figure means.

  --case NAME   one case only: ${caseNames.join(', ')}
  --json FILE   also write the figures as JSON
`;

/** Throws a `TypeError` that names the argument for one that does not exist. */
function readArguments(): { cases: readonly CaseName[]; json: string | undefined } | 'help' {
  const options = { case: { type: 'string' }, json: { type: 'string' }, help: { type: 'boolean', default: false } } as const;
  const { values } = parseArgs({ options });
  if (values.help) return 'help';
  const cases = values.case === undefined ? caseNames : caseNames.filter((name) => name === values.case);
  if (cases.length === 0) throw new TypeError(`there is no case ${values.case}; there are ${caseNames.join(', ')}`);
  return { cases, json: values.json };
}

interface Parts {
  readonly pipeline: Pipeline;
  readonly raw: RawApi;
  readonly reconciler: Reconciler;
}

async function measure({ cases, parts }: { cases: readonly CaseName[]; parts: Parts }): Promise<Case[]> {
  let prepared: Promise<ConfigMapBench> | undefined;
  const configMaps = (): Promise<ConfigMapBench> => (prepared ??= prepareConfigMaps(parts));
  const measures: Readonly<Record<CaseName, () => Promise<Case>>> = {
    'apply-configmaps-1000': async () => (await configMaps()).apply(),
    'noop-configmaps-1000': async () => (await configMaps()).noop(),
    'drift-configmaps-1000': async () => (await configMaps()).drift(),
    'upload-to-converged': () => measureUpload(parts),
  };
  const measured: Case[] = [];
  for (const name of cases) {
    const result = await measures[name]();
    console.log(describeCase(result));
    measured.push(result);
  }
  return measured;
}

async function main(): Promise<void> {
  const wanted = readArguments();
  if (wanted === 'help') return void process.stdout.write(help);

  const folder = await mkdtemp(join(tmpdir(), 'converge-bench-'));
  const interrupted = Promise.withResolvers<never>();
  interrupted.promise.catch(() => {});
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.reject(new Error(`ended by ${signal}`)));

  const stops: (() => Promise<void>)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    const pipeline = await startPipeline({ folder, chaos: 'none', scheduleSeconds: 0, report: reportTo(process.stderr) });
    stops.push(pipeline.stop);
    const raw = connectRaw({ kubeconfig: pipeline.kubernetes.kubeconfig, token: pipeline.kubernetes.token });
    stops.push(raw.close);
    const reconciler = await startReconciler(pipeline);
    stops.push(reconciler.stop);
    const cases = await Promise.race([measure({ cases: wanted.cases, parts: { pipeline, raw, reconciler } }), interrupted.promise]);
    if (wanted.json !== undefined) await writeFile(wanted.json, `${JSON.stringify({ cases }, undefined, 2)}\n`);
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof TypeError || error instanceof LocalError ? error.message : error);
  process.exitCode = 1;
});
