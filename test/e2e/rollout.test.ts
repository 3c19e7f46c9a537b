import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { reconcileRequestedType, type ReconcileRequested } from '../../shared/events/reconcile-requested.ts';
import { withReconciler } from '../bench/reconciler.ts';
import { openCluster } from '../chaos/cluster.ts';
import { alertsOf } from './alerts.ts';
import { stateOf } from './state.ts';
import {
  configMap,
  countWrites,
  deployment,
  environmentFile,
  eventually,
  lookUntil,
  readLog,
  startWorldWithMaster,
  type Clone,
  type Files,
  type World,
} from './world.ts';

/** A run waits so short a time that every wait goes beyond it, and a lease is over soon. */
const limits = { waitSeconds: 2, renderSeconds: 8 };

let world: World;
let master: Clone;
const { convergedAt, diffAt } = alertsOf(() => world);
const { expireLease, memoryOf, stateFile, statusOf } = stateOf(() => world);

beforeAll(async () => {
  ({ world, master } = await startWorldWithMaster({ configuration: { limits } }));
});
afterAll(async () => {
  await world.stop();
});

async function push(name: string, files: Files, spec: Record<string, unknown> = {}): Promise<string> {
  const manifests = Object.fromEntries(
    Object.entries(files).map(([file, content]) => [`manifests/${name}/${file}`, content]),
  );
  return master.push({
    [`environments/${name}.yaml`]: environmentFile(name, { timeout: '10m', ...spec }),
    ...manifests,
  });
}

interface Ended {
  readonly event: string;
  readonly outcome: string;
}

/** How the runs of an environment ended, in their order. */
async function ends(name: string): Promise<Ended[]> {
  const lines = (await readLog(world))
    .split('\n')
    .filter((line) => line.includes('"reconcile done"') && line.includes(`"subject":"master/${name}"`));
  const schema = z.object({
    event: z.string(),
    result: z.object({ outcome: z.string(), goesOn: z.boolean().optional() }),
  });
  return lines.map((line) => {
    const { event, result } = schema.parse(JSON.parse(line.slice(line.indexOf('{'))));
    // A run that only looks at what another one waits for sends no message.
    const isLook = result.outcome === 'waiting' && result.goesOn !== true;
    return { event, outcome: isLook ? 'looked' : result.outcome };
  });
}

async function outcomes(name: string): Promise<string[]> {
  return (await ends(name)).map(({ outcome }) => outcome);
}

async function waits(name: string, atLeast: number): Promise<void> {
  await eventually(
    `${atLeast} runs of ${name} left it waiting`,
    async () => (await outcomes(name)).filter((outcome) => outcome === 'waiting').length >= atLeast,
  );
}

/**
 * Delivers a job to the function, as its push subscription may at any time, and again for as long as it is given back;
 * resolves with the id of the message.
 */
async function deliver(name: string, cause: ReconcileRequested['cause']): Promise<string> {
  const event = `late-${Math.random()}`;
  await eventually(`a job of ${name} is done`, async () => (await deliverOnce(event, { name, cause })) === 204);
  return event;
}

async function deliverOnce(
  event: string,
  { name, cause }: { name: string; cause: ReconcileRequested['cause'] },
): Promise<number> {
  const job: ReconcileRequested = { repository: 'master', environment: name, cause };
  const response = await fetch(world.pipeline.functions.url('reconcile'), {
    method: 'POST',
    headers: {
      ...(await world.pipeline.authorize('reconcile')),
      ...{
        'content-type': 'application/json',
        'ce-specversion': '1.0',
        'ce-id': event,
        'ce-type': reconcileRequestedType,
      },
      ...{ 'ce-source': '//converge.dev/pipeline', 'ce-subject': `master/${name}` },
    },
    body: JSON.stringify(job),
  });
  await response.text();
  return response.status;
}

