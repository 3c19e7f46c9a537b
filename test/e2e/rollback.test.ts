import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createRepositories } from '../../shared/adapters/git.ts';
import { connectStorage, createStateStore } from '../../shared/adapters/storage.ts';
import { parseConfig } from '../../shared/config/config.ts';
import { memorySchema, type Memory } from '../../shared/memory/memory.ts';
import { quarantinePath, quarantineSchema, type Quarantine } from '../../shared/memory/quarantine.ts';
import { diffSchema } from '../../shared/events/alert.ts';
import type { OutgoingEvent, Topic } from '../../shared/events/cloud-event.ts';
import type { Repository } from '../../shared/ports/git.ts';
import {
  rollback,
  type RollbackPorts,
  type RollbackRequest,
  type RollbackResult,
} from '../../shared/pipeline/act/rollback.ts';
import { Killed, pushUnheard, startInProcess, type Call, type InProcess } from './in-process.ts';
import { alertsOf } from './alerts.ts';
import { stateOf } from './state.ts';
import { runConverge, type Ended } from './command.ts';
import {
  configMap,
  deployment,
  environmentFile,
  eventually,
  startWorldWithMaster,
  tgz,
  type Clone,
  type Files,
  type World,
} from './world.ts';
import { exampleOf } from '../contracts.ts';

/** A run waits so short a time that a roll-out that fails late is waited for by several. */
const limits = { waitSeconds: 3 };
const asking = { rollback: { onFailure: 'revert' } };

let world: World;
let master: Clone;
let inProcess: InProcess;
/** Pushes of this clone are announced by nobody. */
let silent: Clone;
const { convergedAt, diffAt } = alertsOf(() => world);
const { checked, expireLease, memoryOf, statusOf } = stateOf(() => world);

beforeAll(async () => {
  ({ world, master } = await startWorldWithMaster({ configuration: { limits } }));
  inProcess = await startInProcess(world);
  silent = await world.clone();
});
afterAll(async () => {
  await world.stop();
});

async function readState(path: string): Promise<unknown> {
  const file = world.pipeline.clients.storage.bucket(world.pipeline.stateBucket).file(path);
  const [exists] = await file.exists();
  return exists ? JSON.parse((await file.download())[0].toString()) : undefined;
}

async function quarantineOf(name: string): Promise<Quarantine | undefined> {
  const value = await readState(quarantinePath({ repository: 'master', environment: name }));
  return value === undefined ? undefined : quarantineSchema.parse(value);
}

/** The commits of the branch whose message holds a text, newest first. */
async function commitsWith(text: string): Promise<string[]> {
  await master.git('fetch', '--quiet', 'origin');
  const found = await master.git('log', 'origin/main', '--format=%H', '--fixed-strings', `--grep=${text}`);
  return found === '' ? [] : found.split('\n');
}

const revertsOf = async (name: string): Promise<string[]> => commitsWith(`Environment: ${name}`);

async function message(commit: string): Promise<string> {
  await master.git('fetch', '--quiet', 'origin');
  return await master.git('log', '-1', '--format=%B', commit);
}

/** The content of a file at the head of the branch, or undefined where it is not there. */
async function atHead(path: string): Promise<string | undefined> {
  await master.git('fetch', '--quiet', 'origin');
  if ((await master.git('ls-tree', '--name-only', 'origin/main', path)) === '') return undefined;
  return await master.git('show', `origin/main:${path}`);
}

/** An object that is uploaded, and the commit it became. */
async function uploaded(name: string, content: string | Buffer): Promise<string> {
  const artifact = `Artifact: gs://${world.pipeline.facts.buckets.master}/${name}#${await world.upload(name, content)}`;
  return await eventually(`${name} is committed`, async () => (await commitsWith(artifact))[0]);
}

/** The upload that nobody committed, and why. */
async function refusedUpload(name: string, content: string | Buffer): Promise<World['deadLetters'][number]> {
  const subject = `gs://${world.pipeline.facts.buckets.master}/${name}#${await world.upload(name, content)}`;
  const letter = await eventually(
    `${name} is on the dead-letter topic`,
    async () => {
      const found = world.deadLetters.find((entry) => entry.subject === subject);
      if (found === undefined) expect(await commitsWith(`Artifact: ${subject}`)).toEqual([]);
      return found;
    },
    { pauseMilliseconds: 500, found: () => JSON.stringify(world.deadLetters.slice(-3)) },
  );
  expect(await commitsWith(`Artifact: ${subject}`)).toEqual([]);
  return letter;
}

const image = async (name: string): Promise<string> =>
  world.kubectl(
    'get',
    'deployment',
    'web',
    '--namespace',
    name,
    '--output',
    'jsonpath={.spec.template.spec.containers[0].image}',
  );

/** Freezes the functions of the pipeline meanwhile: what is pushed is seen by the runs of the tests alone. */
function onlyInThisProcess(): void {
  beforeAll(() => world.pipeline.functions.suspend());
  afterAll(() => world.pipeline.functions.resume());
}

