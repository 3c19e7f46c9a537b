import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureProgram } from '../../local/programs.ts';
import { createRenderer } from '../../shared/adapters/renderer.ts';
import { ConvergeError } from '../../shared/base/errors.ts';
import type { EnvironmentSource } from '../../shared/environment/environment-file.ts';
import type { Renderer } from '../../shared/ports/renderer.ts';
import { buildMilliseconds } from '../guards.ts';

/*
 * What a repository may hold to harm the one who renders it. Each ends in a refusal that names source and file, held by
 * the limits that the request gives, while another environment renders beside it.
 */

interface Attack {
  readonly name: string;
  readonly files: Readonly<Record<string, string | Buffer>>;
  readonly source: EnvironmentSource;
  /** Source and file. */
  readonly subject: string;
  readonly message: RegExp;
}

const chart = {
  'chart/Chart.yaml': 'apiVersion: v2\nname: shop\nversion: 1.0.0\n',
  'chart/templates/a-fine.yaml': configMap('fine'),
  'chart/templates/z-fine.yaml': configMap('last'),
};
const helm: EnvironmentSource = { kind: 'helm', chart: 'chart', release: 'shop', values: ['config/acme.yaml'] };
const plainHelm: EnvironmentSource = { ...helm, values: [] };
const overlay: EnvironmentSource = { kind: 'kustomize', folder: 'overlay' };
const manifests: EnvironmentSource = { kind: 'manifests', path: 'manifests' };

const levels = Array.from(
  { length: 12 },
  (_, level) =>
    `a${level}: &a${level} [${Array.from({ length: 10 }, () => (level === 0 ? 'x' : `*a${level - 1}`)).join(', ')}]`,
);
const bomb = `${levels.join('\n')}\n`;
const ownAlias = 'a: &a { b: *a }\n';
const memory = /256 MiB/;
/** Seconds for what does not end by its time: gVisor (`npm run test:gvisor`) takes longer to hand out memory. */
const patience = 20;