/** Looks as the schedule does, until a look of its own was taken. */
async function looked(name: string, cause: ReconcileRequested['cause'] = 'schedule'): Promise<void> {
  await world.pipeline.functions.ready();
  const event = await deliver(name, cause);
  await eventually('the run is in the log', async () => (await ends(name)).find((ended) => ended.event === event));
}

/** Pods find no node until `open` is called for their gate. */
const gated = (gate: string) => ({ nodeSelector: { [gate]: 'open' } });
const open = async (gate: string): Promise<string> => world.kubectl('label', 'nodes', '--all', `${gate}=open`);

function hook(name: string, gate: string): string {
  const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'work', image: 'work' }], ...gated(gate) } };
  return JSON.stringify(
    {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name, annotations: { 'helm.sh/hook': 'pre-install,pre-upgrade' } },
      spec: { template },
    },
    null,
    1,
  );
}

function chart(name: string, templates: Files): Files {
  const files = Object.entries(templates).map(
    ([file, content]) => [`charts/${name}/templates/${file}`, content] as const,
  );
  const environment = environmentFile(name, {
    timeout: '10m',
    sources: [{ helm: { chart: `charts/${name}`, release: name } }],
  });
  return {
    [`environments/${name}.yaml`]: environment,
    [`charts/${name}/Chart.yaml`]: `apiVersion: v2\nname: ${name}\nversion: 1.0.0\n`,
    ...Object.fromEntries(files),
  };
}

describe('a roll-out that takes longer than a run may wait', () => {
  it('is waited for by one short run after another, and status says for what', async () => {
    const commit = await push('slow', { 'web.yaml': deployment('web', 'shop:1', gated('slow')) });
    await waits('slow', 2);
    const { rollout, health } = await memoryOf('slow');
    expect(rollout?.revision).toContain(commit);
    expect(health).toBe('Progressing');
    expect(await statusOf('slow')).toMatchObject({
      state: 'Converging',
      message: expect.stringMatching(/^waits for Deployment slow\/web: /),
    });

    // Doubled and foreign messages join the one chain of runs, and do not make more of it. Each may find nobody at it, and
    // look itself: the chain is counted once they are answered.
    const foreign = await Promise.all([1, 2, 3, 4, 5, 6].map(async () => deliver('slow', 'request')));
    await eventually('the log has the last of them', async () => {
      const logged = (await ends('slow')).map(({ event }) => event);
      return foreign.every((event) => logged.includes(event));
    });
    const before = (await outcomes('slow')).filter((outcome) => outcome === 'waiting').length;
    const since = performance.now();
    await waits('slow', before + 4);
    const runs = (await outcomes('slow')).filter((outcome) => outcome === 'waiting').length - before;
    expect(runs).toBeLessThanOrEqual((performance.now() - since) / 1000 / limits.waitSeconds + 2);

    await open('slow');
    expect((await convergedAt('slow', commit)).changes).toMatchObject({ created: 1, configured: 0, unchanged: 0 });
    expect(world.diffs.filter((alert) => alert.environment === 'slow')).toEqual([]);
    expect((await memoryOf('slow')).rollout).toBeUndefined();
    expect((await memoryOf('slow')).waiting).toBeUndefined();
    expect(await statusOf('slow')).toMatchObject({ state: 'Converged', message: '' });
  });

  it('is finished by the schedule where the run that waits is killed', async () => {
    const commit = await push('killed', { 'web.yaml': deployment('web', 'shop:1', gated('killed')) });
    await waits('killed', 1);
    const { rollout } = await memoryOf('killed');
    await world.pipeline.killFunctions();
    // What the killed run had sent may still arrive, its lease, too: a lease of nobody would last as long as a run may.
    await world.pipeline.functions.ready();
    await expireLease('killed');
    const before = await ends('killed');
    await deliver('killed', 'schedule');
    // By that look, or by the run whose message is delivered again: whichever takes the lease first.
    await eventually('somebody goes on', async () =>
      (await ends('killed')).slice(before.length).some(({ outcome }) => outcome !== 'busy'),
    );
    expect((await memoryOf('killed')).rollout).toEqual(rollout);
    await open('killed');
    await convergedAt('killed', commit);
    expect(world.converged.filter((alert) => alert.environment === 'killed')).toHaveLength(1);
  });

  it('is Unhealthy when its time is over, which is told once, and later looks wait no more', async () => {
    const commit = await push('late', { 'web.yaml': deployment('web', 'shop:1', gated('late')) }, { timeout: '5s' });
    expect(await diffAt('late', commit)).toMatchObject({
      reason: 'Unhealthy',
      objects: [{ name: 'web', change: 'unhealthy' }],
    });
    const waited = (await outcomes('late')).filter((outcome) => outcome === 'waiting').length;
    const { rollout } = await memoryOf('late');
    await looked('late');
    expect((await outcomes('late')).filter((outcome) => outcome === 'waiting')).toHaveLength(waited);
    expect((await memoryOf('late')).rollout).toEqual(rollout);
    expect(world.diffs.filter((alert) => alert.environment === 'late')).toHaveLength(1);
    await open('late');
    await eventually(
      'its pods are there',
      async () =>
        (await world.kubectl(
          'get',
          'deployment',
          'web',
          '--namespace',
          'late',
          '--output',
          'jsonpath={.status.readyReplicas}',
        )) === '2',
    );
    await looked('late');
    expect((await convergedAt('late', commit)).incident).not.toBeNull();
  });
});