describe('a revision that fails to become healthy', () => {
  it('is rolled back by one commit, and kept out until other content is uploaded', async () => {
    await master.push({ 'environments/shop.yaml': environmentFile('shop', { ...asking, timeout: '10m' }) });
    const good = await uploaded('manifests/shop/web.yaml', deployment('web', 'shop:1'));
    await convergedAt('shop', good);
    const bad = await uploaded('manifests/shop/web.yaml', deployment('web', 'shop:missing'));

    const diff = await diffAt('shop', bad);
    const commit = diff.rollback?.commit ?? '';
    expect(diff).toMatchObject({ reason: 'Unhealthy', action: 'none', rollback: { to: `main@sha1:${good}` } });
    expect(diff.summary).toMatch(
      new RegExp(`ImagePullBackOff.*; rolled back to main@sha1:${good.slice(0, 12)} by ${commit.slice(0, 12)}$`),
    );
    expect(await convergedAt('shop', commit)).toMatchObject({ incident: diff.incident });
    expect(await image('shop')).toBe('shop:1');
    expect(await revertsOf('shop')).toEqual([commit]);
    expect((await message(commit)).split('\n')).toEqual([
      'Revert "Copy manifests/shop/web.yaml"',
      '',
      'The inputs of shop are again what they were at',
      `main@sha1:${good}.`,
      '',
      `Reverts: ${bad}`,
      'Environment: shop',
      `Rolled-Back-From: main@sha1:${bad}`,
      `Rolled-Back-To: main@sha1:${good}`,
      expect.stringMatching(/^Reason: Deployment shop\/web: .*ImagePullBackOff/),
      `Incident: ${diff.incident}`,
      'Rolled-Back-By: Converge (rollback.onFailure)',
    ]);
    expect((await memoryOf('shop')).quarantine).toMatchObject({
      revision: `main@sha1:${bad}`,
      revert: commit,
      reason: expect.stringContaining('ImagePullBackOff'),
    });
    expect(await quarantineOf('shop')).toEqual((await memoryOf('shop')).quarantine);
    expect(world.diffs.filter((alert) => alert.environment === 'shop' && alert.reason === 'Unhealthy')).toHaveLength(1);

    const letter = await refusedUpload('manifests/shop/web.yaml', deployment('web', 'shop:missing'));
    expect(letter).toMatchObject({ stage: 'copyArtifact', reason: 'Quarantined' });
    expect(letter.message).toMatch(
      new RegExp(
        `inputs of shop at main@sha1:${bad.slice(0, 12)}, which was rolled back by ${commit.slice(0, 12)}: Deployment shop/web: `,
      ),
    );

    const fixed = await uploaded('manifests/shop/web.yaml', deployment('web', 'shop:2'));
    await convergedAt('shop', fixed);
    expect(await image('shop')).toBe('shop:2');
    expect((await memoryOf('shop')).quarantine).toBeUndefined();
    expect(await quarantineOf('shop')).toBeUndefined();
    expect((await memoryOf('shop')).previous?.commit).toBe(commit);
  });

  it('is brought back by a person alone, and not rolled back again', async () => {
    await master.push({ 'environments/insist.yaml': environmentFile('insist', { ...asking, timeout: '10m' }) });
    await convergedAt('insist', await uploaded('manifests/insist/web.yaml', deployment('web', 'shop:1')));
    const bad = await uploaded('manifests/insist/web.yaml', deployment('web', 'shop:crash'));
    const commit = (await diffAt('insist', bad)).rollback?.commit ?? '';
    await convergedAt('insist', commit);
    await refusedUpload('manifests/insist/web.yaml', deployment('web', 'shop:crash'));
    const again = await master.push({ 'manifests/insist/web.yaml': deployment('web', 'shop:crash') });
    const diff = await diffAt('insist', again);
    expect(diff.rollback).toBeNull();
    expect(diff.summary).toMatch(/; not rolled back again: it was rolled back once, and brought back$/);
    expect((await memoryOf('insist')).quarantine).toMatchObject({ lifted: again });
    expect(await quarantineOf('insist')).toBeUndefined();
    expect(await revertsOf('insist')).toEqual([commit]);
  });

  it('is not rolled back where it only detects, nor where nothing converged before it', async () => {
    await master.push({
      'environments/watched.yaml': environmentFile('watched', { ...asking, timeout: '10m', selfHeal: false }),
      'manifests/watched/web.yaml': deployment('web', 'shop:1'),
      'environments/fresh.yaml': environmentFile('fresh', { ...asking, timeout: '10m' }),
      'manifests/fresh/web.yaml': deployment('web', 'shop:missing'),
    });
    await eventually('watched converged', () => world.converged.some((alert) => alert.environment === 'watched'));
    const bad = await master.push({ 'manifests/watched/web.yaml': deployment('web', 'shop:missing') });
    expect(await diffAt('watched', bad)).toMatchObject({
      rollback: null,
      summary: expect.stringMatching(/; not rolled back: selfHeal is false$/),
    });
    const fresh = await eventually('fresh is told', () => world.diffs.find((alert) => alert.environment === 'fresh'));
    expect(fresh).toMatchObject({
      rollback: null,
      summary: expect.stringMatching(/; not rolled back: nothing converged before it$/),
    });
  });
});

