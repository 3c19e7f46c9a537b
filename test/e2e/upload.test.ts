import { createHmac } from 'node:crypto';
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { freePort } from '../../local/free-port.ts';
import { alertsOf } from './alerts.ts';
import { runConverge } from './command.ts';
import {
  configMap,
  deployment,
  environmentFile,
  eventually,
  startWorldWithMaster,
  tgz,
  type Clone,
  type World,
} from './world.ts';

let world: World;
let master: Clone;
const { convergedAt } = alertsOf(() => world);

beforeAll(async () => {
  ({ world, master } = await startWorldWithMaster());
});
afterAll(async () => {
  await world.stop();
});

/** The commit that carries a generation's trailer, once the branch has it. */
async function commitOf(artifact: string, clone = master): Promise<string> {
  return eventually(`a commit carries ${artifact}`, async () => {
    await clone.git('fetch', '--quiet', 'origin');
    const found = await clone.git(
      'log',
      'origin/main',
      '--format=%H',
      '--fixed-strings',
      `--grep=Artifact: ${artifact}`,
    );
    return found === '' ? undefined : found.split('\n')[0];
  });
}

async function countCopies(artifact: string): Promise<number> {
  await master.git('fetch', '--quiet', 'origin');
  const found = await master.git(
    'log',
    'origin/main',
    '--format=%H',
    '--fixed-strings',
    `--grep=Artifact: ${artifact}`,
  );
  return found === '' ? 0 : found.split('\n').length;
}