describe('a roll-out that fails', () => {
  const stuck = deployment('other', 'shop:1', gated('never'));
  const quota = JSON.stringify({
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'quota' },
    spec: { hard: { 'count/pods': '0' } },
  });

  it.each([
    [
      'missing',
      { 'web.yaml': deployment('web', 'shop:missing'), 'other.yaml': stuck },
      /Deployment missing\/web: .*ImagePullBackOff.*shop:missing/,
      { object: expect.stringMatching(/^Pod missing\/web-/) as string, reason: 'ImagePullBackOff' },
    ],
    [
      'crash',
      { 'web.yaml': deployment('web', 'shop:crash'), 'other.yaml': stuck },
      /Deployment crash\/web: .*CrashLoopBackOff/,
      { object: expect.stringMatching(/^Pod crash\/web-/) as string, reason: 'CrashLoopBackOff' },
    ],
    [
      'quota',
      { 'web.yaml': deployment('web', 'shop:1'), 'quota.yaml': quota },
      /Deployment quota\/web: .*exceeded quota: quota/,
      {
        object: expect.stringMatching(/^ReplicaSet quota\/web-/) as string,
        reason: 'FailedCreate',
        event: {
          object: expect.stringMatching(/^ReplicaSet quota\/web-/) as string,
          reason: 'FailedCreate',
          message: expect.stringContaining('exceeded quota: quota') as string,
        },
      },
    ],
  ])('is Unhealthy long before its time, for the reason of its pods: %s', async (name, files, reason, why) => {
    const commit = await push(name, files, { timeout: '1h' });
    const diff = await diffAt(name, commit);
    expect(diff).toMatchObject({
      reason: 'Unhealthy',
      objects: [{ kind: 'Deployment', name: 'web', change: 'unhealthy', why }],
    });
    expect(diff.summary).toMatch(reason);
    await looked(name);
    expect(world.diffs.filter((alert) => alert.environment === name)).toHaveLength(1);
  });

  it('converges at the next check where it mends by itself', async () => {
    await world.kubectl(
      'patch',
      'resourcequota',
      'quota',
      '--namespace',
      'quota',
      '--type',
      'merge',
      '--patch',
      '{"spec":{"hard":{"count/pods":"9"}}}',
    );
    const told = world.diffs.find((alert) => alert.environment === 'quota');
    // The controller tries again by itself only after a while; its ReplicaSet made anew tries at once.
    await world.kubectl('delete', 'replicasets', '--all', '--namespace', 'quota');
    await eventually(
      'its pods are there',
      async () =>
        (await world.kubectl(
          'get',
          'deployment',
          'web',
          '--namespace',
          'quota',
          '--output',
          'jsonpath={.status.readyReplicas}',
        )) === '2',
    );
    await lookUntil(world, 'the incident ends', () =>
      world.converged.some((alert) => alert.environment === 'quota' && alert.incident === told?.incident),
    );
  });
});