describe('a chart of two environments', () => {
  const chart = async (tag: string): Promise<Buffer> =>
    tgz({
      'pair/Chart.yaml': 'apiVersion: v2\nname: pair\nversion: 1.0.0\n',
      'pair/values.yaml': `image: ${tag}\n`,
      'pair/templates/web.yaml': deployment('web', '{{ .Values.image }}'),
    });
  const of = (name: string, spec: object): Files => ({
    [`environments/${name}.yaml`]: environmentFile(name, {
      timeout: '10m',
      sources: [{ helm: { chart: 'charts/pair', release: 'web' } }],
      ...spec,
    }),
  });

  it('is not rolled back for one of them alone, which is told, but where both ask for it', async () => {
    const first = await uploaded('charts/pair.tgz', await chart('shop:1'));
    await master.push({ ...of('left', asking), ...of('right', {}) });
    await eventually('both converged', () =>
      ['left', 'right'].every((name) => world.converged.some((alert) => alert.environment === name)),
    );
    const bad = await uploaded('charts/pair.tgz', await chart('shop:missing'));
    const diff = await diffAt('left', bad);
    expect(diff).toMatchObject({
      rollback: null,
      summary: expect.stringMatching(/; not rolled back: charts\/pair\/values.yaml is an input of right, too$/),
    });
    await diffAt('right', bad);
    expect(await revertsOf('left')).toEqual([]);

    const second = await master.push(of('right', asking));
    const [commit = ''] = await eventually('one of them rolled it back', async () => {
      const reverts = [...(await revertsOf('left')), ...(await revertsOf('right'))];
      if (reverts.length === 0) await world.checkDrift();
      return reverts.length === 0 ? undefined : reverts;
    });
    expect(await message(commit)).toContain(`Reverts: ${bad}`);
    await convergedAt('left', commit);
    await convergedAt('right', commit);
    expect(await atHead('charts/pair/values.yaml')).toBe('image: shop:1');
    expect([...(await revertsOf('left')), ...(await revertsOf('right'))]).toEqual([commit]);
    expect(await master.git('merge-base', '--is-ancestor', first, commit)).toBe('');
    expect(await master.git('merge-base', '--is-ancestor', second, commit)).toBe('');
    expect((await refusedUpload('charts/pair.tgz', await chart('shop:missing'))).reason).toBe('Quarantined');
  });
});

describe('a revision that fails otherwise', () => {
  onlyInThisProcess();

  it('because the API server refuses it is rolled back when it was tried for as long as a roll-out may last', async () => {
    const service = (port: number): string =>
      JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { ports: [{ port }] } });
    await pushUnheard(world, silent, {
      'environments/refused.yaml': environmentFile('refused', { ...asking, timeout: '3s' }),
      'manifests/refused/web.yaml': service(80),
    });
    expect(await inProcess.run('refused')).toMatchObject({ outcome: 'converged' });
    await pushUnheard(world, silent, { 'manifests/refused/web.yaml': service(99999) });
    expect(await inProcess.run('refused')).toMatchObject({ outcome: 'diverged', reason: 'Failed' });
    expect(await revertsOf('refused')).toEqual([]);
    await eventually('its time is over', async () => {
      expect(await inProcess.run('refused')).toMatchObject({ outcome: 'diverged', reason: 'Failed' });
      return (await revertsOf('refused')).length === 1;
    });
    expect(await inProcess.run('refused')).toMatchObject({ outcome: 'converged' });
    expect((await memoryOf('refused')).quarantine).toMatchObject({
      reason: expect.stringContaining('spec.ports[0].port'),
    });
  });

  it('because it does not even render is not rolled back', async () => {
    await pushUnheard(world, silent, {
      'environments/unrendered.yaml': environmentFile('unrendered', { ...asking, timeout: '1ms' }),
      'manifests/unrendered/a.yaml': configMap('a', {}),
    });
    expect(await inProcess.run('unrendered')).toMatchObject({ outcome: 'converged' });
    await pushUnheard(world, silent, { 'manifests/unrendered/a.yaml': 'kind: [' });
    for (let look = 0; look < 3; look++)
      expect(await inProcess.run('unrendered')).toMatchObject({ outcome: 'diverged', reason: 'Failed' });
    expect(await revertsOf('unrendered')).toEqual([]);
    // What cannot be rendered may want anything: nothing would be pruned beside it.
    await pushUnheard(world, silent, { 'manifests/unrendered/a.yaml': configMap('a', {}) });
    expect(await inProcess.run('unrendered')).toMatchObject({ outcome: 'unchanged' });
  });
});

