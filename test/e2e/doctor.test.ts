import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dump, load } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { doctorOutputSchema } from '../../cli/output-schemas.ts';
import { writeFiles } from '../write-files.ts';
import { runConverge, type Ended } from './command.ts';
import { configMap, environmentFile, eventually, startWorldWithMaster, type Clone, type World } from './world.ts';

let world: World;
let master: Clone;
let folder: string;

beforeAll(async () => {
  ({ world, master } = await startWorldWithMaster({ cluster: 'kubeconfig' }));
  folder = await mkdtemp(join(tmpdir(), 'converge-doctor-'));
  await writeFiles(folder, { '.converge/local.json': JSON.stringify(world.pipeline.facts) });
  const files = { 'manifests/shop/a.yaml': configMap('a', { v: '1' }) };
  await master.push({ 'environments/shop.yaml': environmentFile('shop'), ...files });
  for (const repository of ['staging', 'develop'] as const) {
    const clone = await world.clone(repository);
    await clone.push({ 'README.md': 'empty' });
  }
  await eventually('it has converged', async () => (await world.find('configmap', 'a', 'shop')) !== undefined);
});
afterAll(async () => {
  await world.stop();
});

async function doctor(
  parameters: readonly string[] = [],
  cwd = folder,
): Promise<Ended & { checks: z.infer<typeof doctorOutputSchema>['checks'] }> {
  const ended = await runConverge(['doctor', '--output', 'json', ...parameters], { folder: cwd });
  const told = doctorOutputSchema.safeParse(JSON.parse(ended.out));
  return { ...ended, checks: told.data?.checks ?? [] };
}

const repositorySchema = z.looseObject({ url: z.string(), bucket: z.string(), branch: z.string().optional() });
/** What is changed of the configuration, and all else as it is. */
const changedSchema = z.looseObject({
  topicPrefix: z.string().optional(),
  clusters: z.unknown(),
  repositories: z.object({ master: repositorySchema, staging: repositorySchema, develop: repositorySchema }),
});

/** A folder whose local pipeline has another configuration. */
async function configured(change: (config: z.infer<typeof changedSchema>) => void): Promise<string> {
  const config = changedSchema.parse(load(await readFile(world.pipeline.config, 'utf8')));
  change(config);
  const place = join(folder, 'changed');
  const file = join(place, 'changed.yaml');
  await writeFiles(place, {
    'changed.yaml': dump(config),
    '.converge/local.json': JSON.stringify({ ...world.pipeline.facts, config: file }),
  });
  return place;
}

