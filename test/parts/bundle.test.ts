import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import { dump, load } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { z } from 'zod';
import { build, built } from '../../build/build.ts';
import builtInKinds from '../../cli/validate/built-in-kinds.json' with { type: 'json' };
import { functionSizes, heapMiB } from '../../functions/sizes.ts';
import { ensureBuilt, modesOf, root, unpackArchive } from '../built.ts';
import { readDelivery, startParts, type Parts } from '../functions/parts.ts';
import { startInstance, type Instance } from '../instance.ts';
import { buildMilliseconds } from '../guards.ts';
import { postBody } from '../post-body.ts';

/*
 * What `npm run build` makes, used as who gets it does: in clean folders, far from this project and its packages.
 */

const execute = promisify(execFile);
const { name, version } = z
  .object({ name: z.string(), version: z.string() })
  .parse(JSON.parse(await readFile(join(root, 'package.json'), 'utf8')));

let dist: string;
let scratch: string;
/** The archive, unpacked. */
let folder: string;

beforeAll(async () => {
  dist = await ensureBuilt();
  scratch = await mkdtemp(join(tmpdir(), 'converge-bundle-'));
  folder = join(scratch, 'functions');
  await unpackArchive({ dist, into: folder });
}, buildMilliseconds);

afterAll(() => rm(scratch, { recursive: true, force: true }));

async function filesOf(path: string): Promise<string[]> {
  const found = await readdir(path, { recursive: true, withFileTypes: true });
  return found.filter((file) => file.isFile()).map((file) => join(file.parentPath, file.name));
}