describe('a rollback that is killed', () => {
  onlyInThisProcess();

  const ofMemory = ({ name, parameters: [write] }: Call, has: (memory: Memory) => boolean): boolean => {
    if (
      name !== 'state.write' ||
      typeof write !== 'object' ||
      write === null ||
      !('path' in write) ||
      !String(write.path).endsWith('/memory.json')
    )
      return false;
    return 'value' in write && has(memorySchema.parse(write.value));
  };
  const ofCopy = ({ name, parameters: [write] }: Call): Quarantine | undefined =>
    name === 'state.write' &&
    typeof write === 'object' &&
    write !== null &&
    'path' in write &&
    'value' in write &&
    String(write.path).startsWith('quarantine/')
      ? quarantineSchema.parse(write.value)
      : undefined;
  const published = ({ name, parameters }: Call, topic: Topic): boolean =>
    name === 'topics.publish' && parameters[0] === topic;

  it.each<[string, string, (call: Call) => boolean]>([
    ['it is remembered', 'k1', (call) => ofMemory(call, ({ quarantine }) => quarantine?.revert === null)],
    ['uploads are checked', 'k2', (call) => ofCopy(call)?.revert === null],
    ['it is pushed', 'k3', ({ name }) => name === 'repository.push'],
    ['it is announced', 'k4', (call) => published(call, 'change-committed')],
    ['its commit is remembered for uploads', 'k5', (call) => typeof ofCopy(call)?.revert === 'string'],
    [
      'its commit is remembered',
      'k6',
      (call) => ofMemory(call, ({ quarantine }) => typeof quarantine?.revert === 'string'),
    ],
    ['it is told', 'k7', (call) => published(call, 'diff')],
  ])('before %s is finished by the next run, once', async (_when, name, dies) => {
    const file = `manifests/${name}/web.yaml`;
    const good = await pushUnheard(world, silent, {
      [`environments/${name}.yaml`]: environmentFile(name, { ...asking, timeout: '10m' }),
      [file]: deployment('web', 'shop:1'),
    });
    await eventually('it converged', async () => (await inProcess.run(name)).outcome === 'converged');
    const bad = await pushUnheard(world, silent, { [file]: deployment('web', 'shop:missing') });
    await expect(
      (async () => {
        while ((await inProcess.run(name, { dies })).outcome === 'waiting');
      })(),
    ).rejects.toThrow(Killed);
    // Nobody waits for the lease of a dead run here.
    await expireLease(name);
    await eventually('it is converged again', async () => (await inProcess.run(name)).outcome === 'converged');

    const reverts = await revertsOf(name);
    expect(reverts).toHaveLength(1);
    const of = (topic: Topic): OutgoingEvent[] =>
      inProcess.published.filter((one) => one.topic === topic).map(({ event }) => event);
    const diffs = of('diff')
      .map(({ data }) => diffSchema.parse(data))
      .filter((diff) => diff.environment === name);
    expect(diffs.map(({ revision, rollback: done }) => ({ revision, done }))).toEqual([
      { revision: `main@sha1:${bad}`, done: { to: `main@sha1:${good}`, commit: reverts[0] } },
    ]);
    expect(of('change-committed').some(({ data }) => JSON.stringify(data).includes(`"commit":"${reverts[0]}"`))).toBe(
      true,
    );
    expect((await memoryOf(name)).quarantine).toMatchObject({ revision: `main@sha1:${bad}`, revert: reverts[0] });
    expect(await quarantineOf(name)).toEqual((await memoryOf(name)).quarantine);
    expect(await image(name)).toBe('shop:1');
  });
});

/** The command as its users run it, beside the local pipeline. */
async function openCommand(): Promise<(...parameters: string[]) => Promise<Ended>> {
  const folder = await mkdtemp(join(world.pipeline.folder, 'command-'));
  await mkdir(join(folder, '.converge'));
  await writeFile(join(folder, '.converge', 'local.json'), JSON.stringify(world.pipeline.facts));
  const who = { GIT_COMMITTER_NAME: 'Olivia Ops', GIT_COMMITTER_EMAIL: 'olivia@example.com' };
  return async (...parameters) => runConverge(parameters, { folder, variables: { HOME: folder, ...who } });
}