const attacks: readonly Attack[] = [
  {
    name: 'an alias of itself in a manifest',
    files: { 'manifests/a.yaml': `${configMap('a')}x: &x { y: *x }\n` },
    source: manifests,
    subject: 'manifests manifests, manifests/a.yaml',
    message: /contains itself/,
  },
  {
    name: 'an alias bomb in a manifest',
    files: { 'manifests/a.yaml': configMap('a') + bomb },
    source: manifests,
    subject: 'manifests manifests, manifests/a.yaml',
    message: /excessive aliasing/,
  },
  {
    name: 'an alias of itself in values',
    files: { ...chart, 'config/acme.yaml': ownAlias },
    source: helm,
    subject: 'chart chart, config/acme.yaml',
    message: /contains itself/,
  },
  {
    name: 'an alias bomb in values',
    files: { ...chart, 'config/acme.yaml': bomb },
    source: helm,
    subject: 'chart chart, config/acme.yaml',
    message: /excessive aliasing/,
  },
  {
    name: 'an alias bomb in what a template makes',
    files: { ...chart, 'chart/templates/b.yaml': configMap('b') + bomb },
    source: plainHelm,
    subject: 'chart chart, chart/templates/b.yaml',
    message: /excessive aliasing/,
  },
  {
    name: 'an alias bomb in the values of a chart',
    files: { ...chart, 'chart/values.yaml': bomb },
    source: plainHelm,
    subject: 'chart chart, chart',
    message: /values\.yaml: .*excessive aliasing/,
  },
  {
    name: 'an alias of itself in an overlay',
    files: {
      'overlay/kustomization.yaml': 'resources: [a.yaml]\n',
      'overlay/a.yaml': `${configMap('a')}x: &x { y: *x }\n`,
    },
    source: overlay,
    subject: 'overlay overlay, overlay/a.yaml',
    message: memory,
  },
  {
    name: 'an alias bomb in an overlay',
    files: { 'overlay/kustomization.yaml': 'resources: [a.yaml]\n', 'overlay/a.yaml': configMap('a') + bomb },
    source: overlay,
    subject: 'overlay overlay, overlay/a.yaml',
    message: memory,
  },
  {
    name: 'an alias bomb in a kustomization',
    files: { 'overlay/kustomization.yaml': `resources: [a.yaml]\n${bomb}`, 'overlay/a.yaml': configMap('a') },
    source: overlay,
    subject: 'overlay overlay, overlay/kustomization.yaml',
    message: /excessive aliasing/,
  },
  {
    name: 'a template that loops',
    files: { ...chart, 'chart/templates/b.yaml': '{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}' },
    source: plainHelm,
    subject: 'chart chart, chart/templates/b.yaml',
    message: /not rendered within the limit of 3 s/,
  },
  {
    name: 'a template that includes itself',
    files: { ...chart, 'chart/templates/b.yaml': '{{ define "b" }}{{ include "b" . }}{{ end }}{{ include "b" . }}' },
    source: plainHelm,
    subject: 'chart chart, chart/templates/b.yaml:1',
    message: /nested reference name: b/,
  },
  {
    name: 'a template that is itself without end',
    files: { ...chart, 'chart/templates/b.yaml': '{{ define "b" }}{{ template "b" . }}{{ end }}{{ template "b" . }}' },
    source: plainHelm,
    subject: 'chart chart, chart/templates/b.yaml:1',
    message: /maximum template depth|256 MiB/,
  },
  {
    name: 'a template that never has enough',
    files: {
      ...chart,
      'chart/templates/b.yaml':
        '{{ $all := list }}{{ range until 1000 }}{{ $all = append $all (until 1000000) }}{{ end }}',
    },
    source: plainHelm,
    subject: 'chart chart, chart/templates/b.yaml',
    message: memory,
  },
  {
    name: 'a template that writes without end',
    files: { ...chart, 'chart/templates/b.yaml': '{{ repeat 2000000000 "x" }}' },
    source: plainHelm,
    subject: 'chart chart, chart/templates/b.yaml',
    message: memory,
  },
  {
    name: 'a template whose object is larger than its reader can hold',
    files: { ...chart, 'chart/templates/b.yaml': `${configMap('b')}data: { a: {{ repeat 20000000 "x" }} }\n` },
    source: plainHelm,
    subject: 'chart chart, chart/templates/b.yaml',
    message: memory,
  },
  {
    name: 'a template whose objects are more than its reader can hold',
    files: {
      ...chart,
      'chart/templates/b.yaml': `{{ range until 300000 }}\n---\n${configMap('b-{{ . }}')}{{ end }}`,
    },
    source: plainHelm,
    subject: 'chart chart, chart/templates/b.yaml',
    message: /256 MiB|limit of 3 s/,
  },
  {
    name: 'a template whose object is nested without end',
    files: {
      ...chart,
      'chart/templates/b.yaml': `${configMap('b')}data: {{ repeat 600 "[" }}{{ repeat 600 "]" }}\n`,
    },
    source: plainHelm,
    subject: 'chart chart, chart/templates/b.yaml',
    message: /document 1: ConfigMap b: is nested deeper than 500 levels$/,
  },
  {
    name: 'a manifest that is nested without end',
    files: { 'm.yaml': `${configMap('a')}---\n${configMap('b')}data: ${'[{a: '.repeat(4500)}${'}]'.repeat(4500)}\n` },
    source: { kind: 'manifests', path: 'm.yaml' },
    subject: 'manifests m.yaml, m.yaml',
    message: /document 2: ConfigMap b: is nested deeper than 500 levels$/,
  },
  {
    name: 'a template of maps that double',
    files: {
      ...chart,
      'chart/templates/b.yaml':
        '{{ $all := dict "a" "b" }}{{ range until 40 }}{{ $all = dict "left" $all "right" (deepCopy $all) }}{{ end }}',
    },
    source: plainHelm,
    subject: 'chart chart, chart/templates/b.yaml',
    message: /256 MiB|limit of 3 s/,
  },
  {
    name: 'a values file of 200 MB',
    files: { ...chart, 'config/acme.yaml': Buffer.alloc(200_000_000, 'key: value\n') },
    source: helm,
    subject: 'chart chart, config/acme.yaml',
    message: /holds 190 MiB, more than the 16 MiB/,
  },
  {
    name: 'values that take more memory than they are long',
    files: { ...chart, 'config/acme.yaml': Buffer.alloc(15_000_000, '- {}\n') },
    source: helm,
    subject: 'chart chart, config/acme.yaml',
    message: memory,
  },
  {
    name: 'a path outside the repository',
    files: chart,
    source: { ...helm, values: ['../../../etc/passwd'] },
    subject: 'chart chart, ../../../etc/passwd',
    message: /leaves the repository/,
  },
  {
    name: 'a link outside the repository',
    files: { ...chart, 'config/acme.yaml': 'link:/etc/passwd' },
    source: helm,
    subject: 'chart chart, config/acme.yaml',
    message: /leaves the repository by the symbolic link/,
  },
  {
    name: 'a schema that refers to the network',
    files: { ...chart, 'chart/values.schema.json': '{"$ref": "http://127.0.0.1:9/schema.json"}' },
    source: plainHelm,
    subject: 'chart chart, chart/values.schema.json',
    message: /calls nobody: http:\/\/127\.0\.0\.1:9/,
  },
  {
    name: 'a remote base',
    files: { 'overlay/kustomization.yaml': 'resources: ["https://github.com/example/base?ref=main"]\n' },
    source: overlay,
    subject: 'overlay overlay, overlay/kustomization.yaml',
    message: /remote resources are not supported/,
  },
  {
    name: 'an exec plugin',
    files: {
      'overlay/kustomization.yaml': 'generators: [a.yaml]\n',
      'overlay/a.yaml':
        'apiVersion: v1\nkind: Run\nmetadata:\n  name: run\n  annotations:\n    config.kubernetes.io/function: "exec: { path: /bin/sh }"\n',
    },
    source: overlay,
    subject: 'overlay overlay',
    message: /./,
  },
];

