import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { statusSchema } from '../../shared/pipeline/common/environment-status.ts';
import { writeFiles } from '../write-files.ts';
import { alertsOf } from './alerts.ts';
import { runConverge } from './command.ts';
import { stateOf } from './state.ts';
import {
  configMap,
  countWrites,
  deployment,
  environmentFile,
  eventually,
  readLog,
  startWorld,
  type Clone,
  type World,
} from './world.ts';

let world: World;
let master: Clone;
const { convergedAt, diffAt } = alertsOf(() => world);
const { checked, stateFile, statusOf } = stateOf(() => world);

beforeAll(async () => {
  world = await startWorld();
  master = await world.clone();
  await deploy('healed', {});
  await deploy('watched', { selfHeal: false });
});
afterAll(async () => {
  await world.stop();
});

async function deploy(name: string, spec: Record<string, unknown>): Promise<void> {
  const secret = JSON.stringify({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'card' },
    stringData: { number: '4111' },
  });
  const commit = await master.push({
    [`environments/${name}.yaml`]: environmentFile(name, spec),
    [`manifests/${name}/web.yaml`]: deployment('web', 'shop:1.4.2'),
    [`manifests/${name}/settings.yaml`]: configMap('settings', { currency: 'EUR', language: 'de' }),
    [`manifests/${name}/card.yaml`]: secret,
  });
  await convergedAt(name, commit);
}

/** What the check after a change tells of an environment: its next diff, and the converged that closes it. */
async function nextDiff(
  environment: string,
  change: () => Promise<unknown>,
): Promise<{ diff: World['diffs'][number]; closed: () => Promise<World['converged'][number]> }> {
  const before = world.diffs.length;
  await change();
  await world.checkDrift();
  const diff = await eventually(`${environment} has a diff`, () =>
    world.diffs.slice(before).find((alert) => alert.environment === environment),
  );
  return {
    diff,
    closed: async () =>
      eventually('the incident is closed', () =>
        world.converged.find((alert) => alert.incident === diff.incident && alert.occurrence === diff.occurrence),
      ),
  };
}

