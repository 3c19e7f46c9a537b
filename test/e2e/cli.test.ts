import { mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { parseConvergenceNotes } from '../../shared/source/convergence-note.ts';
import { runConverge, type Ended } from './command.ts';
import {
  configMap,
  deployment,
  environmentFile,
  eventually,
  startWorldWithMaster,
  type Clone,
  type World,
} from './world.ts';
import { writeFiles } from '../write-files.ts';
import { exampleOf } from '../contracts.ts';

let world: World;
let master: Clone;
/** Holds a `.converge/local.json`, as beside a local pipeline. */
let folder: string;

beforeAll(async () => {
  ({ world, master } = await startWorldWithMaster());
  folder = await mkdtemp(join(tmpdir(), 'converge-cli-'));
  await writeFiles(folder, { '.converge/local.json': JSON.stringify(world.pipeline.facts) });
});
afterAll(async () => {
  await world.stop();
});

/** The command in that folder, unless told otherwise. */
async function converge(
  parameters: readonly string[],
  { cwd = folder, ...options }: { variables?: Record<string, string>; cwd?: string; signal?: AbortSignal } = {},
): Promise<Ended> {
  return await runConverge(parameters, { folder: cwd, ...options });
}

/** An example of the contracts. */
function documented(name: string): unknown {
  return JSON.parse(exampleOf(`json ${name}`));
}

/**
 * The names of the keys, of a list those of its first item; what is null or empty is left out, and so is an incident,
 * which may have been there.
 */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf);
  if (value === null || typeof value !== 'object') return 'value';
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, below]) => key !== 'incident' && below !== null && !(Array.isArray(below) && below.length === 0))
      .map(([key, below]) => [key, shapeOf(below)]),
  );
}

const uploaded = z.object({
  repository: z.string(),
  artifacts: z.array(z.object({ bucket: z.string(), name: z.string(), generation: z.string() })),
  commits: z.array(z.string()),
  environments: z
    .array(
      z.object({
        name: z.string(),
        state: z.string(),
        revision: z.string(),
        message: z.string(),
        diff: z.object({ reason: z.string() }).nullable(),
      }),
    )
    .nullable(),
});
const build = {
  GITHUB_ACTIONS: 'true',
  GITHUB_REF: 'refs/heads/main',
  GITHUB_SHA: '4f2d9c1',
  GITHUB_ACTOR: 'ada',
  GITHUB_SERVER_URL: 'https://git.example',
  GITHUB_REPOSITORY: 'family/shop',
  GITHUB_RUN_ID: '7',
  GITHUB_RUN_ATTEMPT: '1',
};

