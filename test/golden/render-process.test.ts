import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ensureProgram } from '../../local/programs.ts';
import { createRenderer } from '../../shared/adapters/renderer.ts';
import type { Renderer, RenderRequest } from '../../shared/ports/renderer.ts';
import { eventually } from '../eventually.ts';
import { buildMilliseconds, renderSeconds } from '../guards.ts';
import { rejectionOf } from '../refusal.ts';
import { writeFiles } from '../write-files.ts';

const usual: Omit<RenderRequest, 'root' | 'sources'> = {
  namespace: 'acme',
  kubernetesVersion: 'v1.36.3',
  apiVersions: ['v1'],
  absent: [],
  limits: { seconds: renderSeconds, mebibytes: 512 },
  seed: async () => expect.unreachable('nothing is drawn'),
  lookup: undefined,
};

const chart = { 'Chart.yaml': 'apiVersion: v2\nname: shop\nversion: 1.0.0\n' };
const configMap = (value: string) =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings }\ndata: { value: ${JSON.stringify(value)} }\n`;

let program: string;
let scratch: string;
let renderer: Renderer;
/** The numbers of the processes that were started. */
let started: () => Promise<readonly number[]>;

beforeAll(async () => {
  program = await ensureProgram('render');
  scratch = await mkdtemp(join(tmpdir(), 'converge-process-'));
}, buildMilliseconds);

beforeEach(async () => {
  const folder = await mkdtemp(join(scratch, 'program-'));
  const wrapper = join(folder, 'render');
  await writeFile(wrapper, `#!/bin/sh\necho $$ >> ${folder}/started\nexec ${program}\n`, { mode: 0o755 });
  renderer = createRenderer({ program: wrapper });
  started = async () => (await readFile(join(folder, 'started'), 'utf8')).trim().split('\n').map(Number);
});

afterAll(() => rm(scratch, { recursive: true, force: true }));

async function chartOf(template: string, more: Partial<RenderRequest> = {}): Promise<RenderRequest> {
  const root = await mkdtemp(join(scratch, 'repository-'));
  await writeFiles(root, { 'charts/shop/Chart.yaml': chart['Chart.yaml'], 'charts/shop/templates/a.yaml': template });
  const sources = [{ kind: 'helm', chart: 'charts/shop', release: 'shop', values: [] }] as const;
  return { ...usual, root, sources, ...more };
}

async function valueOf(request: RenderRequest): Promise<unknown> {
  const { objects } = await renderer.render(request);
  return objects.map(({ object }) => Reflect.get(object, 'data'));
}