describe('a check', () => {
  it('of an untouched cluster writes nothing and tells nothing', async () => {
    const kinds = ['configmaps', 'deployments', 'secrets', 'namespaces'];
    const before = {
      writes: await countWrites(world, kinds),
      diffs: world.diffs.length,
      converged: world.converged.length,
    };
    await checked('healed', 'watched');
    await checked('healed', 'watched');
    await world.allHeard();
    expect({
      writes: await countWrites(world, kinds),
      diffs: world.diffs.length,
      converged: world.converged.length,
    }).toEqual(before);
  });

  it('names the field, the manager that changed it and since when, heals it, and tells when it is gone', async () => {
    const { diff, closed } = await nextDiff('healed', () =>
      world.kubectl('set', 'image', 'deployment/web', 'web=shop:debug', '--namespace', 'healed'),
    );
    expect(diff).toMatchObject({
      reason: 'Drifted',
      action: 'healing',
      occurrence: 1,
      omitted: 0,
      summary: 'Deployment healed/web: image differs',
    });
    expect(diff.objects).toMatchObject([
      { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'healed', name: 'web', change: 'modified' },
    ]);
    const [field] = diff.objects[0]?.fields ?? [];
    expect(field).toMatchObject({
      path: '/spec/template/spec/containers[name=web]/image',
      desired: 'shop:1.4.2',
      observed: 'shop:debug',
      manager: 'kubectl-set',
    });
    expect(Date.parse(field?.changedBefore ?? '')).toBeLessThanOrEqual(Date.parse(diff.since) + 1000);
    expect(diff.objects[0]?.fields).toHaveLength(1);
    await closed();
    expect(JSON.stringify((await world.find('deployment', 'web', 'healed'))?.spec)).toContain('shop:1.4.2');
  });

  it('leaves alone what a person annotated, and heals it once the annotation is gone', async () => {
    const commit = await master.push({
      'environments/repaired.yaml': environmentFile('repaired', { diffAfter: '0s' }),
      'manifests/repaired/web.yaml': deployment('web', 'shop:1.4.2'),
      'manifests/repaired/a.yaml': configMap('a', { v: '1' }),
    });
    await convergedAt('repaired', commit);
    const annotate = async (...said: string[]) =>
      world.kubectl('annotate', '--overwrite', 'deployment/web', 'configmap/a', '--namespace', 'repaired', ...said);
    await annotate('converge.dev/reconcile=disabled', 'converge.dev/reconcile-until=2126-11-30T06:00:00Z');
    const { diff, closed } = await nextDiff('repaired', () =>
      world.kubectl('set', 'image', 'deployment/web', 'web=shop:debug', '--namespace', 'repaired'),
    );
    expect(diff).toMatchObject({
      reason: 'Drifted',
      action: 'none',
      objects: [
        {
          change: 'modified',
          suspended: { in: 'cluster', by: 'kubectl-annotate', until: '2126-11-30T06:00:00Z' },
          fields: [{ path: '/spec/template/spec/containers[name=web]/image', manager: 'kubectl-set' }],
        },
      ],
    });
    // A commit that changes one and no longer has the other.
    await master.push({
      'manifests/repaired/web.yaml': deployment('web', 'shop:1.4.3'),
      'manifests/repaired/a.yaml': undefined,
    });
    await checked('repaired');
    expect(await statusOf('repaired')).toMatchObject({
      state: 'Diverged',
      message: expect.stringContaining(
        'left alone by converge.dev/reconcile: disabled (kubectl-annotate, at or before',
      ),
    });
    expect(JSON.stringify((await world.find('deployment', 'web', 'repaired'))?.spec)).toContain('shop:debug');
    expect(await world.find('configmap', 'a', 'repaired')).toBeDefined();

    await annotate('converge.dev/reconcile-', 'converge.dev/reconcile-until-');
    await checked('repaired');
    await closed();
    expect(JSON.stringify((await world.find('deployment', 'web', 'repaired'))?.spec)).toContain('shop:1.4.3');
    expect(await world.find('configmap', 'a', 'repaired')).toBeUndefined();
  });

  it('does not run a Job again that ended and was cleaned up', async () => {
    const job = {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'import' },
      spec: {
        ttlSecondsAfterFinished: 0,
        template: { spec: { restartPolicy: 'Never', containers: [{ name: 'import', image: 'import' }] } },
      },
    };
    const commit = await master.push({
      'environments/brief.yaml': environmentFile('brief'),
      'manifests/brief/job.yaml': JSON.stringify(job),
      'manifests/brief/a.yaml': configMap('a', {}),
    });
    await convergedAt('brief', commit);
    await eventually('the Job is gone', async () => (await world.find('job', 'import', 'brief')) === undefined);
    const before = { writes: await countWrites(world, ['jobs']), diffs: world.diffs.length };
    await checked('brief');
    await world.allHeard();
    expect(await world.find('job', 'import', 'brief')).toBeUndefined();
    expect({ writes: await countWrites(world, ['jobs']), diffs: world.diffs.length }).toEqual(before);
  });

  it('recreates a deleted object, and does not claim to know who deleted it', async () => {
    const { diff, closed } = await nextDiff('healed', () =>
      world.kubectl('delete', 'configmap', 'settings', '--namespace', 'healed'),
    );
    expect(diff.objects).toEqual([
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        namespace: 'healed',
        name: 'settings',
        change: 'missing',
        message: 'is missing',
        source: 'manifests/healed/settings.yaml',
        fields: [],
      },
    ]);
    await closed();
    expect((await world.find('configmap', 'settings', 'healed'))?.data).toEqual({ currency: 'EUR', language: 'de' });
  });

  it('never shows the value of a Secret', async () => {
    const { diff, closed } = await nextDiff('healed', () =>
      world.kubectl('patch', 'secret', 'card', '--namespace', 'healed', '--patch', '{"stringData":{"number":"6666"}}'),
    );
    expect(diff.objects[0]?.fields).toMatchObject([
      { path: '/data/number', desired: '***', observed: '***', manager: 'kubectl-patch' },
    ]);
    expect(JSON.stringify(diff)).not.toContain(Buffer.from('6666').toString('base64'));
    await closed();
  });

  it('finds a field taken over by another manager with another value, and one that was removed', async () => {
    const { diff, closed } = await nextDiff('healed', async () => {
      await world.kubectl(
        'patch',
        'configmap',
        'settings',
        '--namespace',
        'healed',
        '--type',
        'json',
        '--patch',
        '[{"op":"remove","path":"/data/language"},{"op":"replace","path":"/data/currency","value":"USD"}]',
      );
    });
    expect(diff.objects[0]?.fields).toMatchObject([
      { path: '/data/currency', desired: 'EUR', observed: 'USD', manager: 'kubectl-patch' },
      { path: '/data/language', desired: 'de' },
    ]);
    expect(diff.objects[0]?.fields[1]?.manager).toBeUndefined();
    await closed();
  });

  it("takes back a field that another manager took, though its value is Git's, and tells one diff and one converged", async () => {
    const write = async (currency: string) =>
      world.kubectl(
        'patch',
        'configmap',
        'settings',
        '--namespace',
        'healed',
        '--field-manager',
        'rogue',
        '--patch',
        JSON.stringify({ data: { currency } }),
      );
    const { diff, closed } = await nextDiff('healed', async () => {
      await write('USD');
      await write('EUR');
    });
    expect(diff).toMatchObject({
      action: 'healing',
      objects: [
        {
          name: 'settings',
          change: 'taken-over',
          message: 'currency was taken over by rogue',
          fields: [{ path: '/data/currency', desired: 'EUR', observed: 'EUR', manager: 'rogue' }],
        },
      ],
    });
    await closed();
    const same = (alert: { incident: string | null; occurrence: number | null }) =>
      alert.incident === diff.incident && alert.occurrence === diff.occurrence;
    await checked('healed');
    await world.allHeard();
    expect([world.diffs.filter(same).length, world.converged.filter(same).length]).toEqual([1, 1]);
  });

  it('applies anew, and tells nothing, where somebody cleared managedFields; drift is found all the same', async () => {
    const clear = async () =>
      world.kubectl(
        'patch',
        'configmap',
        'settings',
        '--namespace',
        'healed',
        '--type',
        'merge',
        '--patch',
        '{"metadata":{"managedFields":[{}]}}',
      );
    const before = world.diffs.length;
    await clear();
    await world.checkDrift();
    await eventually('the entry is back', async () =>
      (
        await world.kubectl(
          'get',
          'configmap',
          'settings',
          '--namespace',
          'healed',
          '--show-managed-fields',
          '--output',
          'yaml',
        )
      ).includes('manager: converge'),
    );
    expect(world.diffs.slice(before)).toEqual([]);
    const { diff, closed } = await nextDiff('healed', async () => {
      await world.kubectl(
        'patch',
        'configmap',
        'settings',
        '--namespace',
        'healed',
        '--patch',
        '{"data":{"currency":"GBP"}}',
      );
      await clear();
    });
    expect(diff.objects[0]?.fields).toMatchObject([{ path: '/data/currency', desired: 'EUR', observed: 'GBP' }]);
    await closed();
  });

  it('leaves alone what Git does not specify: foreign annotations, scaling by status, a restart', async () => {
    const before = world.diffs.length;
    await world.kubectl('annotate', 'deployment', 'web', 'team=claims', '--namespace', 'healed');
    await world.kubectl('label', 'configmap', 'settings', 'team=claims', '--namespace', 'healed');
    await checked('healed');
    await world.allHeard();
    expect(world.diffs.slice(before)).toEqual([]);
    expect((await world.find('deployment', 'web', 'healed'))?.metadata.annotations).toMatchObject({ team: 'claims' });
  });

  it('is no restart, neither where it happens nor where the next commit meets it', async () => {
    await deploy('restarted', {});
    const before = world.diffs.length;
    await world.kubectl('rollout', 'restart', 'deployment/web', '--namespace', 'restarted');
    await checked('restarted');
    const commit = await master.push({ 'manifests/restarted/web.yaml': deployment('web', 'shop:1.5.0') });
    await convergedAt('restarted', commit);
    await world.allHeard();
    expect(world.diffs.slice(before)).toEqual([]);
    const after = JSON.stringify(await world.find('deployment', 'web', 'restarted'));
    expect(after).toContain('shop:1.5.0');
    expect(after).toContain('kubectl.kubernetes.io/restartedAt');
  });

  it('of an environment that does not heal tells once, changes nothing, and tells when it is gone', async () => {
    const { diff, closed } = await nextDiff('watched', () =>
      world.kubectl(
        'patch',
        'configmap',
        'settings',
        '--namespace',
        'watched',
        '--patch',
        '{"data":{"currency":"USD"}}',
      ),
    );
    expect(diff).toMatchObject({ reason: 'Drifted', action: 'none' });
    const told = world.diffs.length;
    await checked('watched');
    await world.allHeard();
    expect(world.diffs.length).toBe(told);
    expect((await world.find('configmap', 'settings', 'watched'))?.data).toMatchObject({ currency: 'USD' });
    expect(await statusOf('watched')).toMatchObject({ state: 'Diverged', incident: diff.incident });
    await world.kubectl(
      'patch',
      'configmap',
      'settings',
      '--namespace',
      'watched',
      '--patch',
      '{"data":{"currency":"EUR"}}',
    );
    await world.checkDrift();
    await closed();
    expect(await statusOf('watched')).toMatchObject({ state: 'Converged', incident: null });
  });

  it('of an environment that does not heal still applies what is committed, and does not call it converged', async () => {
    const closedBefore = world.converged.filter((alert) => alert.environment === 'watched' && alert.incident !== null);
    const { diff } = await nextDiff('watched', () =>
      world.kubectl(
        'patch',
        'configmap',
        'settings',
        '--namespace',
        'watched',
        '--patch',
        '{"data":{"language":"fr"}}',
      ),
    );
    await master.push({ 'manifests/watched/web.yaml': deployment('web', 'shop:1.5.0') });
    await eventually('the image is the new one', async () =>
      JSON.stringify(await world.find('deployment', 'web', 'watched')).includes('shop:1.5.0'),
    );
    expect((await world.find('configmap', 'settings', 'watched'))?.data).toMatchObject({ language: 'fr' });
    expect(world.converged.filter((alert) => alert.incident === diff.incident)).toEqual(closedBefore);
    await world.kubectl(
      'patch',
      'configmap',
      'settings',
      '--namespace',
      'watched',
      '--patch',
      '{"data":{"language":"de"}}',
    );
    await world.checkDrift();
    await eventually(
      'the incident is closed again',
      () => world.converged.filter((alert) => alert.incident === diff.incident).length > closedBefore.length,
    );
    expect(diff.occurrence).toBe(2);
  });

  it('finds a push that nobody announced', async () => {
    await deploy('quiet', {});
    const { pipeline } = world;
    await master.git('pull', '--quiet');
    await master.git('remote', 'add', 'disk', pipeline.git.path('master'));
    await master.git('rm', '--quiet', 'manifests/quiet/settings.yaml');
    await master.git('commit', '--quiet', '--message', 'Unannounced');
    await master.git('push', '--quiet', 'disk', 'HEAD:main');
    await world.checkDrift();
    const commit = await master.head();
    const found = await convergedAt('quiet', commit);
    expect(found.changes).toEqual({ created: 0, configured: 0, unchanged: 2, pruned: 1 });
  });

  it('whose memory is lost rebuilds it from Git and the cluster without a write, and still finds drift', async () => {
    const memory = stateFile('healed', 'memory');
    await memory.delete();
    const writes = await countWrites(world, ['configmaps', 'deployments', 'secrets']);
    await world.checkDrift();
    await eventually(
      'the memory is back',
      async () => (await memory.exists())[0] && (await statusOf('healed'))?.state === 'Converged',
    );
    // The dry runs are counted as applies by the API server: three objects, and nothing else.
    expect((await countWrites(world, ['configmaps', 'deployments', 'secrets'])) - writes).toBeLessThanOrEqual(6);
    await memory.delete();
    const { diff } = await nextDiff('healed', () =>
      world.kubectl(
        'patch',
        'configmap',
        'settings',
        '--namespace',
        'healed',
        '--patch',
        '{"data":{"currency":"CHF"}}',
      ),
    );
    expect(diff.objects[0]?.fields).toMatchObject([{ path: '/data/currency', desired: 'EUR', observed: 'CHF' }]);
  });
});