describe('an upload', () => {
  it('of a plain object becomes a commit with its trailers, by the pipeline as author, and reaches the cluster', async () => {
    await master.push({
      'environments/shop.yaml': environmentFile('shop', {
        sources: [{ helm: { chart: 'charts/shop', release: 'shop', values: ['config/shop.yaml'] } }],
      }),
    });
    const chart = {
      'shop/Chart.yaml': 'apiVersion: v2\nname: shop\nversion: 1.0.0\n',
      'shop/values.yaml': 'image: shop:1\n',
      'shop/templates/web.yaml': deployment('web', '{{ .Values.image }}'),
    };
    await commitOf(`gs://family-master/charts/shop.tgz#${await world.upload('charts/shop.tgz', await tgz(chart))}`);
    const metadata = {
      'converge-commit': '4f2d9c1',
      'converge-build': 'https://ci.example/build/7',
      'converge-author': 'Ada <ada@example.com>',
    };
    const generation = await world.upload('config/shop.yaml', 'image: shop:2\n', { metadata });
    const artifact = `gs://${world.pipeline.facts.buckets.master}/config/shop.yaml#${generation}`;
    const commit = await commitOf(artifact);
    const message = await master.git('log', '-1', '--format=%B', commit);
    expect(message).toContain(`Artifact: ${artifact}`);
    expect(message).toContain('Source-Commit: 4f2d9c1');
    expect(message).toContain('Build: https://ci.example/build/7');
    expect(message).toContain('Uploaded-By: Ada <ada@example.com>');
    expect(await master.git('show', `${commit}:config/shop.yaml`)).toBe('image: shop:2');
    await eventually('the upload is deployed', async () =>
      JSON.stringify((await world.find('deployment', 'web', 'shop'))?.spec ?? {}).includes('shop:2'),
    );
    await convergedAt('shop', commit);
  });

  it('of an archive is one commit, unpacks a packaged chart without its top folder, and replaces the folder as a whole', async () => {
    const first = await world.upload(
      'charts/tool.tgz',
      await tgz({ 'tool/Chart.yaml': 'name: tool\n', 'tool/old.yaml': 'old\n' }),
    );
    await commitOf(`gs://family-master/charts/tool.tgz#${first}`);
    const second = await world.upload(
      'charts/tool.tgz',
      await tgz({ 'tool/Chart.yaml': 'name: tool\n', 'tool/new.yaml': 'new\n', 'tool/sub/more.yaml': 'more\n' }),
    );
    const commit = await commitOf(`gs://family-master/charts/tool.tgz#${second}`);
    expect((await master.git('ls-tree', '-r', '--name-only', commit, 'charts/tool')).split('\n')).toEqual([
      'charts/tool/Chart.yaml',
      'charts/tool/new.yaml',
      'charts/tool/sub/more.yaml',
    ]);
    expect(await master.git('log', '-1', '--format=%B', commit)).not.toContain(first);
    expect(await countCopies(`gs://family-master/charts/tool.tgz#${second}`)).toBe(1);
  });

  it('lands in the repository of its bucket, and in no other', async () => {
    const develop = await world.clone('develop');
    await develop.push({ 'README.md': 'develop' });
    const generation = await world.upload('config/feature.yaml', 'feature: on\n', { bucket: 'develop' });
    await commitOf(`gs://family-develop/config/feature.yaml#${generation}`, develop);
    await master.git('fetch', '--quiet', 'origin');
    expect(await master.git('ls-tree', '-r', '--name-only', 'origin/main', 'config/feature.yaml')).toBe('');
  });

  it('whose event comes again, late and out of order, is copied once', async () => {
    const older = await world.upload('config/twice.yaml', 'v: 1\n');
    const newer = await world.upload('config/twice.yaml', 'v: 2\n');
    const commit = await commitOf(`gs://family-master/config/twice.yaml#${newer}`);
    await Promise.all(
      [newer, older, newer, older].map(async (generation) =>
        deliver({ bucket: 'family-master', name: 'config/twice.yaml', generation }),
      ),
    );
    expect(await countCopies(`gs://family-master/config/twice.yaml#${newer}`)).toBe(1);
    expect(await master.git('show', 'origin/main:config/twice.yaml')).toBe('v: 2');
    expect(await master.git('log', '-1', '--format=%H', 'origin/main', '--', 'config/twice.yaml')).toBe(commit);
  });

  it('is not brought back by its event after a revert', async () => {
    const generation = await world.upload('config/reverted.yaml', 'bad: yes\n');
    const commit = await commitOf(`gs://family-master/config/reverted.yaml#${generation}`);
    await master.git('reset', '--quiet', '--hard', 'origin/main');
    await master.git('revert', '--no-edit', commit);
    await master.git('push', '--quiet', 'origin', 'HEAD:main');
    await deliver({ bucket: 'family-master', name: 'config/reverted.yaml', generation });
    await master.git('fetch', '--quiet', 'origin');
    expect(await master.git('ls-tree', '--name-only', 'origin/main', 'config/reverted.yaml')).toBe('');
  });

  it('that a lost ledger leaves in doubt is copied once a person says so', async () => {
    const { facts, clients } = world.pipeline;
    // The verbs go through the act function, whose URL is among these.
    const folder = await mkdtemp(join(world.pipeline.folder, 'command-'));
    await mkdir(join(folder, '.converge'));
    await writeFile(join(folder, '.converge', 'local.json'), JSON.stringify(facts));
    const command = async (...parameters: string[]) => runConverge(parameters, { folder });
    const staging = await world.clone('staging');
    const path = 'config/doubted.yaml';
    await staging.push({ [path]: 'v: 1\n' });
    const generation = await world.upload(path, 'v: 1\n', { bucket: 'staging' });
    const artifact = `gs://family-staging/${path}#${generation}`;
    const retry = async (name: string) =>
      command(
        'retry-upload',
        '--output',
        'json',
        '--wait',
        '--allow-none',
        '--reason',
        'theirs is',
        ...name.split(' '),
      );
    await eventually('the ledger has it', async () =>
      (await retry(artifact)).out.includes('was not refused: it is in Git, by'),
    );
    const theirs = await staging.push({ [path]: 'v: 2\n' });
    await clients.storage.bucket('family-state').file('ledger/staging.json').delete();
    await deliver({ bucket: 'family-staging', name: path, generation });
    await eventually('it is refused', () =>
      world.deadLetters.find(({ reason, message }) => reason === 'WouldOverwrite' && message.includes(theirs)),
    );

    expect(await command('redrive', '--all', '--dry-run')).toMatchObject({
      ...{ err: '', out: expect.stringContaining(`would be sent again: ${artifact}`) },
    });
    expect(await command('redrive', '424242')).toMatchObject({
      ...{ code: 2, err: expect.stringMatching(/^error: 424242: is the id of no dead letter/) },
    });
    expect(await command('redrive', '424242', '--own-rights', '--reason', 'x')).toMatchObject({
      ...{ code: 2, err: expect.stringContaining('is recorded by the act function alone') },
    });
    expect(await retry(`--class staging ${path} --dry-run`)).toMatchObject({
      ...{ code: 0, out: expect.stringMatching(/"artifacts": ?\[\]/) },
    });
    const ended = await retry(`--class staging ${path}`);
    expect(ended).toMatchObject({ code: 0, err: '' });
    const { artifacts, commits } = z
      .object({ artifacts: z.array(z.object({ generation: z.string() })), commits: z.array(z.string()) })
      .parse(JSON.parse(ended.out));
    expect(await commitOf(`gs://family-staging/${path}#${artifacts[0]?.generation}`, staging)).toBe(commits[0]);
    expect(await staging.git('show', `origin/main:${path}`)).toBe('v: 1');
    expect(await retry(artifact)).toMatchObject({
      code: 2,
      err: expect.stringContaining('is not what the bucket holds'),
    });
  });

  it('meets a concurrent push by fetching and trying again: both arrive, and nothing is forced', async () => {
    const uploads = Array.from({ length: 5 }, async (_, index) =>
      world.upload(`race/${index}.yaml`, `upload: ${index}\n`),
    );
    const pushes = (async () => {
      const commits: string[] = [];
      for (let index = 0; index < 5; index++) {
        commits.push(
          await eventually('a person could push', async () =>
            master.push({ [`race/person-${index}.yaml`]: 'person\n' }).catch(() => undefined),
          ),
        );
      }
      return commits;
    })();
    const generations = await Promise.all(uploads);
    const people = await pushes;
    for (const [index, generation] of generations.entries())
      await commitOf(`gs://family-master/race/${index}.yaml#${generation}`);
    await master.git('fetch', '--quiet', 'origin');
    for (const commit of people) await master.git('merge-base', '--is-ancestor', commit, 'origin/main');
    expect(await master.git('rev-list', '--merges', 'origin/main')).toBe('');
  });

  it('whose function is killed between push and publish is announced by the redelivery, without a second commit', async () => {
    await master.push({
      'environments/killed.yaml': environmentFile('killed'),
      'manifests/killed/a.yaml': configMap('a', { v: '1' }),
    });
    await eventually('killed is deployed', async () => world.find('configmap', 'a', 'killed'));
    const { pipeline } = world;
    // A bucket that announces nothing: what happens to its objects is this test's doing alone.
    await pipeline.clients.storage.createBucket('family-quiet');
    const config = join(pipeline.folder, 'quiet.yaml');
    await writeFile(
      config,
      (await readFile(pipeline.config, 'utf8')).replace('bucket: family-master', 'bucket: family-quiet'),
    );
    const silence = await startSilence();
    const killed = await startCopyArtifact({ config, pubsub: silence.host });
    const file = pipeline.clients.storage.bucket('family-quiet').file('manifests/killed/a.yaml');
    await file.save(configMap('a', { v: '2' }), { resumable: false });
    const object = {
      bucket: 'family-quiet',
      name: file.name,
      generation: String((await file.getMetadata())[0].generation),
    };
    const artifact = `gs://family-quiet/manifests/killed/a.yaml#${object.generation}`;
    const answer = post(killed.url, object).catch(() => 'no answer');
    await commitOf(artifact);
    killed.stop();
    expect(await answer).toBe('no answer');
    silence.server.close();

    const again = await startCopyArtifact({ config, pubsub: pipeline.facts.pubsub });
    try {
      expect(await post(again.url, object)).toBe(204);
      await eventually(
        'the change is deployed',
        async () => (await world.find('configmap', 'a', 'killed'))?.data?.['v'] === '2',
      );
      expect(await countCopies(artifact)).toBe(1);
    } finally {
      again.stop();
    }
  });

  it.each([
    ['an archive that leaves the tree', 'evil/escape.tgz', async () => tgz({ '../escape.yaml': 'x\n' }), 'UnsafePath'],
    ['an archive that is none', 'evil/broken.tgz', async () => Buffer.from('no archive'), 'InvalidArchive'],
    ['a path into .git', 'evil/.git/config', async () => Buffer.from('x'), 'UnsafePath'],
    [
      'an environment file that does not validate',
      'environments/bad.yaml',
      async () =>
        Buffer.from(
          'apiVersion: converge.dev/v1\nkind: Environment\nmetadata: { name: bad }\nspec: { cluster: sandbox, namespace: bad, sources: [], dependson: [] }\n',
        ),
      'InvalidEnvironment',
    ],
  ])('of %s is refused on the dead-letter topic and never committed', async (_what, name, content, reason) => {
    const generation = await world.upload(name, await content());
    const letter = await eventually('it is on the dead-letter topic', () =>
      world.deadLetters.find((entry) => entry.reason === reason && JSON.stringify(entry).includes(name)),
    );
    expect(letter.stage).toBe('copyArtifact');
    expect(letter.message).not.toBe('');
    expect(await countCopies(`gs://family-master/${name}#${generation}`)).toBe(0);
  });
});