describe('converge rollback', () => {
  const announced: { topic: Topic; event: OutgoingEvent }[] = [];
  let opened: Promise<RollbackPorts> | undefined;

  async function open(): Promise<RollbackPorts> {
    const { pipeline } = world;
    const config = parseConfig({ file: pipeline.config, text: await readFile(pipeline.config, 'utf8') });
    const now = (): Date => new Date();
    return {
      now,
      sleep: async () => {},
      state: createStateStore({ storage: connectStorage(config), bucket: config.state.bucket }),
      repository: createRepositories({
        config,
        author: config.author,
        cacheFolder: await mkdtemp(join(pipeline.folder, 'by-hand-')),
        now,
      }),
      topics: { publish: async (topic, event) => void announced.push({ topic, event }) },
    };
  }

  /** @param beforePush what happens on the branch before the first push */
  async function roll(
    target: string,
    request: Partial<RollbackRequest> = {},
    beforePush?: () => Promise<unknown>,
  ): Promise<RollbackResult> {
    const ports = await (opened ??= open());
    let isFirst = true;
    const racing = (repository: Repository): Repository => ({
      ...repository,
      async push(commit) {
        if (isFirst) await beforePush?.();
        isFirst = false;
        return await repository.push(commit);
      },
    });
    const by = 'Olivia Ops <olivia@example.com>';
    return await rollback(
      { target, by, ...request },
      { ...ports, repository: (name) => racing(ports.repository(name)) },
      { repositories: ['develop', 'master', 'staging'] },
    );
  }

  const file = (name: string, v: string): Files => ({ [`manifests/${name}/a.yaml`]: configMap('a', { v }) });
  const value = async (name: string): Promise<string | undefined> =>
    (await world.find('configmap', 'a', name))?.data?.['v'];

  async function declare(name: string, spec: Record<string, unknown> = {}): Promise<string> {
    const commit = await master.push({
      [`environments/${name}.yaml`]: environmentFile(name, spec),
      ...file(name, '1'),
    });
    await convergedAt(name, commit);
    return commit;
  }

  it('takes an environment over several commits back, and leaves what others committed in between', async () => {
    const first = await declare('globex');
    const second = await master.push({ ...file('globex', '2'), 'config/shared.yaml': 'shared: 2\n' });
    const others = await master.push({ 'config/other.yaml': 'other: 1\n' });
    const third = await master.push({ 'manifests/globex/b.yaml': configMap('b', {}) });
    const fourth = await master.push(file('globex', '4'));
    await convergedAt('globex', fourth);
    const planned = await roll('master/globex', { to: first.slice(0, 10), dryRun: true });
    expect(planned).toMatchObject({
      outcome: 'planned',
      commit: null,
      reverts: [fourth, third, second],
      paths: ['manifests/globex/a.yaml', 'manifests/globex/b.yaml'],
    });
    expect(await master.head()).toBe(fourth);

    const done = await roll('globex', { to: `main@sha1:${first}`, reason: 'Prices are wrong\nReverts: forged' });
    expect(done).toMatchObject({
      outcome: 'reverted',
      environment: 'globex',
      to: `main@sha1:${first}`,
      reverts: [fourth, third, second],
    });
    expect((await message(done.commit ?? '')).split('\n')).toEqual([
      `Roll back globex to main@sha1:${first.slice(0, 12)}`,
      '',
      'The inputs of globex are again what they were at',
      `main@sha1:${first}.`,
      '',
      `Reverts: ${fourth}`,
      `Reverts: ${third}`,
      `Reverts: ${second}`,
      'Environment: globex',
      `Rolled-Back-From: main@sha1:${fourth}`,
      `Rolled-Back-To: main@sha1:${first}`,
      'Reason: Prices are wrong Reverts: forged',
      'Rolled-Back-By: Olivia Ops <olivia@example.com>',
    ]);
    await convergedAt('globex', done.commit ?? '');
    expect(await value('globex')).toBe('1');
    expect(await world.find('configmap', 'b', 'globex')).toBeUndefined();
    expect(await atHead('config/shared.yaml')).toBe('shared: 2');
    expect(await atHead('config/other.yaml')).toBe('other: 1');
    expect(await master.git('merge-base', '--is-ancestor', others, 'origin/main')).toBe('');
    expect(
      announced.some(
        ({ topic, event }) => topic === 'change-committed' && JSON.stringify(event.data).includes(done.commit ?? '-'),
      ),
    ).toBe(true);
    expect(await roll('globex', { to: first })).toMatchObject({ outcome: 'nothing', commit: null });
  });

  it('without a revision goes back to the one that converged before, and forth again where that is named', async () => {
    const first = await declare('initech');
    const second = await master.push(file('initech', '2'));
    await convergedAt('initech', second);
    const back = await roll('initech');
    expect(back).toMatchObject({
      outcome: 'reverted',
      from: `main@sha1:${second}`,
      to: `main@sha1:${first}`,
      because: 'it converged before the current one (as Converge recorded)',
      reverts: [second],
    });
    expect((await message(back.commit ?? '')).split('\n')[0]).toBe('Revert "Change by a person"');
    await convergedAt('initech', back.commit ?? '');
    expect(await value('initech')).toBe('1');
    await expect(roll('initech')).rejects.toMatchObject({
      code: 'RollbackRefused',
      message: expect.stringContaining(`which ${back.commit?.slice(0, 12)} rolled back`),
    });
    const forth = await roll('initech', { to: second });
    expect(forth).toMatchObject({ outcome: 'reverted', to: `main@sha1:${second}`, reverts: [back.commit] });
    await convergedAt('initech', forth.commit ?? '');
    expect(await value('initech')).toBe('2');
  });

  it('is a command, which says what it would do, did, and could not do', async () => {
    const command = await openCommand();
    const first = await declare('soylent');
    const second = await master.push(file('soylent', '2'));
    await convergedAt('soylent', second);
    const planned = await command('rollback', 'soylent', '--dry-run');
    expect(planned).toMatchObject({ code: 0, err: '' });
    expect(planned.out.split('\n').slice(0, 3)).toEqual([
      `master/soylent would be rolled back to main@${first.slice(0, 12)}, because it converged before the current one (as Converge recorded)`,
      `  undoes   ${second}`,
      '  changes  manifests/soylent/a.yaml',
    ]);
    expect(await master.head()).toBe(second);
    const done = await command('rollback', 'soylent', '--reason', 'too sweet', '--output', 'json');
    expect(done).toMatchObject({ code: 0, err: '' });
    const result = z.looseObject({ commit: z.string() }).parse(JSON.parse(done.out));
    const documented: unknown = JSON.parse(exampleOf('json rollback'));
    expect(Object.keys(result).toSorted()).toEqual(Object.keys(z.looseObject({}).parse(documented)).toSorted());
    expect(result).toMatchObject({ outcome: 'reverted', environment: 'soylent', reverts: [second], announced: true });
    expect(await message(result.commit)).toMatch(
      /\nReason: too sweet\nRolled-Back-By: Olivia Ops <olivia@example.com>$/,
    );
    await convergedAt('soylent', result.commit);
    expect(await command('rollback', 'nobody')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^error: nobody: is neither an environment nor a repository\n/),
    });
    expect(await command('rollback', 'soylent', '--to', first, '--incident', 'x')).toMatchObject({ code: 2 });
  });

  it('goes back to before an incident', async () => {
    const first = await declare('hooli', { timeout: '10m' });
    const bad = await master.push({ 'manifests/hooli/web.yaml': deployment('web', 'shop:missing') });
    const { incident } = await diffAt('hooli', bad);
    const command = await openCommand();
    expect(await command('acknowledge', 'master/hooli', '--reason', 'on it', '--dry-run')).toMatchObject({
      ...{ code: 0, err: '', out: expect.stringContaining('would be acknowledged by Olivia Ops') },
    });
    const acknowledged = await command('acknowledge', incident, '--reason', 'on it', '--output', 'json');
    expect({ ...acknowledged, out: JSON.parse(acknowledged.out) as unknown }).toMatchObject({
      ...{ code: 0, err: '', out: { outcome: 'acknowledged', comment: 'on it', incidents: [{ incident }] } },
    });
    expect(await command('acknowledge', 'nothing')).toMatchObject({
      ...{ code: 2, err: expect.stringMatching(/^error: nothing: is neither an environment nor an incident/) },
    });
    expect(await command('acknowledge', incident, '--undo', '--own-rights')).toMatchObject({
      ...{ code: 0, err: '', out: expect.stringContaining('is acknowledged no more') },
    });
    await expect(roll('hooli', { incident: 'unheard-of' })).rejects.toMatchObject({
      code: 'RollbackRefused',
      disposition: 'refuse',
    });
    const done = await roll('hooli', { incident });
    expect(done).toMatchObject({ outcome: 'reverted', from: `main@sha1:${bad}`, to: `main@sha1:${first}` });
    expect(await message(done.commit ?? '')).toContain(`\nIncident: ${incident}\n`);
    expect(await convergedAt('hooli', done.commit ?? '')).toMatchObject({ incident });
  });

  it('lists what is shared, and what was changed since, and then changes nothing', async () => {
    const overlay = (v: string): Files => ({
      'overlays/umbrella/kustomization.yaml': 'resources: [base.yaml]\n',
      'overlays/umbrella/base.yaml': configMap('base', { v }),
    });
    const both = { sources: [{ manifests: 'manifests/umbrella' }, { kustomize: 'overlays/umbrella' }] };
    const first = await master.push({
      ...overlay('1'),
      ...file('umbrella', '1'),
      'environments/umbrella.yaml': environmentFile('umbrella', both),
      'environments/stark.yaml': environmentFile('stark', { sources: [{ kustomize: 'overlays/umbrella' }] }),
    });
    await convergedAt('umbrella', first);
    const second = await master.push({ ...overlay('2'), ...file('umbrella', '2') });
    await convergedAt('umbrella', second);
    const head = await master.head();
    await expect(roll('umbrella', { to: first })).rejects.toMatchObject({
      code: 'RollbackConflict',
      disposition: 'refuse',
      message: expect.stringContaining('overlays/umbrella/base.yaml is an input of stark, too'),
    });
    expect(await master.head()).toBe(head);
    const shared = await roll('umbrella', { to: first, includeShared: true, dryRun: true });
    expect(shared.paths).toEqual(['manifests/umbrella/a.yaml', 'overlays/umbrella/base.yaml']);

    const race = async (): Promise<unknown> => master.push(file('umbrella', '3'));
    await expect(roll('umbrella', { to: first, includeShared: true }, race)).rejects.toMatchObject({
      code: 'RollbackConflict',
      message: expect.stringContaining('manifests/umbrella/a.yaml was changed again after that'),
    });
    expect(await revertsOf('umbrella')).toEqual([]);
  });

  it('tries again where the branch moved beside it, and forces nothing', async () => {
    const first = await declare('wayne');
    await convergedAt('wayne', await master.push(file('wayne', '2')));
    let moved = '';
    const done = await roll(
      'wayne',
      { to: first },
      async () => (moved = await master.push({ 'config/moved.yaml': 'moved: yes\n' })),
    );
    expect(done.outcome).toBe('reverted');
    await master.git('fetch', '--quiet', 'origin');
    expect(await master.git('rev-parse', `${done.commit}^`)).toBe(moved);
    await convergedAt('wayne', done.commit ?? '');
    expect(await atHead('config/moved.yaml')).toBe('moved: yes');
  });

  it('takes a whole repository back, but for environments that were added since', async () => {
    const before = await master.push({ 'config/whole.yaml': 'whole: 1\n' });
    const tree = await master.git('rev-parse', 'HEAD^{tree}');
    await master.push({ 'config/whole.yaml': 'whole: 2\n', 'config/added.yaml': 'added: 1\n' });
    const added = await declare('added');
    await expect(roll('master', { to: before })).rejects.toMatchObject({
      code: 'RollbackConflict',
      message: expect.stringContaining(
        'environments/added.yaml was not there yet: the environment added would be removed',
      ),
    });
    await expect(roll('master', { incident: 'any' })).rejects.toMatchObject({ code: 'RollbackRefused' });
    const one = await roll('master', { dryRun: true, includeShared: true });
    expect(one).toMatchObject({ environment: null, reverts: [added], because: 'it is the commit before the head' });
    const done = await roll('master', { to: before, includeShared: true });
    await master.git('fetch', '--quiet', 'origin');
    expect(await master.git('rev-parse', `${done.commit}^{tree}`)).toBe(tree);
    expect((await message(done.commit ?? '')).split('\n')[0]).toBe(
      `Roll back master to main@sha1:${before.slice(0, 12)}`,
    );
  });

  it.each([
    ['a name that nothing has', 'nobody', {}, /is neither an environment nor a repository/],
    ['a revision that is none', 'globex', { to: 'yesterday' }, /is no revision/],
    ['a revision that is not on the branch', 'globex', { to: 'f'.repeat(40) }, /is not on the branch main of master/],
    [
      'a revision of another branch',
      'globex',
      { to: `develop@sha1:${'f'.repeat(40)}` },
      /is not on the branch main of master/,
    ],
  ])('refuses %s', async (_what, target, request, words) => {
    await expect(roll(target, request)).rejects.toMatchObject({
      code: 'RollbackRefused',
      disposition: 'refuse',
      message: expect.stringMatching(words),
    });
  });

  it('leaves a repository that git finds sound', async () => {
    await master.git('fetch', '--quiet', 'origin');
    expect(await master.git('fsck', '--strict', '--no-dangling')).not.toMatch(/error|missing|broken/);
    expect(await master.git('rev-list', '--merges', 'origin/main')).toBe('');
  });
});