describe('a fight', () => {
  const settingsAre = async (currency: string) =>
    eventually(
      `the currency is ${currency}`,
      async () => (await world.find('configmap', 'settings', 'fought'))?.data?.['currency'] === currency,
    );
  const undo = async () =>
    world.kubectl(
      'patch',
      'configmap',
      'settings',
      '--namespace',
      'fought',
      '--field-manager',
      'rogue',
      '--patch',
      '{"data":{"currency":"USD"}}',
    );
  const told = () => world.diffs.filter((alert) => alert.environment === 'fought');

  it('is recognised when a heal is undone for the third time: the alert says with whom, healing pauses, and other objects are healed meanwhile', async () => {
    await deploy('fought', {});
    for (let heal = 1; heal <= 3; heal++) {
      const { diff, closed } = await nextDiff('fought', undo);
      expect(diff).toMatchObject({ action: 'healing', occurrence: heal });
      await closed();
      await settingsAre('EUR');
    }
    const { diff } = await nextDiff('fought', undo);
    expect(diff).toMatchObject({
      action: 'none',
      occurrence: 4,
      objects: [{ name: 'settings', change: 'modified', fields: [{ path: '/data/currency', manager: 'rogue' }] }],
    });
    expect(diff.summary).toMatch(
      /currency differs; healing is undone by rogue each time \(healed 3 times in 10 minutes\); healing pauses until 20\S+Z$/,
    );
    await checked('fought');
    await world.allHeard();
    expect(told()).toHaveLength(4);
    await settingsAre('USD');
    expect(await statusOf('fought')).toMatchObject({ state: 'Diverged', incident: diff.incident });

    const other = await nextDiff('fought', () => world.kubectl('delete', 'secret', 'card', '--namespace', 'fought'));
    expect(other.diff).toMatchObject({
      action: 'healing',
      incident: diff.incident,
      objects: [{ name: 'settings' }, { name: 'card', change: 'missing' }],
    });
    await eventually(
      'the other one is healed',
      async () => (await world.find('secret', 'card', 'fought')) !== undefined,
    );
    await settingsAre('USD');
    const ended = () => world.converged.filter((alert) => alert.incident === diff.incident && alert.occurrence === 4);
    expect(ended()).toEqual([]);

    await world.kubectl(
      'patch',
      'configmap',
      'settings',
      '--namespace',
      'fought',
      '--patch',
      '{"data":{"currency":"EUR"}}',
    );
    const commit = await master.push({ 'manifests/fought/new.yaml': configMap('new', { v: '1' }) });
    const untroubled = await convergedAt('fought', commit);
    expect(untroubled.incident).toBeNull();
    expect(await statusOf('fought')).toMatchObject({ state: 'Diverged', incident: diff.incident });

    await master.push({ 'manifests/fought/settings.yaml': configMap('settings', { currency: 'USD', language: 'de' }) });
    await eventually('Git gives in', () => ended()[0]);
    await eventually('the status says so', async () => (await statusOf('fought'))?.state === 'Converged');
  });
});