let renderer: Renderer;
let scratch: string;

beforeAll(async () => {
  renderer = createRenderer({ program: await ensureProgram('render') });
  scratch = await mkdtemp(join(tmpdir(), 'converge-cage-'));
}, buildMilliseconds);
afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
});

describe('the cage', () => {
  it.each(attacks)('holds $name, and disturbs nobody', async ({ files, source, subject, message }) => {
    const attacked = render({ files, source, seconds: message === memory ? patience : 3 });
    const beside = render({ files: chart, source: plainHelm, seconds: patience });
    const [error, fine] = await Promise.all([
      attacked.then(
        () => undefined,
        (thrown: unknown) => thrown,
      ),
      beside,
    ]);
    expect(fine).toEqual(['fine', 'last']);
    expect(error).toBeInstanceOf(ConvergeError);
    expect(error).toMatchObject({
      code: 'RenderFailed',
      disposition: 'refuse',
      subject,
      problem: expect.stringMatching(message),
    });
  });
});

function configMap(name: string): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\n`;
}

async function render({
  files,
  source,
  seconds,
}: Pick<Attack, 'files' | 'source'> & { seconds: number }): Promise<(string | undefined)[]> {
  const root = await mkdtemp(join(scratch, 'repository-'));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    if (typeof content === 'string' && content.startsWith('link:'))
      await symlink(content.slice('link:'.length), join(root, path));
    else await writeFile(join(root, path), content);
  }
  const { objects } = await renderer.render({
    root,
    sources: [source],
    namespace: 'acme',
    kubernetesVersion: 'v1.36.3',
    apiVersions: ['v1'],
    absent: [],
    limits: { seconds, mebibytes: 256 },
    seed: async () => expect.unreachable('no template draws random values'),
    lookup: undefined,
  });
  return objects.map(({ object }) => object.metadata.name);
}