async function recipeLines(): Promise<string[]> {
  return (await readFile(join(root, 'functions', 'Dockerfile'), 'utf8'))
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/** The bill's names of libraries, with the version: `@kubernetes/client-node 2.0.1`. */
function librariesOf(bill: string): string[] {
  const schema = z.object({
    components: z.array(z.object({ group: z.string().optional(), name: z.string(), version: z.string() })),
  });
  return schema
    .parse(JSON.parse(bill))
    .components.map(({ group, name, version }) => `${group === undefined ? '' : `${group}/`}${name} ${version}`);
}

describe('the archive of the functions', () => {
  test('holds what the platform needs at its top, and nothing else', async () => {
    const wanted = [
      'LICENSE',
      'bin',
      'framework',
      'functions',
      'index.mjs',
      'index.mjs.map',
      'licenses.txt',
      'package-lock.json',
      'package.json',
      'sbom.cdx.json',
    ];
    expect((await readdir(folder)).filter((name) => name !== 'functions.yaml').sort()).toEqual(wanted);
  });

  test('maps each file of JavaScript back to its sources', async () => {
    const files = await filesOf(folder);
    const unmapped = files.filter(
      (file) => /\.[mc]js$/.test(file) && !file.includes('/late/') && !files.includes(`${file}.map`),
    );
    expect(unmapped).toEqual([]);
  });

  test('tells nothing of the machine that built it', async () => {
    const files = (await filesOf(folder)).filter((file) => !file.includes('/bin/'));
    const telling = await Promise.all(
      files.map(async (file) => ((await readFile(file, 'utf8')).includes(root) ? file : [])),
    );
    expect(telling.flat()).toEqual([]);
    const renderer = await readFile(join(folder, 'bin', 'render'));
    expect([root, homedir()].filter((path) => path.length > 1 && renderer.includes(`${path}/`))).toEqual([]);
  });

  test('holds the renderer as an executable for linux/amd64 that needs no library', async () => {
    const { mode } = await stat(join(folder, 'bin', 'render'));
    expect((mode & 0o777).toString(8)).toBe('755');
    const renderer = await readFile(join(folder, 'bin', 'render'));
    expect({ magic: renderer.toString('latin1', 0, 4), machine: renderer.readUInt16LE(18) }).toEqual({
      magic: '\x7fELF',
      machine: 0x3e,
    });
    const headers = Number(renderer.readBigUInt64LE(32));
    const kinds = Array.from({ length: renderer.readUInt16LE(56) }, (_, index) =>
      renderer.readUInt32LE(headers + index * renderer.readUInt16LE(54)),
    );
    const interpreter = 3;
    expect(kinds).not.toContain(interpreter);
  });

  test('says what it is made of as CycloneDX 1.6', async () => {
    const bill = await readFile(join(folder, 'sbom.cdx.json'), 'utf8');
    expect(await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(bill)).toBeNull();
    const { dependencies, devDependencies } = z
      .object({ dependencies: z.record(z.string(), z.string()), devDependencies: z.record(z.string(), z.string()) })
      .parse(JSON.parse(await readFile(join(root, 'package.json'), 'utf8')));
    const libraries = librariesOf(bill);
    // The command alone has them.
    const { commander: _commander, ajv: _ajv, 'string-width': _width, ...deployed } = dependencies;
    expect(libraries).toEqual(
      expect.arrayContaining(Object.entries(deployed).map(([name, version]) => `${name} ${version}`)),
    );
    expect(
      Object.entries(devDependencies).filter(([name, version]) => libraries.includes(`${name} ${version}`)),
    ).toEqual([]);
    expect(libraries).toEqual(
      expect.arrayContaining(
        ['helm.sh/helm/v4', 'sigs.k8s.io/kustomize/api'].map((name) => expect.stringContaining(name)),
      ),
    );
    expect(bill).not.toContain('"unknown"');
  });

  test('brings the licence of each library', async () => {
    const text = await readFile(join(folder, 'licenses.txt'), 'utf8');
    const libraries = librariesOf(await readFile(join(folder, 'sbom.cdx.json'), 'utf8'));
    expect(libraries.filter((library) => !text.includes(`\n${library} (`))).toEqual([]);
  });
});

test(
  'the same sources give the same bytes in another folder, with another cache',
  async () => {
    const elsewhere = join(scratch, 'elsewhere', 'project');
    await mkdir(elsewhere, { recursive: true });
    const sources = [
      'build',
      'cli',
      'functions',
      'shared',
      'local',
      'docs/schemas',
      'tools/render',
      'tools/go.mod',
      'tools/go.sum',
      'package.json',
      'package-lock.json',
      'tsconfig.json',
      'README.md',
      'LICENSE',
    ];
    await Promise.all(sources.map((path) => cp(join(root, path), join(elsewhere, path), { recursive: true })));
    await symlink(join(root, 'node_modules'), join(elsewhere, 'node_modules'));
    vi.stubEnv('CONVERGE_CACHE', join(scratch, 'elsewhere', 'cache'));
    onTestFinished(() => void vi.unstubAllEnvs());
    await build({ root: elsewhere, out: join(elsewhere, 'dist'), targets: [] });
    expect(await readFile(join(elsewhere, 'dist', built.sums), 'utf8')).toBe(
      await readFile(join(dist, built.sums), 'utf8'),
    );
  },
  buildMilliseconds,
);

describe('from the archive alone', () => {
  let parts: Parts;
  let variables: Record<string, string>;
  const instances: Instance[] = [];

  beforeAll(async () => {
    parts = await startParts();
    // The renderer is the archive's own.
    const { renderer: _ours, ...configuration } = z.looseObject({}).parse(load(await readFile(parts.config, 'utf8')));
    const config = join(scratch, 'converge.yaml');
    await writeFile(config, dump(configuration));
    variables = { CONVERGE_CONFIG: config, PUBSUB_EMULATOR_HOST: parts.pubsubHost };
  });

  afterAll(async () => {
    await Promise.all(instances.map(({ stop }) => stop()));
    await parts.stop();
  });

  async function start(target: keyof typeof functionSizes): Promise<Instance> {
    const NODE_OPTIONS = `--max-old-space-size=${heapMiB(target)}`;
    const instance = await startInstance({ folder, target, home: scratch, variables: { ...variables, NODE_OPTIONS } });
    instances.push(instance);
    return instance;
  }

  async function deliver({ url }: Instance, delivery: string): Promise<{ status: number; text: string }> {
    const { headers, body } = await readDelivery(delivery);
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
    return { status: answer.status, text: await answer.text() };
  }

  test('copyArtifact commits an upload, and announces the commit', async () => {
    await parts.storage.bucket('family-master').file('config/acme.yaml').save('message: hello\n', { resumable: false });
    expect(await deliver(await start('copyArtifact'), 'storage-finalized')).toMatchObject({ text: '' });
    expect(await parts.askMaster('show', 'main:config/acme.yaml')).toBe('message: hello');
    expect((await parts.next('change-committed')).data).toMatchObject({ artifacts: [{ name: 'config/acme.yaml' }] });
  });

  test('receivePush announces a push, and refuses one of another signature', async () => {
    const instance = await start('receivePush');
    expect(await deliver(instance, 'github-push')).toMatchObject({ status: 200 });
    expect((await parts.next('change-committed')).data).toMatchObject({ repository: 'master' });
    expect(await deliver(instance, 'github-push-with-another-secrets-signature')).toMatchObject({ status: 401 });
  });

  test('receivePush outlives strangers who send it 30 MiB each, with a length, in chunks and compressed', async () => {
    const instance = await start('receivePush');
    const body = Buffer.from(`{"a":[${'{"k":1},'.repeat((30 * 1024 * 1024) / 8)}1]}`);
    const inChunks = [body.subarray(0, 15_000_000), body.subarray(15_000_000)];
    const headers = {
      'content-type': 'application/json',
      'x-github-event': 'push',
      'x-hub-signature-256': 'sha256=00',
    };
    const chunked = { ...headers, 'transfer-encoding': 'chunked' };
    const gzip = { 'content-encoding': 'gzip' };
    const calls = [
      { call: { headers, body }, status: 413 },
      { call: { headers: chunked, body: inChunks }, status: 413 },
      { call: { headers: { ...headers, ...gzip }, body: gzipSync(body) }, status: 400 },
      { call: { headers: { ...chunked, ...gzip }, body: inChunks }, status: 400 },
    ];
    const flood = Array.from({ length: 10 }, () => calls).flat();
    const answers = await Promise.all(flood.map(({ call }) => postBody({ url: instance.url, ...call })));
    expect(answers).toEqual(flood.map(({ status }) => status));
    expect(await instance.peakRssMiB()).toBeLessThan(functionSizes.receivePush.memoryMiB);
    expect(await deliver(instance, 'github-push')).toMatchObject({ status: 200 });
  });

  test('fanOut publishes the job of an environment', async () => {
    await parts.commit({
      'environments/acme.yaml': environmentFile,
      'charts/greeting/Chart.yaml': chart,
      'charts/greeting/templates/greeting.yaml': template,
    });
    expect(await deliver(await start('fanOut'), 'change-committed')).toMatchObject({ text: '' });
    expect((await parts.next('reconcile')).data).toMatchObject({ environment: 'acme' });
  });

  test('reconcile renders a chart with the renderer of the archive, and applies it', async () => {
    expect(await deliver(await start('reconcile'), 'reconcile-requested')).toMatchObject({ text: '' });
    expect((await parts.next('converged')).data).toMatchObject({ environment: 'acme', changes: { created: 1 } });
    expect(
      await parts.kubernetes.kubectl([
        'get',
        'configmap',
        'greeting-shop',
        '-n',
        'acme',
        '-o',
        'jsonpath={.data.message}',
      ]),
    ).toBe('Good morning');
  });

  test('checkDrift publishes a check of every environment', async () => {
    expect(await deliver(await start('checkDrift'), 'scheduler-call')).toMatchObject({
      status: 200,
      text: expect.stringContaining('master/acme'),
    });
  });

  test('deliverAlert hands an alert to its sink', async () => {
    expect(await deliver(await start('deliverAlert'), 'diff')).toMatchObject({ text: '' });
    expect(parts.sink.calls).toHaveLength(1);
  });

  test('status tells every environment', async () => {
    const answer = await fetch((await start('status')).url);
    expect(await answer.json()).toMatchObject({ environments: [{ name: 'acme', state: 'Converged', objects: 1 }] });
  });

  test("runs as Google's builder makes it: without a registry, from node_modules/.bin, with its code compiled before", async () => {
    const workspace = join(scratch, 'workspace');
    await unpackArchive({ dist, into: workspace });
    const environment = { PATH: process.env['PATH'], HOME: scratch, npm_config_cache: join(scratch, 'empty-cache') };
    await execute('npm', ['ci', '--offline', '--quiet', '--no-fund', '--no-audit'], {
      cwd: workspace,
      env: environment,
    });
    await execute('npm', ['run', 'gcp-build'], { cwd: workspace, env: environment });
    const compiled = await filesOf(join(workspace, 'compiled'));
    expect(compiled.length).toBeGreaterThan(20);
    const instance = await startInstance({
      folder: workspace,
      arguments: ['node_modules/.bin/functions-framework'],
      target: 'status',
      home: scratch,
      variables,
    });
    instances.push(instance);
    expect((await fetch(`${instance.url}/healthz`)).status).toBe(200);
  });

  test('a function that fails where nobody awaits it is answered, and follows no promise by hooks', async () => {
    const own = join(scratch, 'failing');
    await cp(folder, own, { recursive: true });
    await writeFile(
      join(own, 'index.mjs'),
      `import { http } from '#framework';
      http('failing', async (request, response) => {
        await null;
        if (request.path === '/event') setTimeout(() => { throw new Error('of an event'); }, 1);
        else if (request.path === '/promise') void Promise.reject(new Error('of a promise'));
        else if (request.path === '/own') throw new Error('of its own');
        else response.send(String(process.moduleLoadList.includes('NativeModule domain')));
      });`,
    );
    const lines: string[] = [];
    const instance = await startInstance({
      folder: own,
      target: 'failing',
      home: scratch,
      variables,
      onLine: (line) => lines.push(line),
    });
    instances.push(instance);
    for (const path of ['event', 'promise', 'own']) {
      const answer = await fetch(`${instance.url}/${path}`);
      expect([path, answer.status, answer.headers.get('x-google-status')]).toEqual([path, 500, 'crash']);
    }
    expect(await (await fetch(instance.url)).text()).toBe('false');
    expect(lines.filter((line) => line.startsWith('Error: of'))).toEqual([
      'Error: of an event',
      'Error: of a promise',
      'Error: of its own',
    ]);
  });

  test('status runs as its image runs it: by the last line of the recipe, after what the recipe runs', async () => {
    const recipe = await recipeLines();
    const command = (word: string): string[] => {
      const line = recipe.findLast((each) => each.startsWith(`${word} [`));
      return z.array(z.string()).parse(JSON.parse(line?.slice(word.length) ?? '[]'));
    };
    expect(recipe.findLast((line) => line.startsWith('USER '))).toBe('USER node');
    const app = join(scratch, 'app');
    await cp(join(dist, built.functions), app, { recursive: true });
    const [node = '', ...prime] = command('RUN');
    expect(node).toBe('node');
    await execute(process.execPath, prime, { cwd: app });
    const instance = await startInstance({
      folder: app,
      arguments: command('CMD').slice(1),
      target: 'status',
      home: scratch,
      variables,
    });
    instances.push(instance);
    expect((await fetch(`${instance.url}/healthz`)).status).toBe(200);
  });
});

describe('the image', () => {
  test('copies what the build makes, for each processor', async () => {
    const copied = (await recipeLines()).flatMap((line) => /^COPY (?!--from)(\S+) /.exec(line)?.[1] ?? []);
    expect(copied).toEqual([
      'functions/',
      built.renderer({ os: 'linux', arch: 'amd64' }).replace('amd64', '${TARGETARCH}'),
    ]);
    for (const path of copied) await stat(join(dist, path.replace('${TARGETARCH}', 'amd64')));
  });

  test('is what the example for Knative runs', async () => {
    const example = load(await readFile(join(root, 'examples', 'knative', 'copy-artifact.yaml'), 'utf8'));
    const schema = z.object({
      spec: z.object({
        template: z.object({
          spec: z.object({
            containers: z.array(z.object({ env: z.array(z.object({ name: z.string(), value: z.string() })) })),
          }),
        }),
      }),
    });
    const [container] = schema.parse(example).spec.template.spec.containers;
    expect(container?.env).toContainEqual({ name: 'FUNCTION_TARGET', value: 'copyArtifact' });
  });
});

describe('the package of the command', () => {
  let bin: string;

  beforeAll(async () => {
    const project = join(scratch, 'somebody');
    await mkdir(project);
    await writeFile(join(project, 'package.json'), '{ "private": true }');
    const environment = { PATH: process.env['PATH'], HOME: scratch, npm_config_cache: join(scratch, 'another-cache') };
    await execute(
      'npm',
      ['install', '--offline', '--quiet', '--no-fund', '--no-audit', resolve(dist, built.command(version))],
      { cwd: project, env: environment },
    );
    expect(await readdir(join(project, 'node_modules', ...name.split('/')))).toContain('converge.mjs');
    bin = join(project, 'node_modules', '.bin', 'converge');
  });

  async function converge(...parameters: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    const environment = { PATH: process.env['PATH'], HOME: scratch };
    return await execute(bin, parameters, { cwd: scratch, env: environment }).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      (error: unknown) => z.object({ code: z.int(), stdout: z.string(), stderr: z.string() }).parse(error),
    );
  }

  test('brings what Kubernetes publishes of its kinds', async () => {
    const late = join(scratch, 'somebody', 'node_modules', ...name.split('/'), 'command');
    const file = (await readdir(late)).find((one) => /^built-in-kinds-.*\.mjs$/.test(one)) ?? '';
    expect(await readFile(join(late, file), 'utf8')).toContain(builtInKinds.brotli);
  });

  test('is installed without a registry, and helps', async () => {
    expect(await converge('--help')).toMatchObject({ code: 0, stdout: expect.stringContaining('converge') });
  });

  test('ends with 2 where the configuration is wrong', async () => {
    const config = join(scratch, 'wrong.yaml');
    await writeFile(config, 'nonsense: 1\n');
    expect(await converge('status', '--config', config)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('nonsense: unknown key'),
    });
  });

  test('brings the schemas of what it prints and what is sent, with their types', async () => {
    const somebody = join(scratch, 'somebody');
    const reader =
      "import type { Report } from '@converge-gitops/converge/schemas';\nexport const first = (report: Report): string => report.name;\n";
    await writeFile(join(somebody, 'reader.mts'), reader);
    const settings = ['--noEmit', '--strict', '--target', 'esnext', '--module', 'nodenext', '--types', ''];
    await execute(join(root, 'node_modules', '.bin', 'tsc'), [...settings, 'reader.mts'], { cwd: somebody });
    const schema = await readFile(
      join(somebody, 'node_modules', '@converge-gitops', 'converge', 'schemas', 'report.json'),
      'utf8',
    );
    expect(schema).toBe(await readFile(join(root, 'docs', 'schemas', 'report.json'), 'utf8'));
  });

  test('says what it is made of', async () => {
    const bill = await readFile(
      join(scratch, 'somebody', 'node_modules', '@converge-gitops', 'converge', 'sbom.cdx.json'),
      'utf8',
    );
    expect(await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(bill)).toBeNull();
    expect(librariesOf(bill)).toEqual(expect.arrayContaining([expect.stringMatching(/^commander /)]));
  });
});

test('every file of the archive has the mode that it needs', async () => {
  const modes = modesOf(await readFile(join(dist, built.archive)));
  const executables = [...modes].filter(([, mode]) => (mode & 0o111) !== 0).map(([path]) => path);
  expect(executables.sort()).toEqual(['bin/render', 'framework/start.mjs']);
});

const environmentFile = `apiVersion: converge.dev/v1
kind: Environment
metadata: { name: acme }
spec:
  cluster: sandbox
  namespace: acme
  sources: [{ helm: { chart: charts/greeting, release: shop } }]
`;
const chart = 'apiVersion: v2\nname: greeting\nversion: 1.0.0\n';
const template = `apiVersion: v1
kind: ConfigMap
metadata: { name: greeting-{{ .Release.Name }} }
data: { message: Good morning }
`;