describe('the value of a Secret', () => {
  it('is nowhere but in the cluster: in no alert, state, log or status, whatever is wrong with it', async () => {
    const canary = 'kanarienvogel-4711-0815';
    const encoded = Buffer.from(canary).toString('base64');
    const secret = (name: string, rest: Record<string, unknown>) =>
      JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, ...rest });
    const files = (more: Record<string, string>) =>
      Object.fromEntries(Object.entries(more).map(([name, content]) => [`manifests/secretive/${name}.yaml`, content]));
    const fine = {
      fixed: secret('fixed', { immutable: true, stringData: { a: `${canary}-old` } }),
      plain: secret('plain', { data: { number: encoded } }),
    };
    const first = await master.push({ 'environments/secretive.yaml': environmentFile('secretive'), ...files(fine) });
    await convergedAt('secretive', first);
    const { closed } = await nextDiff('secretive', () =>
      world.kubectl(
        'patch',
        'secret',
        'plain',
        '--namespace',
        'secretive',
        '--patch',
        `{"stringData":{"number":"${canary}-2"}}`,
      ),
    );
    await closed();

    const refusedAt = async (commit: string) => diffAt('secretive', commit);
    const wrong = {
      fixed: secret('fixed', { immutable: true, stringData: { a: `${canary}-new` } }),
      'no-base64': secret('no-base64', { data: { number: `${canary}!` } }),
      'no-map': secret('no-map', { data: canary }),
      'no-text': secret('no-text', { data: { number: { deep: canary } } }),
      unknown: secret('unknown', { data: { number: encoded }, [canary]: 'x' }),
    };
    const refused = await refusedAt(await master.push(files(wrong)));
    expect(refused.objects.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['fixed', 'no-base64', 'no-map', 'no-text']),
    );
    const removed = Object.fromEntries(
      Object.keys(wrong).map((name) => [`manifests/secretive/${name}.yaml`, undefined]),
    );
    const unrenderable = [
      `apiVersion: v1\nkind: Secret\nmetadata: ${canary}\n`,
      `apiVersion: v1\nkind: Secret\nmetadata: { name: x }\nstringData: { a: ${canary}\n`,
      secret('x', { stringData: { number: 4711 } }),
      `apiVersion: v1\nkind: Secret\nmetadata: { name: x, labels: { a: [${canary}] } }\nstringData: { a: "${canary}" }\n`,
    ];
    for (const broken of unrenderable) {
      const diff = await refusedAt(await master.push({ ...removed, 'manifests/secretive/broken.yaml': broken }));
      expect(diff).toMatchObject({ reason: 'Failed' });
      for (const path of Object.keys(removed)) removed[path] = undefined;
      Object.keys(removed).forEach((path) => delete removed[path]);
    }

    const [memory] = await stateFile('secretive', 'memory').download();
    const said: Record<string, string> = {
      alerts: JSON.stringify([world.diffs, world.converged, world.deadLetters]),
      state: memory.toString('utf8'),
      log: await readLog(world),
      status: await (await fetch(world.pipeline.facts.status)).text(),
    };
    for (const [where, text] of Object.entries(said)) {
      for (const word of ['kanarie', encoded.slice(0, 12), '4711-0815']) {
        expect(
          text
            .split('\n')
            .filter((line) => line.includes(word))
            .map((line) => line.slice(0, 600)),
          `${where} holds ${word}`,
        ).toEqual([]);
      }
    }
  });
});

