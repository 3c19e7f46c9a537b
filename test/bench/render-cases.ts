import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { dump } from 'js-yaml';
import type { Pipeline } from '../../local/pipeline.ts';
import { pauseMilliseconds } from './fleet-cases.ts';
import { repository } from './fleet.ts';
import { noRounds, secondsOf, summarise, type Case } from './measure.ts';
import type { RawApi } from './raw-api.ts';
import { withReconciler } from './reconciler.ts';
import { createWorkTree } from './work-tree.ts';

const environment = 'render-1';
const rounds = 7;
const templates = 40;
const perTemplate = 10;

export interface RenderBench {
  /** Each look at a commit that changed the chart and nothing it renders to. */
  cold(): Promise<Case>;
  /** Each look at a commit that was rendered before. */
  cached(): Promise<Case>;
}

/**
 * An environment of one Helm chart of 400 small ConfigMaps, that is never settled: a label of one object stays changed,
 * and its environment only tells. So each look fetches, renders, lists, and tries one dry run, and the two cases differ
 * by the render. The floor of both is the renderer's program alone, given that chart.
 */
export async function prepareRender({ pipeline, raw }: { pipeline: Pipeline; raw: RawApi }): Promise<RenderBench> {
  const tree = await createWorkTree({
    folder: join(pipeline.folder, 'tree-render'),
    remote: pipeline.git.path(repository),
  });
  for (const [path, content] of Object.entries({
    ...chartFiles(),
    [`environments/${environment}.yaml`]: environmentFile(pipeline.cluster),
  })) {
    await tree.write({ path, content });
  }
  await tree.push('refs/heads/main');
  const job = { repository, environment, cause: 'schedule' } as const;
  await withReconciler(pipeline, (reconciler) => reconciler.run({ job, expected: ['converged'] }));
  await pipeline.kubernetes.kubectl([
    'patch',
    'configmap',
    'page-1-1',
    '--namespace',
    environment,
    '--patch',
    '{"data":{"text":"changed by hand"}}',
  ]);
  const objects = templates * perTemplate;

  async function looks(prepare: (round: number) => Promise<void>): Promise<Omit<Case, 'name'>> {
    const found = noRounds();
    return await withReconciler(pipeline, async (reconciler) => {
      await reconciler.run({ job, expected: ['diverged'] });
      for (let round = 0; round < rounds; round++) {
        await sleep(pauseMilliseconds);
        await prepare(round);
        found.floor.push(await secondsOf(() => renderAlone({ program: pipeline.programs.render, root: tree.folder })));
        const before = await raw.countRequests();
        found.seconds.push(await reconciler.run({ job, expected: ['diverged'] }));
        found.calls.push((await raw.countRequests()) - before);
      }
      return summarise({
        name: 'render-cold',
        objects,
        rounds: found,
        peakRssMiB: reconciler.peakRssMiB(),
        state: reconciler.state(),
      });
    });
  }

  return {
    async cold() {
      const looked = await looks(async (round) => {
        await tree.write({ path: 'charts/pages/README.md', content: `Edition ${round + 1}\n` });
        await tree.push('refs/heads/main');
      });
      return { ...looked, name: 'render-cold' };
    },
    async cached() {
      return { ...(await looks(async () => {})), name: 'render-cached' };
    },
  };
}

function chartFiles(): Record<string, string> {
  const template = (number: number): string =>
    [
      '{{- range $page := until (int $.Values.pages) }}',
      '---',
      'apiVersion: v1',
      'kind: ConfigMap',
      'metadata:',
      `  name: page-${number}-{{ add1 $page }}`,
      '  labels: {{- include "pages.labels" $ | nindent 4 }}',
      'data:',
      '  text: {{ printf "%s, page %d" $.Values.greeting $page | quote }}',
      '{{- end }}',
      '',
    ].join('\n');
  const labels = [
    '{{- define "pages.labels" -}}',
    'app.kubernetes.io/name: {{ .Chart.Name }}',
    'app.kubernetes.io/instance: {{ .Release.Name }}',
    '{{- end }}',
    '',
  ].join('\n');
  return {
    'charts/pages/Chart.yaml': dump({ apiVersion: 'v2', name: 'pages', version: '1.0.0' }),
    'charts/pages/values.yaml': dump({ pages: perTemplate, greeting: 'Good morning' }),
    'charts/pages/templates/_labels.tpl': labels,
    ...Object.fromEntries(
      Array.from({ length: templates }, (_, index) => [
        `charts/pages/templates/pages-${index + 1}.yaml`,
        template(index + 1),
      ]),
    ),
  };
}

function environmentFile(cluster: string): string {
  const sources = [{ helm: { chart: 'charts/pages', release: 'pages' } }];
  const spec = { cluster, namespace: environment, selfHeal: false, sources };
  return dump({ apiVersion: 'converge.dev/v1', kind: 'Environment', metadata: { name: environment }, spec });
}

async function renderAlone({ program, root }: { program: string; root: string }): Promise<void> {
  const child = spawn(program, [], { cwd: root, env: {}, stdio: ['pipe', 'pipe', 'inherit'] });
  const request = {
    root,
    sources: [{ kind: 'helm', chart: 'charts/pages', release: 'pages', values: [] }],
    namespace: environment,
    kubernetesVersion: 'v1.36.3',
    apiVersions: ['v1', 'v1/ConfigMap'],
    limits: { seconds: 60, mebibytes: 1024 },
  };
  child.stdin.end(JSON.stringify(request));
  const [output] = await Promise.all([text(child.stdout), once(child, 'close')]);
  if (child.exitCode !== 0) throw new Error(`the renderer failed: ${output.slice(-500)}`);
}