describe('converge suspend and converge resume', () => {
  it('leave an environment as it is until it is resumed, by commits that say who asked', async () => {
    const command = await openCommand();
    const colour = async (): Promise<string | undefined> =>
      (await world.find('configmap', 'a', 'tyrell'))?.data?.['colour'];
    await master.push({
      'environments/tyrell.yaml': `apiVersion: converge.dev/v1
kind: Environment
metadata: { name: tyrell } # a customer
spec:
  cluster: sandbox
  namespace: tyrell
  diffAfter: 0s # at once
  sources: [{ manifests: manifests/tyrell }]
`,
      'manifests/tyrell/a.yaml': configMap('a', { colour: 'red' }),
    });
    await convergedAt('tyrell', await master.head());
    const before = await atHead('environments/tyrell.yaml');

    const planned = await command('suspend', 'tyrell', '--for', '2h', '--dry-run');
    expect(planned).toMatchObject({ code: 0, err: '' });
    expect(planned.out).toMatch(/^master\/tyrell would be suspended until [^]*\n {2}\+ {2}suspendUntil: /);
    expect(await atHead('environments/tyrell.yaml')).toBe(before);

    const suspended = await command('suspend', 'tyrell', '--for', '2h', '--reason', 'moves', '--output', 'json');
    expect(suspended).toMatchObject({ code: 0, err: '' });
    const { commit } = z.looseObject({ commit: z.string() }).parse(JSON.parse(suspended.out));
    expect(await message(commit)).toMatch(
      /^Suspend tyrell until .*\n\nAction: suspend\nEnvironment: tyrell\nRequested-By: Olivia Ops <olivia@example.com>\nReason: moves$/,
    );
    await eventually('tyrell is suspended', async () => (await statusOf('tyrell'))?.state === 'Suspended' || undefined);
    expect((await command('suspend', 'tyrell', '--for', '2h')).out).toMatch(
      /^master\/tyrell is suspended already until \S+ \(moves\)\n$/,
    );
    await world.kubectl('patch', 'configmap', 'a', '--namespace', 'tyrell', '--patch', '{"data":{"colour":"grey"}}');
    await checked('tyrell');
    expect(await colour()).toBe('grey');

    const resumed = await command('resume', 'tyrell', '--reason', 'moved', '--output', 'json');
    expect(resumed).toMatchObject({ code: 0, err: '' });
    const end = z.looseObject({ commit: z.string() }).parse(JSON.parse(resumed.out));
    await convergedAt('tyrell', end.commit);
    expect(await colour()).toBe('red');
    expect(await atHead('environments/tyrell.yaml')).toBe(before);
  });

  it('refuse what is not there, and an end that has passed, and change nothing', async () => {
    const command = await openCommand();
    const head = await master.head();
    expect(await command('suspend', 'nobody')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^error: nobody: is no environment\n/),
    });
    expect(await command('resume', 'nobody')).toMatchObject({ code: 2 });
    expect(await command('suspend', 'tyrell', '--until', '2020-01-01T00:00Z')).toMatchObject({
      code: 2,
      err: expect.stringContaining('2020-01-01T00:00:00.000Z it would be suspended no more'),
    });
    expect(await command('suspend', 'tyrell', '--for', 'long')).toMatchObject({ code: 2 });
    expect(await master.head()).toBe(head);
  });
});