describe('drift that waits for an answer', () => {
  let folder: string;
  const asked = async (...parameters: readonly string[]) =>
    runConverge(parameters, {
      folder,
      variables: { GIT_COMMITTER_NAME: 'Olga Ops', GIT_COMMITTER_EMAIL: 'olga@example.com' },
    });
  const imageOf = async (): Promise<string> => JSON.stringify((await world.find('deployment', 'web', 'asking'))?.spec);
  const paint = async (image: string) =>
    nextDiff('asking', () => world.kubectl('set', 'image', 'deployment/web', `web=${image}`, '--namespace', 'asking'));

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'converge-asking-'));
    await writeFiles(folder, { '.converge/local.json': JSON.stringify(world.pipeline.facts) });
    await deploy('asking', { selfHeal: 'ask', diffAfter: '0s' });
  });
  afterAll(async () => rm(folder, { recursive: true, force: true }));

  it('is told with both answers, undone once by the first, and asked about anew', async () => {
    const { diff, closed } = await paint('shop:debug');
    const { incident } = diff;
    expect(diff).toMatchObject({
      action: 'none',
      answers: { revert: `converge revert ${incident}`, accept: `converge accept ${incident}` },
      policy: { selfHeal: false, asks: true },
    });
    await checked('asking');
    expect(await imageOf()).toContain('shop:debug');
    const shown = await asked('status', 'asking');
    expect(shown.out).toContain(
      `master/asking: waits for an answer: converge revert ${incident}, or converge accept ${incident}`,
    );

    const planned = await asked('revert', incident, '--dry-run');
    expect(planned).toMatchObject({ code: 0, err: '' });
    expect(planned.out).toMatch(/^would be undone: .*\n {2}modified Deployment asking\/web: image differs\n/);
    expect(planned.out).toContain(
      '    /spec/template/spec/containers[name=web]/image: "shop:debug" instead of "shop:1.4.2"',
    );
    expect(await imageOf()).toContain('shop:debug');

    const reverted = await asked('revert', incident, '--reason', 'the test is over');
    expect(reverted.out).toMatch(/^asked {5}to undo .*[^]*\nconverged master\/asking at main@[0-9a-f]{12}\n$/);
    expect(reverted.code).toBe(0);
    expect(await imageOf()).toContain('shop:1.4.2');
    expect((await closed()).reverted).toMatchObject({
      ...{ by: 'Olga Ops <olga@example.com>', reason: 'the test is over' },
    });

    const over = await asked('revert', incident, '-e', 'asking');
    expect(over).toEqual({ code: 2, out: '', err: expect.stringContaining(`${incident}: ended at `) });

    const next = await paint('shop:other');
    expect(next.diff).toMatchObject({ incident, occurrence: 2, action: 'none', answers: expect.anything() });
    await checked('asking');
    expect(await imageOf()).toContain('shop:other');
  });

  it('stays where somebody only has it looked at, or where it is suspended', async () => {
    const looked = await asked('reconcile', 'asking', '--reason', 'is it still so');
    expect(looked).toMatchObject({
      code: 1,
      out: expect.stringMatching(/\ndiverged {2}master\/asking: Drifted: Deployment asking\/web: image differs\n$/),
    });
    const { environments } = statusSchema.parse(JSON.parse((await asked('status', 'asking', '--output', 'json')).out));
    expect(environments[0]?.requests.map(({ action, outcome }) => [action, outcome])).toEqual([
      // Where the answer to its last write was lost, a second try found nothing left to undo.
      ['revert', expect.stringMatching(/^(converged|unchanged)$/)],
      ['reconcile', 'diverged'],
    ]);
    expect(await asked('reconcile', 'healed')).toMatchObject({ code: 0 });
    await master.push({ 'environments/asking.yaml': environmentFile('asking', { selfHeal: 'ask', suspend: true }) });
    const { incident } = world.diffs.findLast(({ environment }) => environment === 'asking') ?? { incident: '' };
    for (const parameters of [
      ['revert', incident],
      ['reconcile', 'asking'],
    ]) {
      const refused = await asked(...parameters);
      const words = 'master/asking: is suspended: suspend: true';
      expect(refused).toEqual({ code: 2, out: '', err: expect.stringContaining(words) });
    }
    expect(await imageOf()).toContain('shop:other');
  });
});