describe('a webhook call', () => {
  async function call(signature: string | undefined): Promise<Response> {
    const { facts } = world.pipeline;
    return fetch(facts.webhook, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-github-event': 'push',
        ...(signature === undefined ? {} : { 'x-hub-signature-256': signature }),
      },
      body: pushBody(),
    });
  }

  function pushBody(): string {
    const clone_url = world.pipeline.facts.repositories.master;
    return JSON.stringify({
      ref: 'refs/heads/main',
      before: '0'.repeat(40),
      after: 'a'.repeat(40),
      repository: { full_name: 'family/master', clone_url },
    });
  }

  it('with a wrong signature, or none, is refused', async () => {
    expect((await call(`sha256=${'0'.repeat(64)}`)).status).toBe(401);
    expect((await call(undefined)).status).toBe(401);
  });

  it('with the right signature is heard', async () => {
    const signature = createHmac('sha256', world.pipeline.webhookSecret).update(pushBody()).digest('hex');
    const response = await call(`sha256=${signature}`);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ outcome: 'announced', repository: 'master' });
  });
});

/** Delivers a Storage event to copyArtifact once more, as Eventarc may. */
async function deliver(object: { bucket: string; name: string; generation: string }): Promise<void> {
  expect(await post(world.pipeline.functions.url('copyArtifact'), object)).toBe(204);
}