describe('a newer commit', () => {
  it('supersedes a roll-out that fails', async () => {
    const first = await push('hasty', { 'web.yaml': deployment('web', 'shop:missing') });
    await eventually('it is rolled out', async () => world.find('deployment', 'web', 'hasty'));
    const second = await push('hasty', { 'web.yaml': deployment('web', 'shop:2') });
    await convergedAt('hasty', second);
    expect(world.converged.some((alert) => alert.revision.endsWith(first))).toBe(false);
  });

  it('supersedes a hook that is waited for, and leaves its Job running', async () => {
    await master.push(
      chart('hooked', { 'a.yaml': hook('migrate', 'nowhere'), 'web.yaml': configMap('web', { v: '1' }) }),
    );
    await waits('hooked', 1);
    const job = (await world.find('job', 'migrate', 'hooked'))?.metadata.uid;
    expect(job).toBeDefined();
    const second = await master.push({
      ...chart('hooked', { 'web.yaml': configMap('web', { v: '2' }) }),
      'charts/hooked/templates/a.yaml': undefined,
    });
    await convergedAt('hooked', second);
    expect((await world.find('configmap', 'web', 'hooked'))?.data).toEqual({ v: '2' });
    expect((await world.find('job', 'migrate', 'hooked'))?.metadata.uid).toBe(job);
  });
});

describe('a hook that takes longer than a run may wait', () => {
  it('is not cut off by a newer commit that runs it anew: that waits for its end, and then runs its own', async () => {
    await master.push(chart('uncut', { 'a.yaml': hook('migrate', 'uncut'), 'web.yaml': configMap('web', { v: '1' }) }));
    await waits('uncut', 1);
    const job = (await world.find('job', 'migrate', 'uncut'))?.metadata.uid;
    const second = await master.push(chart('uncut', { 'web.yaml': configMap('web', { v: '2' }) }));
    await eventually('the newer commit waits', async () =>
      (await memoryOf('uncut')).waiting?.revision.endsWith(second),
    );
    expect((await world.find('job', 'migrate', 'uncut'))?.metadata.uid).toBe(job);
    await open('uncut');
    await convergedAt('uncut', second);
    expect((await world.find('job', 'migrate', 'uncut'))?.metadata.uid).not.toBe(job);
  });

  it('is waited for by one short run after another, and runs once', async () => {
    const commit = await master.push(
      chart('patient', { 'a.yaml': hook('migrate', 'patient'), 'web.yaml': configMap('web', {}) }),
    );
    await waits('patient', 2);
    const job = (await world.find('job', 'migrate', 'patient'))?.metadata.uid;
    expect((await statusOf('patient'))?.message).toMatch(
      /^waits for the Helm hook pre-install of release patient, Job patient\/migrate: /,
    );
    expect(await world.find('configmap', 'web', 'patient')).toBeUndefined();
    await open('patient');
    await convergedAt('patient', commit);
    expect((await world.find('job', 'migrate', 'patient'))?.metadata.uid).toBe(job);
    expect(await world.find('configmap', 'web', 'patient')).toBeDefined();
  });
});