describe('converge upload', () => {
  it('makes a folder one commit that names its build, and waits until what it affects has converged', async () => {
    await master.push({
      'environments/shop.yaml': environmentFile('shop'),
      'environments/other.yaml': environmentFile('other'),
      'manifests/other/a.yaml': configMap('a', { v: '1' }),
    });
    await writeFiles(folder, {
      'manifests/shop/a.yaml': configMap('a', { v: '1' }),
      'manifests/shop/sub/b.yaml': configMap('b', { v: '1' }),
    });
    const ended = await converge(['upload', '--wait', '--output', 'json', 'manifests/shop'], { variables: build });
    expect(ended).toMatchObject({ code: 0, err: '' });
    expect(shapeOf(JSON.parse(ended.out))).toEqual(shapeOf(await documented('upload')));
    const { repository, artifacts, commits, environments } = uploaded.parse(JSON.parse(ended.out));
    expect({ repository, names: artifacts.map(({ name }) => name), commits: commits.length }).toEqual({
      repository: 'master',
      names: ['manifests/shop.tgz'],
      commits: 1,
    });
    expect(environments).toMatchObject([{ name: 'shop', state: 'Converged' }]);
    await master.git('fetch', '--quiet', 'origin');
    const message = await master.git('log', '-1', '--format=%B', commits[0]!);
    expect(message).toContain(
      'Source-Commit: 4f2d9c1\nBuild: https://git.example/family/shop/actions/runs/7/attempts/1\nUploaded-By: ada',
    );
    expect((await world.find('configmap', 'b', 'shop'))?.data).toEqual({ v: '1' });

    const again = uploaded.parse(
      JSON.parse((await converge(['upload', '--output', 'json', 'manifests/shop'], { variables: build })).out),
    );
    expect(again).toMatchObject({ artifacts, commits });
  });

  it('ends with 1 and names what failed, of a manifest that the API server refuses', async () => {
    await writeFiles(folder, {
      'manifests/shop/a.yaml': JSON.stringify({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'a' },
        data: { v: 1 },
      }),
    });
    const ended = await converge(['upload', '--wait', '--branch', 'main', 'manifests/shop']);
    expect(ended.code).toBe(1);
    expect(ended.out).toMatch(/^failed {4}shop: /m);
    expect(ended.out).toMatch(/failed ConfigMap shop\/a: .*data\.v/);
    expect(ended.out + ended.err).not.toContain('\u001b');
    const status = await converge(['status', 'shop', 'other']);
    expect(status.code).toBe(1);
    expect(status.out).toMatch(/^master\/shop +Failed /m);
    expect(status.out).toMatch(/^master\/other +Converged /m);
  });

  it('ends with 1 when the time is over, and says what it waited for', async () => {
    await writeFiles(folder, {
      'manifests/shop/a.yaml': configMap('a', { v: '2' }),
      'manifests/shop/web.yaml': deployment('web', 'never:1', { nodeSelector: { nowhere: 'yes' } }),
    });
    const ended = await converge(['upload', '--wait', '--timeout', '6s', '--branch', 'main', 'manifests/shop']);
    expect(ended.code).toBe(1);
    expect(ended.out).toMatch(/^(late|failed) +shop/m);
    await writeFiles(folder, { 'manifests/shop/web.yaml': configMap('web', { v: '2' }) });
    expect(await converge(['upload', '--wait', '--branch', 'main', 'manifests/shop'])).toMatchObject({ code: 0 });
  });

  it('reads Git and the state bucket itself where no status function is known', async () => {
    await writeFiles(folder, { 'manifests/shop/c.yaml': configMap('c', { v: '3' }) });
    const ended = await converge([
      '--config',
      world.pipeline.config,
      'upload',
      '--wait',
      '--branch',
      'main',
      'manifests/shop/c.yaml',
      '--output',
      'json',
    ]);
    expect(ended).toMatchObject({ code: 0, err: '' });
    expect(uploaded.parse(JSON.parse(ended.out)).environments).toMatchObject([{ name: 'shop', state: 'Converged' }]);
  });

  it('takes a release branch to staging', async () => {
    const ended = await converge([
      'upload',
      '--branch',
      'release/1.2',
      '--as',
      'config/a.yaml',
      'manifests/shop/c.yaml',
      '--output',
      'json',
    ]);
    expect(ended).toMatchObject({ code: 0, err: '' });
    expect(uploaded.parse(JSON.parse(ended.out))).toMatchObject({
      repository: 'staging',
      artifacts: [{ bucket: 'family-staging', name: 'config/a.yaml' }],
      environments: null,
    });
  });

  it.each([
    [
      'a branch that no class takes',
      ['upload', '--branch', 'topic/x', 'manifests/shop'],
      /branch topic\/x: is taken to no bucket\n.*main → master; release\/\*, hotfix\/\* → staging|→ develop/,
    ],
    ['no branch at all', ['upload', 'manifests/shop'], /--branch: is not given/],
    ['a class that is none', ['upload', '--class', 'nobody', 'manifests/shop'], /--class nobody: is no repository/],
    ['a path outside', ['upload', '--branch', 'main', '../elsewhere'], /is not there/],
    [
      'this folder without a path',
      ['upload', '--branch', 'main', '.'],
      /says no path in the repository\n {2}give --as PATH/,
    ],
    ['a path into .git', ['upload', '--branch', 'main', '--as', '.git/hooks', 'manifests/shop'], /reaches into \.git/],
    ['a link', ['upload', '--branch', 'main', 'linked'], /linked\/a: is a link/],
    [
      'an environment file that is wrong',
      ['upload', '--branch', 'main', 'environments/bad.yaml'],
      /environments\/bad\.yaml:\d+: .*sourcez/,
    ],
    ['an unknown option', ['upload', '--brunch', 'main', '.'], /unknown option '--brunch'/],
    ['an unknown configuration', ['--config', 'nowhere.yaml', 'status'], /nowhere\.yaml: cannot be read/],
    ['an environment that is none', ['status', 'nobody'], /nobody: is no environment/],
    ['an object that is none', ['trace', 'deployment'], /deployment: is no KIND\/NAME/],
  ])('refuses %s with 2, and without a stack', async (_what, parameters, words) => {
    await writeFiles(folder, {
      'environments/bad.yaml':
        'apiVersion: converge.dev/v1\nkind: Environment\nmetadata: { name: bad }\nspec: { cluster: sandbox, namespace: bad, sourcez: [] }\n',
      'linked/b': '',
    });
    await symlink('b', join(folder, 'linked/a')).catch(() => undefined);
    const ended = await converge(parameters);
    expect(ended).toMatchObject({ code: 2, out: '' });
    expect(ended.err).toMatch(words);
    expect(ended.err).not.toMatch(/\n\s+at /);
    expect(ended.err).not.toContain('\u001b');
  });

  it.each([
    { what: 'Ctrl-C', signal: 'SIGINT', code: 130 },
    { what: 'SIGTERM', signal: 'SIGTERM', code: 143 },
  ])('ends with $code on $what', async ({ signal, code }) => {
    const interrupted = new AbortController();
    const held = `held/${signal}`;
    await writeFiles(folder, { [held]: 'held' });
    const config = (await readFile(world.pipeline.config, 'utf8')).replace(
      'bucket: family-state',
      'bucket: family-staging',
    );
    await writeFile(join(folder, 'quiet.yaml'), config);
    const running = converge(['--config', 'quiet.yaml', 'upload', '--branch', 'main', '--as', held, held], {
      signal: interrupted.signal,
    });
    await eventually(
      'it was uploaded',
      async () => (await world.pipeline.clients.storage.bucket('family-master').file(held).exists())[0],
    );
    interrupted.abort(signal);
    expect((await running).code).toBe(code);
    // What the next test commits is to be the head that its environments converge at.
    await eventually('it is committed', async () => {
      await master.git('fetch', '--quiet', 'origin');
      return (await master.git('ls-tree', '--name-only', 'origin/main', held)) !== '';
    });
  });
});