describe('a process of the renderer', () => {
  it('serves one request after the other, each in its own repository', async () => {
    for (const value of ['one', 'two', 'three'])
      expect(await valueOf(await chartOf(configMap(value)))).toEqual([{ value }]);
    expect(await started()).toHaveLength(1);
  });

  it('draws and looks up for each request anew', async () => {
    const template = `apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data:
  drawn: {{ randAlphaNum 12 }}
  found: {{ (lookup "v1" "Secret" "acme" "login").kind }}
`;
    const draw = async (letter: string) =>
      valueOf(
        await chartOf(template, {
          seed: async () => ({ seed: Buffer.alloc(32, letter).toString('base64'), time: '2026-11-21T01:02:03Z' }),
          lookup: async () => ({ found: { apiVersion: 'v1', kind: letter, metadata: { name: 'login' } } }),
        }),
      );
    const [first, second, again] = [await draw('A'), await draw('B'), await draw('A')];
    expect(first).toEqual([{ drawn: expect.any(String), found: 'A' }]);
    expect(second).toEqual([{ drawn: expect.any(String), found: 'B' }]);
    expect(second).not.toEqual([{ ...Object(first)[0], found: 'B' }]);
    expect(again).toEqual(first);
    expect(await started()).toHaveLength(1);
  });

  it('renders no two requests at a time', async () => {
    const values = ['one', 'two', 'three', 'four'];
    const requests = await Promise.all(values.map((value) => chartOf(configMap(value))));
    expect(await Promise.all(requests.map(valueOf))).toEqual(values.map((value) => [{ value }]));
    expect(await started()).toHaveLength(4);
  });

  it.each([
    ['fails', '{{ fail "no" }}', usual.limits, 2],
    [
      'takes too long',
      '{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}',
      { seconds: 1, mebibytes: 512 },
      2,
    ],
    // Once more by a process of its own, before it is blamed.
    ['takes too much', '{{ $x := list "a" }}{{ range until 40 }}{{ $x = concat $x $x }}{{ end }}', usual.limits, 3],
  ])('dies of a request that %s, and of no other', async (_how, template, limits, processes) => {
    expect(await valueOf(await chartOf(configMap('before'), { limits }))).toEqual([{ value: 'before' }]);
    const error = await rejectionOf(renderer.render(await chartOf(template, { limits })));
    expect(error).toMatchObject({ code: 'RenderFailed', disposition: 'refuse' });
    expect(await valueOf(await chartOf(configMap('after'), { limits }))).toEqual([{ value: 'after' }]);
    expect(await started()).toHaveLength(processes);
  });

  it('refuses nobody for what others left in it, one after another and side by side', async () => {
    const large = configMap('large').replace('"large"', '{{ repeat 8000000 "x" }}');
    const request = await chartOf(large, { limits: { seconds: renderSeconds, mebibytes: 256 } });
    for (let turn = 0; turn < 4; turn++) expect(await valueOf(request)).toHaveLength(1);
    expect(await Promise.all([request, request].map(valueOf))).toHaveLength(2);
    expect(await valueOf(request)).toHaveLength(1);
  });

  it('that ended while it waited is replaced', async () => {
    expect(await valueOf(await chartOf(configMap('before')))).toEqual([{ value: 'before' }]);
    const [pid = 0] = await started();
    process.kill(pid, 'SIGKILL');
    await eventually('it is gone', async () => {
      try {
        return !/^State:\s+[^Z]/m.test(await readFile(`/proc/${pid}/status`, 'utf8'));
      } catch {
        return true;
      }
    });
    expect(await valueOf(await chartOf(configMap('after')))).toEqual([{ value: 'after' }]);
    expect(await started()).toHaveLength(2);
  });

  it('takes no schema of an overlay to the next request', async () => {
    const list =
      'apiVersion: v1\nkind: OddList\nmetadata: { name: odd }\nitems: [{ apiVersion: v1, kind: Odd, metadata: { name: one } }]\n';
    const plain = async () => {
      const root = await mkdtemp(join(scratch, 'repository-'));
      await writeFiles(root, { 'a.yaml': list });
      return { ...usual, root, sources: [{ kind: 'manifests', path: 'a.yaml' } as const] };
    };
    const root = await mkdtemp(join(scratch, 'repository-'));
    await writeFiles(root, {
      'kustomization.yaml': 'resources: [b.yaml]\nopenapi: { path: schema.json }\n',
      'b.yaml': configMap('overlay'),
      'schema.json': JSON.stringify({
        definitions: {
          odd: { 'x-kubernetes-group-version-kind': [{ group: '', version: 'v1', kind: 'Odd' }], type: 'object' },
        },
      }),
    });
    const before = await renderer.render(await plain());
    await renderer.render({ ...usual, root, sources: [{ kind: 'kustomize', folder: '.' }] });
    expect(await renderer.render(await plain())).toEqual(before);
    expect(await started()).toHaveLength(1);
  });

  it('gives back what it took, or ends', async () => {
    const large = configMap('large').replace('"large"', '{{ repeat 20000000 "x" }}');
    expect(await valueOf(await chartOf(large))).toHaveLength(1);
    expect(await valueOf(await chartOf(configMap('after')))).toEqual([{ value: 'after' }]);
    const pid = (await started()).at(-1);
    const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
    expect(Number(kibibytes)).toBeLessThan(192 * 1024);
  });
});