describe('a deletion that takes longer than a run may wait', () => {
  it('is waited for like a roll-out, and is no incident while it may still end', async () => {
    const held = JSON.stringify({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'held', finalizers: ['example.com/hold'] },
    });
    await convergedAt('leaving', await push('leaving', { 'a.yaml': configMap('a', {}), 'held.yaml': held }));
    const commit = await push('leaving', { 'held.yaml': undefined });
    await waits('leaving', 2);
    expect((await statusOf('leaving'))?.message).toBe(
      'waits for ConfigMap leaving/held: is being deleted, and its finalizer example.com/hold has not let go',
    );
    await world.kubectl(
      'patch',
      'configmap',
      'held',
      '--namespace',
      'leaving',
      '--type=merge',
      '--patch',
      '{"metadata":{"finalizers":null}}',
    );
    await convergedAt('leaving', commit);
    expect(world.diffs.filter((alert) => alert.environment === 'leaving')).toEqual([]);
  });

  it('of what a hook left holds the end of its environment', async () => {
    const left = JSON.stringify({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: 'left',
        finalizers: ['example.com/hold'],
        annotations: { 'helm.sh/hook': 'pre-install' },
      },
    });
    const files = { 'a.yaml': configMap('a', {}), 'left.yaml': left };
    await convergedAt('ending', await push('ending', files, { deletion: 'prune' }));
    const commit = await master.push({ 'environments/ending.yaml': undefined });
    await waits('ending', 2);
    expect((await memoryOf('ending')).waiting?.message).toBe(
      'waits for ConfigMap ending/left: is being deleted, and its finalizer example.com/hold has not let go',
    );
    await world.kubectl(
      ...['patch', 'configmap', 'left', '--namespace', 'ending', '--type=merge'],
      ...['--patch', '{"metadata":{"finalizers":null}}'],
    );
    await convergedAt('ending', commit);
    expect(await world.find('configmap', 'left', 'ending')).toBeUndefined();
    expect(world.diffs.filter((alert) => alert.environment === 'ending')).toEqual([]);
  });
});

describe('what failed', () => {
  const invalid = 'apiVersion: v1\nkind: Service\nmetadata: { name: invalid }\nspec: { ports: [{ port: 99999 }] }\n';

  it('is tried again by the schedule after growing pauses, while drift of all else is healed', async () => {
    const commit = await push('retried', { 'a.yaml': configMap('a', { v: '1' }), 'invalid.yaml': invalid });
    const diff = await diffAt('retried', commit);
    expect(diff.reason).toBe('Failed');
    // A message that comes twice is one more try, whatever pauses.
    await world.pipeline.quiet();
    await looked('retried');
    expect((await memoryOf('retried')).retry).toMatchObject({ healing: true });
    const writes = await countWrites(world, ['services']);
    const { retry } = await memoryOf('retried');
    const tries = z.number().min(2).parse(retry?.count);

    await world.kubectl(
      'patch',
      'configmap',
      'a',
      '--namespace',
      'retried',
      '--type',
      'merge',
      '--patch',
      '{"data":{"v":"drifted"}}',
    );
    await looked('retried');
    await eventually(
      'the drift is healed',
      async () => (await world.find('configmap', 'a', 'retried'))?.data?.['v'] === '1',
    );
    await looked('retried');
    expect(await countWrites(world, ['services'])).toBe(writes);
    expect((await memoryOf('retried')).retry).toEqual(retry);
    expect(
      world.diffs.filter((alert) => alert.environment === 'retried').map(({ reason, action }) => `${reason} ${action}`),
    ).toEqual(['Failed none', 'Drifted healing']);
    expect(await statusOf('retried')).toMatchObject({ state: 'Failed', message: diff.summary });

    await looked('retried', 'request');
    expect((await memoryOf('retried')).retry).toMatchObject({ count: tries + 1 });
    const mended = await push('retried', { 'invalid.yaml': undefined });
    await convergedAt('retried', mended);
    // Told before it is remembered.
    await eventually('nothing is to be tried again', async () => (await memoryOf('retried')).retry === undefined);
  });

  it('to render is left at that meanwhile, and a commit that mends it is tried at once', async () => {
    const commit = await push('unrendered', { 'a.yaml': 'kind: ConfigMap\nmetadata: { name: a }\n' });
    expect((await diffAt('unrendered', commit)).reason).toBe('Failed');
    await looked('unrendered');
    const before = await memoryOf('unrendered');
    expect(before.retry).toMatchObject({ count: 2, healing: false });
    await looked('unrendered');
    expect(await memoryOf('unrendered')).toEqual(before);
    await convergedAt('unrendered', await push('unrendered', { 'a.yaml': configMap('a', {}) }));
  });
});