describe('converge doctor', () => {
  it('finds nothing wrong where nothing is, and says of each what was asked', async () => {
    const { code, checks, err } = await doctor();
    expect({ failed: checks.filter(({ state }) => state === 'failed'), err }).toEqual({ failed: [], err: '' });
    expect(code).toBe(0);
    const of = (check: string) => checks.filter((one) => one.check === check && one.state === 'ok');
    expect(of('configuration')[0]?.subject).toBe(world.pipeline.config);
    expect(of('version').map(({ subject }) => subject)).toEqual(
      expect.arrayContaining(['converge', 'renderer', 'functions']),
    );
    expect(of('git').map(({ subject }) => subject)).toEqual(
      expect.arrayContaining(['master, read', 'master, push', 'staging, read', 'develop, read']),
    );
    expect(of('bucket')).toHaveLength(4);
    expect(of('topic').length).toBeGreaterThan(5);
    expect(of('subscription').length).toBeGreaterThan(3);
    expect(of('cluster')[0]?.message).toMatch(/^answers as Kubernetes v1\./);
    expect(of('right')[0]?.message).toContain('may patch configmaps/converge-shop in shop');
    expect(of('clock')).toHaveLength(1);
    expect(of('webhook').map(({ subject }) => subject)).toEqual([world.pipeline.facts.webhook]);
    expect(of('dead letters')[0]?.message).toBe('there are none');
  });

  it('asks the local cluster behind what stands for GKE, and nobody where it is not told how', async () => {
    const place = await configured((config) => {
      config.clusters = { sandbox: { gke: 'projects/local/locations/local/clusters/sandbox' } };
    });
    const { checks } = await doctor([], place);
    const of = (check: string, among = checks) => among.filter((one) => one.check === check);
    expect(of('cluster')).toMatchObject([
      { state: 'ok', message: expect.stringMatching(/^answers as Kubernetes v1\..+, by the kubeconfig of the local/) },
    ]);
    expect(of('right')).toMatchObject([{ state: 'not-asked' }]);
    expect(of('quota')).toMatchObject([{ state: 'not-asked', remedy: 'ask it of a deployment' }]);
    const { kubeconfig, ...facts } = world.pipeline.facts;
    expect(kubeconfig).not.toBe('');
    const local = JSON.stringify({ ...facts, config: join(place, 'changed.yaml') });
    await writeFiles(place, { '.converge/local.json': local });
    expect(of('cluster', (await doctor([], place)).checks)).toMatchObject([{ state: 'not-asked' }]);
  });

  it('tells people the same, a line each', async () => {
    const { code, out } = await runConverge(['doctor'], { folder });
    expect(code).toBe(0);
    expect(out).toMatch(/^ok {9}bucket {9}gs:\/\/family-master \(master\): is there/m);
    expect(out.trimEnd().split('\n').at(-1)).toMatch(/^\d+ ok, 0 failed, \d+ not asked$/);
  });

  it('ends with 1, and names each thing that is wrong with what mends it', async () => {
    const place = await configured((config) => {
      config.repositories.master.branch = 'trunk';
      config.repositories.staging.bucket = 'nobodys';
      config.repositories.develop.url = 'http://127.0.0.1:9/nothing';
      config.topicPrefix = 'other-';
    });
    const { code, checks } = await doctor([], place);
    expect(code).toBe(1);
    const failed = checks.filter(({ state }) => state === 'failed');
    expect(failed.map(({ check, subject }) => `${check} ${subject}`)).toEqual(
      expect.arrayContaining([
        'git master, read',
        'git develop, read',
        'bucket gs://nobodys (staging)',
        'topic other-reconcile',
      ]),
    );
    expect(failed.every(({ remedy }) => remedy !== null && remedy !== '')).toBe(true);
    expect(failed.find(({ subject }) => subject === 'master, read')?.message).toContain(
      'the branch trunk does not exist',
    );
  });

  it('ends with 2 where the configuration cannot be read', async () => {
    const file = join(folder, 'bad.yaml');
    await writeFile(file, 'project: [');
    expect(await runConverge(['doctor', '--config', file], { folder })).toMatchObject({ code: 2 });
    expect(await runConverge(['doctor', '--config', join(folder, 'none.yaml')], { folder })).toMatchObject({
      ...{ code: 2, err: expect.stringContaining('cannot be read') },
    });
  });
});

describe('converge doctor --cloud', () => {
  it('compares what Terraform made with the configuration, and asks each function', async () => {
    // A function behind its door, one that is gone, and a webhook that takes what nobody signed.
    const server = createServer((request, response) => {
      const status = request.url === '/gone' ? 404 : request.url === '/open' ? 200 : 401;
      response.writeHead(status).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const base = typeof address === 'object' ? `http://127.0.0.1:${address?.port}` : '';
    const { facts, stateBucket } = world.pipeline;
    const topic = `projects/${facts.project}/topics/${facts.topics.diff}`;
    const value = (of: unknown) => ({ sensitive: false, type: 'dynamic', value: of });
    const outputs = {
      function_urls: value({ 'fan-out': `${base}/there`, reconcile: `${base}/gone` }),
      functions: value({ fanOut: ['converge-fan-out'] }),
      status_url: value(`${base}/there`),
      webhook_url: value(`${base}/open`),
      buckets: value({ ...facts.buckets, master: 'another' }),
      state_bucket: value(stateBucket),
      topics: value({ diff: topic }),
    };
    const file = join(folder, 'outputs.json');
    await writeFile(file, JSON.stringify(outputs));
    try {
      const { code, checks } = await doctor(['--cloud', file]);
      expect(code).toBe(1);
      const of = (subject: string) => checks.findLast((one) => one.subject === subject)?.state;
      expect(
        ['fan-out', 'reconcile', 'bucket of master', 'bucket of staging', 'topic diff', `${base}/open`].map(of),
      ).toEqual([...['ok', 'failed', 'failed', 'ok', 'ok', 'failed']]);
    } finally {
      server.close();
    }
    await writeFile(file, '{}');
    expect(await doctor(['--cloud', file])).toMatchObject({
      code: 2,
      out: expect.stringContaining('terraform output -json'),
    });
  });
});