describe('converge new customer', () => {
  const file = (name: string): string => `apiVersion: converge.dev/v1
kind: Environment
metadata: { name: ${name}-eu } # of ${name}
spec:
  cluster: sandbox
  namespace: ${name}
  sources: [{ manifests: manifests/shared }]
`;

  it('is one commit that says who asked, which is deployed and asked for once', async () => {
    const command = await openCommand();
    await master.push({
      'environments/wallace-eu.yaml': file('wallace'),
      'manifests/shared/a.yaml': configMap('a', {}),
    });
    await convergedAt('wallace-eu', await master.head());

    const planned = await command('new', 'customer', 'nexus', '--from', 'wallace-eu', '--dry-run');
    expect(planned).toMatchObject({ code: 0, err: '' });
    expect(planned.out).toMatch(
      /^master\/nexus-eu would be added\nwould write environments\/nexus-eu\.yaml [^]*# of nexus\n/,
    );
    expect(await atHead('environments/nexus-eu.yaml')).toBeUndefined();

    const asked = ['new', 'customer', 'nexus', '--from', 'master/wallace-eu', '--reason', 'signed', '--output', 'json'];
    const done = await command(...asked);
    expect(done).toMatchObject({ code: 0, err: '' });
    const result = z.looseObject({ commit: z.string() }).parse(JSON.parse(done.out));
    const documented: unknown = JSON.parse(exampleOf('json new-customer'));
    expect(Object.keys(result).toSorted()).toEqual(Object.keys(z.looseObject({}).parse(documented)).toSorted());
    expect(await message(result.commit)).toMatch(
      /^Add nexus-eu, made from wallace-eu\n\nAction: new-customer\nEnvironment: nexus-eu\nRequested-By: .*\nReason: signed$/,
    );
    expect(await atHead('environments/nexus-eu.yaml')).toBe(file('nexus').trimEnd());
    await convergedAt('nexus-eu', result.commit);
    expect(await world.find('configmap', 'a', 'nexus')).toBeDefined();
    expect(JSON.parse((await command(...asked)).out)).toMatchObject({ outcome: 'nothing', commit: null });
  });

  it('is refused where its file says something else by now, or the other one is not there, and commits nothing', async () => {
    const command = await openCommand();
    const head = await master.push({ 'environments/nexus-eu.yaml': `${file('nexus')}  suspend: true\n` });
    expect(await command('new', 'customer', 'nexus', '--from', 'master/wallace-eu')).toMatchObject({
      code: 2,
      err: expect.stringContaining('is there already, and nothing is overwritten'),
    });
    expect(await command('new', 'customer', 'nexus', '--from', 'nobody')).toMatchObject({ code: 2 });
    expect(await command('new', 'customer', 'nexus', '--from', 'master/nobody')).toMatchObject({ code: 2 });
    expect(await master.head()).toBe(head);
  });
});