describe('a function that is killed while it applies', () => {
  it('is ended by its own message, which goes on within seconds of the end of its lease', async () => {
    const count = 400;
    const maps = (v: string): Files =>
      Object.fromEntries(
        Array.from({ length: count }, (_, index) => [
          `m${index}.yaml`,
          configMap(`m${index}`, { v, text: 'x'.repeat(2000) }),
        ]),
      );
    const applied = async (): Promise<number> => {
      const text = await world.kubectl(
        ...['get', 'configmaps', '--namespace', 'ended', '--ignore-not-found'],
        ...['--selector', 'applyset.kubernetes.io/part-of', '--output', 'name'],
      );
      return text.split('\n').filter((line) => line !== '').length;
    };
    const commit = await push('ended', maps('new'));
    await eventually('the apply is under way', async () => (await applied()) > 5);
    await world.pipeline.killFunctions();
    const lease = stateFile('ended', 'lease');
    const [[text], [{ updated = '' }]] = await Promise.all([lease.download(), lease.getMetadata()]);
    const { seconds } = z.object({ nonce: z.string(), seconds: z.number() }).parse(JSON.parse(text.toString()));
    expect(await applied()).toBeLessThan(count);

    // Nobody ticks: the message of the killed run alone comes again.
    await convergedAt('ended', commit);
    expect((Date.now() - Date.parse(updated)) / 1000 - seconds).toBeLessThan(30);
    expect(await applied()).toBe(count);
    expect(world.diffs.filter((alert) => alert.environment === 'ended')).toEqual([]);
    expect(world.converged.filter((alert) => alert.environment === 'ended')).toHaveLength(1);
  });
});

describe('a function that is frozen beyond its lease', () => {
  it('writes nothing of the older revision when it thaws', async () => {
    const count = 400;
    const maps = (v: string) =>
      Object.fromEntries(
        Array.from({ length: count }, (_, index) => [
          `m${index}.yaml`,
          configMap(`m${index}`, { v, text: 'x'.repeat(2000) }),
        ]),
      );
    const live = openCluster(world.pipeline.kubernetes);
    onTestFinished(live.close);
    const values = async (): Promise<string[]> => {
      const members = (await live.list('frozen')).filter(
        ({ metadata }) => metadata.labels?.['applyset.kubernetes.io/part-of'] !== undefined,
      );
      return members.map(({ data }) => String(data?.['v']));
    };
    await push('frozen', maps('old'));
    // Asked without a pause: on a busy machine, all may be there before the next look.
    await eventually('the apply is under way', async () => (await values()).length > 5, { pauseMilliseconds: 1 });
    await world.pipeline.functions.suspend();
    try {
      const written = (await values()).length;
      expect(written).toBeLessThan(count);
      await push('frozen', maps('new'));
      await withReconciler(world.pipeline, async (reconciler) => {
        const job: ReconcileRequested = {
          repository: 'master',
          environment: 'frozen',
          cause: 'request',
        };
        await eventually(
          'another instance took over',
          async () => reconciler.run({ job, expected: ['converged'] }).catch(() => undefined),
          { pauseMilliseconds: 2000 },
        );
      });
      expect(new Set(await values())).toEqual(new Set(['new']));
    } finally {
      await world.pipeline.functions.resume();
    }
    await eventually('it learned that its lease is lost', async () =>
      (await readLog(world))
        .split('\n')
        .some(
          (line) =>
            line.includes('"reconcile failed"') && line.includes('master/frozen') && line.includes('"LeaseLost"'),
        ),
    );
    await looked('frozen');
    expect(await values()).toEqual(Array.from({ length: count }, () => 'new'));
  });
});