async function post(url: string, object: { bucket: string; name: string; generation: string }): Promise<number> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      ...(await world.pipeline.authorize('copyArtifact')),
      'content-type': 'application/json',
      'ce-specversion': '1.0',
      'ce-id': `again-${object.generation}`,
      'ce-type': 'google.cloud.storage.object.v1.finalized',
      'ce-source': `//storage.googleapis.com/projects/_/buckets/${object.bucket}`,
      'ce-subject': `objects/${object.name}`,
      'ce-bucket': object.bucket,
    },
    body: JSON.stringify(object),
  });
  await response.text();
  return response.status;
}

/** copyArtifact alone, in a process of its own, as the platform starts it. */
async function startCopyArtifact({
  config,
  pubsub,
}: {
  config: string;
  pubsub: string;
}): Promise<{ url: string; stop: () => void }> {
  const port = await freePort();
  const framework = join(import.meta.dirname, '../../node_modules/@google-cloud/functions-framework/build/src/main.js');
  const source = join(import.meta.dirname, '../../functions/index.ts');
  const child = spawn(process.execPath, [framework, `--source=${source}`, '--target=copyArtifact', `--port=${port}`], {
    env: {
      PATH: process.env['PATH'],
      CONVERGE_CONFIG: config,
      PUBSUB_EMULATOR_HOST: pubsub,
      METADATA_SERVER_DETECTION: 'none',
      NODE_ENV: 'production',
    },
    stdio: 'ignore',
  });
  const url = `http://127.0.0.1:${port}/`;
  await eventually('the function listens', async () =>
    fetch(url).then(
      () => true,
      () => false,
    ),
  );
  return { url, stop: () => void child.kill('SIGKILL') };
}

/** A Pub/Sub that takes connections and says nothing. */
async function startSilence(): Promise<{ server: Server; host: string }> {
  const server = createServer(() => undefined);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { server, host: `127.0.0.1:${address.port}` };
}