describe('what converged', () => {
  it('is a note of its commit and the place of a ref, for every environment that converged at it', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `fleet-${index}`);
    const files = Object.fromEntries(
      names.flatMap((name) => [
        [`environments/${name}.yaml`, environmentFile(name)],
        [`manifests/${name}/a.yaml`, configMap('a', { v: '1' })],
      ]),
    );
    const commit = await eventually('a person could push', async () => master.push(files).catch(() => undefined));
    await eventually('all of them are in the note', async () => {
      await master.git('fetch', '--quiet', 'origin', '+refs/notes/*:refs/notes/*', '+refs/converge/*:refs/converge/*');
      const note = await master.git('notes', '--ref', 'converge', 'show', commit).catch(() => '');
      return names.every((name) => note.includes(`${name} converged at=`));
    });
    const note = await master.git('log', '-1', '--notes=converge', '--format=%N', commit);
    expect(
      parseConvergenceNotes(note)
        .map(({ environment }) => environment)
        .toSorted(),
    ).toEqual(names.toSorted());
    for (const name of names) {
      await eventually(`the ref of ${name} is there`, async () =>
        (await master.git('ls-remote', 'origin', `refs/converge/${name}`)).startsWith(commit),
      );
    }
    const told = world.converged.filter(({ environment }) => names.includes(environment));
    expect(told).toHaveLength(20);
    expect(await master.git('fsck', '--strict')).toBe('');
  });

  it('is told by history: from the commit to the artifact, its build and the alert', async () => {
    const ended = await converge(['history', 'shop', '--output', 'json']);
    expect(ended).toMatchObject({ code: 0, err: '' });
    const { entries } = z
      .object({
        entries: z.array(
          z.looseObject({
            state: z.string(),
            builds: z.array(z.string()),
            artifacts: z.array(z.string()),
            converged: z.array(z.looseObject({ event: z.string() })),
          }),
        ),
      })
      .parse(JSON.parse(ended.out));
    const first = entries.at(-2);
    const example = z
      .object({ entries: z.array(z.looseObject({ attemptedAt: z.string() })) })
      .parse(await documented('history')).entries[0];
    // No pull request has planned it.
    expect(shapeOf(first)).toEqual(shapeOf({ ...example, attemptedAt: null, plan: null }));
    expect(first).toMatchObject({
      state: 'Converged',
      sourceCommits: ['4f2d9c1'],
      builds: ['https://git.example/family/shop/actions/runs/7/attempts/1'],
      uploadedBy: ['ada'],
    });
    expect(first?.artifacts[0]).toMatch(/^gs:\/\/family-master\/manifests\/shop\.tgz#\d+$/);
    expect(first?.converged[0]?.event).toMatch(/^[0-9a-f]{32}$/);
    const text = await converge(['history', 'master/shop', '--limit', '2']);
    expect(text.out).toMatch(/^main@[0-9a-f]{12} .* Converged\n {2}Copy manifests\/shop/);
    expect(text.out).not.toContain('\u001b');
  });

  it('is told by trace: from an object to the artifact and its build', async () => {
    await writeFiles(folder, { 'manifests/shop/a.yaml': configMap('a', { v: '9' }) });
    expect(
      await converge(['upload', '--wait', 'manifests/shop'], { variables: { ...build, GITHUB_RUN_ID: '8' } }),
    ).toMatchObject({ code: 0 });
    const ended = await converge(['trace', 'configmap/a', '-n', 'shop', '--output', 'json']);
    expect(ended).toMatchObject({ code: 0, err: '' });
    const { traces } = z
      .object({ traces: z.array(z.looseObject({ inputs: z.array(z.looseObject({ path: z.string() })) })) })
      .parse(JSON.parse(ended.out));
    expect(traces).toMatchObject([
      {
        object: { kind: 'ConfigMap', namespace: 'shop', name: 'a' },
        environment: 'shop',
        repository: 'master',
        cluster: 'sandbox',
      },
    ]);
    expect(traces[0]?.inputs.find(({ path }) => path === 'manifests/shop/a.yaml')).toMatchObject({
      lastChange: { builds: ['https://git.example/family/shop/actions/runs/8/attempts/1'], uploadedBy: ['ada'] },
    });
    expect(shapeOf(traces[0]?.inputs.find(({ path }) => path === 'manifests/shop/a.yaml'))).toEqual(
      shapeOf(
        z.object({ traces: z.array(z.object({ inputs: z.array(z.unknown()) })) }).parse(await documented('trace'))
          .traces[0]?.inputs[0],
      ),
    );
    const nobody = await converge(['trace', 'configmap/nobody', '--output', 'json']);
    expect(nobody.code).toBe(1);
    expect(JSON.parse(nobody.out)).toMatchObject({
      error: { subject: 'configmap/nobody', message: 'no environment owns such an object' },
    });
  });
});
