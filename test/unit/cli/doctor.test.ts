import { describe, expect, it, vi } from 'vitest';
import { lookAtClusters, reachedFromHere } from '../../../cli/doctor/clusters.ts';
import { lookAtGoogle, lookAtLetters } from '../../../cli/doctor/google.ts';
import { lookAtGit } from '../../../cli/doctor/hosts.ts';
import { lookHere } from '../../../cli/doctor/here.ts';
import { lookAtClock } from '../../../cli/doctor/pipeline.ts';
import { lookAtQuotas } from '../../../cli/doctor/quotas.ts';
import { readOutputs } from '../../../cli/doctor/cloud.ts';
import type { Context } from '../../../cli/context.ts';
import { ConvergeError } from '../../../shared/base/errors.ts';
import { parseConfig } from '../../../shared/config/config.ts';
import type { Permissions } from '../../../shared/ports/permissions.ts';
import type { QuotaAnswer, QuotaUse } from '../../../shared/ports/quotas.ts';
import { configMap, shop } from '../pipeline/reconcile/runs/files.ts';
import { startReceiver } from '../adapters/sinks/receiver.ts';
import { createWorld } from '../pipeline/reconcile/world/world.ts';
import { contextOf } from './context.ts';

const refusal = (code: 'ImpersonationRefused' | 'CredentialsUnavailable' | 'GitRefused', message: string) =>
  new ConvergeError({ code, subject: 'there', message, remedy: 'mend it', disposition: 'refuse' });

function permissions(changed: Partial<Permissions> = {}): Permissions {
  return {
    assertSignedIn: async () => {},
    ofBucket: async ({ rights }) => rights,
    ofTopic: async ({ rights }) => rights,
    ofSubscription: async ({ rights }) => rights,
    mayPush: async () => {},
    versionOf: async () => 'v1.36.3',
    inCluster: async () => ({ allowed: true, reason: '' }),
    ...changed,
  };
}

function context(clusters = 'clusters: { sandbox: { kubeconfig: /nowhere } }', more = ''): Context {
  const world = createWorld();
  world.git.add(shop([configMap('colors')]));
  const text = `project: family
state: { bucket: family-state }
repositories:
  master: { url: https://git.example.com/family/master.git, bucket: family-master }
${clusters}
${more}`;
  const base = contextOf(world);
  const renderer = async () => Promise.reject(refusal('GitRefused', 'the renderer is missing'));
  return { ...base, config: parseConfig({ file: 'converge.yaml', text }), open: { ...base.open, renderer } };
}

const statesOf = (found: readonly { check: string; subject: string; state: string }[]) =>
  Object.fromEntries(found.map(({ check, subject, state }) => [`${check} ${subject}`, state]));

describe('rights on Google Cloud', () => {
  it('are told apart: there with all, with some and with none of them, not there, and untold', async () => {
    const found = await lookAtGoogle(
      context(),
      permissions({
        ofBucket: async ({ bucket, rights }) => (bucket === 'family-state' ? 'absent' : rights.slice(0, 1)),
        ofTopic: async ({ topic, rights }) => (topic === 'diff' ? [] : topic === 'report' ? 'untold' : rights),
        ofSubscription: async () => {
          throw refusal('CredentialsUnavailable', 'there are none here');
        },
      }),
    );
    expect(statesOf(found)).toMatchObject({
      'bucket gs://family-master (master)': 'ok',
      'bucket gs://family-state (state)': 'failed',
      'topic diff': 'not-asked',
      'topic report': 'ok',
      'topic reconcile': 'ok',
      'subscription dead-letter': 'not-asked',
    });
    expect(found[0]?.message).toBe(
      'is there; you may objects.create, and may not objects.get, objects.list, objects.delete',
    );
  });

  it('are asked for letters only by who is signed in: the library would end the process', async () => {
    const assertSignedIn = async () => Promise.reject(refusal('CredentialsUnavailable', 'none'));
    expect(await lookAtLetters(context(), permissions({ assertSignedIn }))).toMatchObject([{ state: 'not-asked' }]);
  });
});

describe('a Git host', () => {
  it('that takes no push has failed, with its words', async () => {
    const mayPush = async () => Promise.reject(refusal('GitRefused', 'answered 403'));
    const found = await lookAtGit(context(), permissions({ mayPush }));
    expect(statesOf(found)).toMatchObject({ 'git master, read': 'ok', 'git master, push': 'failed' });
    expect(found[1]).toMatchObject({ message: 'there: answered 403', remedy: 'mend it' });
  });
});

describe('a webhook', () => {
  it.each([
    [401, 'ok'],
    [200, 'failed'],
  ])('of the local pipeline is asked where it answers (%i)', async (status, state) => {
    const receiver = await startReceiver();
    receiver.answers = () => ({ status });
    const hooked = context(undefined, 'webhooks: { github: { secretFile: /nowhere/webhook } }');
    const of = async (here: Context) =>
      (await lookAtGit(here, permissions())).filter(({ check }) => check === 'webhook');
    expect(await of({ ...hooked, webhookUrl: receiver.url })).toMatchObject([{ subject: receiver.url, state }]);
    expect(await of(hooked)).toMatchObject([{ state: 'not-asked' }]);
    await receiver.stop();
  });
});

describe('a cluster', () => {
  const own = 'clusters: { sandbox: { gke: projects/p/locations/l/clusters/c } }';
  const apart = 'clusters: { sandbox: { gke: projects/p/locations/l/clusters/c, identity: environment } }';

  it('is asked as the environment, and what it may not do has failed', async () => {
    const asked: unknown[] = [];
    const inCluster: Permissions['inCluster'] = async (of) => {
      asked.push(of);
      return { allowed: false, reason: 'no role' };
    };
    const found = await lookAtClusters(context(apart), permissions({ inCluster }));
    expect(asked).toEqual([
      {
        ...{ repository: 'master', environment: 'shop', cluster: 'sandbox', verb: 'patch' },
        ...{ resource: { group: '', plural: 'configmaps' }, namespace: 'acme', name: 'converge-shop' },
      },
    ]);
    expect(found.map(({ state }) => state)).toEqual(['ok', 'failed']);
    expect(found[1]?.message).toBe('converge:master:shop may not patch configmaps/converge-shop in acme: no role');
  });

  it('is not asked where the answer would be somebody else’s, and says who can', async () => {
    const inCluster = async () =>
      Promise.reject(refusal('ImpersonationRefused', 'Converge may not act as converge:master:shop'));
    const found = await lookAtClusters(context(apart), permissions({ inCluster }));
    expect(found[1]).toMatchObject({
      state: 'not-asked',
      remedy: expect.stringContaining('--as converge:master:shop'),
    });
    const ofAccount = await lookAtClusters(context(own), permissions());
    expect(ofAccount[1]).toMatchObject({
      state: 'not-asked',
      remedy: expect.stringContaining('kubectl auth can-i patch'),
    });
  });

  it('of the local pipeline is asked by its kubeconfig, and says so; its rights are not taken for those of the functions', async () => {
    const here = { ...context(own), kubeconfig: '/local/kubeconfig' };
    expect(reachedFromHere(here).clusters['sandbox']).toEqual({
      ...{ kind: 'kubeconfig', file: '/local/kubeconfig', identity: 'own' },
    });
    expect(reachedFromHere(context(own)).clusters['sandbox']).toMatchObject({ kind: 'gke' });
    const found = await lookAtClusters(here, permissions());
    expect(found.map(({ state }) => state)).toEqual(['ok', 'not-asked']);
    expect(found[0]?.message).toMatch(/^answers as Kubernetes v1\.36\.3, by the kubeconfig of the local pipeline/);
  });

  it('that an environment names and nobody configured has failed', async () => {
    const found = await lookAtClusters(context('clusters: {}'), permissions());
    expect(statesOf(found)).toEqual({ 'cluster sandbox': 'failed' });
  });
});

describe('quotas', () => {
  const quota = (of: Partial<QuotaUse>): QuotaUse => ({
    ...{ service: 'run.googleapis.com', metric: 'run.googleapis.com/cpu_allocation', name: 'CpuAllocPerProjectRegion' },
    ...{ location: 'europe-west3', limit: 100, used: 10, isExceeded: false },
    ...of,
  });
  const look = async (answer: QuotaAnswer, here = context('clusters: {}')) =>
    lookAtQuotas(here, { read: async () => answer });

  it('are well with room, a warning from 80 %, and have failed where they are used up or something was refused', async () => {
    const found = await look({
      answer: 'told',
      quotas: [
        quota({ used: 79 }),
        quota({ service: 'pubsub.googleapis.com', metric: 'pub', used: 80 }),
        quota({ service: 'storage.googleapis.com', metric: 'egress', used: 100 }),
        quota({ service: 'cloudscheduler.googleapis.com', metric: 'jobs', used: 1, isExceeded: true }),
        quota({ service: 'run.googleapis.com', metric: 'gpu', limit: 0, used: 0 }),
      ],
    });
    expect(statesOf(found)).toEqual({
      'quota run.googleapis.com': 'ok',
      'quota pub (CpuAllocPerProjectRegion, europe-west3)': 'warning',
      'quota egress (CpuAllocPerProjectRegion, europe-west3)': 'failed',
      'quota jobs (CpuAllocPerProjectRegion, europe-west3)': 'failed',
      'quota secretmanager.googleapis.com': 'not-asked',
    });
    expect(found[0]?.message).toBe(
      '2 with their use; the most of run.googleapis.com/cpu_allocation (CpuAllocPerProjectRegion, europe-west3): 79 of 100 (79 %)',
    );
  });

  it('of clusters are asked for where there are clusters of GKE', async () => {
    const asked: string[] = [];
    const read = async (services: readonly string[]): Promise<QuotaAnswer> => {
      asked.push(...services);
      return { answer: 'told', quotas: [] };
    };
    await lookAtQuotas(context('clusters: { sandbox: { gke: projects/p/locations/l/clusters/c } }'), { read });
    expect(asked).toContain('container.googleapis.com');
    expect(asked).not.toContain('connectgateway.googleapis.com');
  });

  it('are not asked, and never well, where nobody tells them', async () => {
    expect(await look({ answer: 'refused', status: 403, message: 'denied' })).toMatchObject([
      {
        state: 'not-asked',
        message: expect.stringContaining('403: denied'),
        remedy: expect.stringContaining('roles/monitoring.viewer'),
      },
    ]);
    expect(await look({ answer: 'none', why: 'no answer' })).toMatchObject([{ state: 'not-asked' }]);
    const nobody = { read: async () => Promise.reject(refusal('CredentialsUnavailable', 'there are none here')) };
    expect(await lookAtQuotas(context(), nobody)).toMatchObject([{ state: 'not-asked' }]);
    const local = { ...context(), pubsub: '127.0.0.1:8085' };
    expect(await look({ answer: 'told', quotas: [] }, local)).toMatchObject([{ state: 'not-asked' }]);
  });
});

describe('this machine', () => {
  it('has a file or not: what is mounted in functions alone is nobody’s fault', async () => {
    const more = 'webhooks: { github: { secretFile: /nowhere/webhook } }';
    const away = await lookHere(context(undefined, more));
    expect(statesOf(away)).toMatchObject({ 'secret file /nowhere/webhook': 'not-asked' });
    const local = await lookHere({ ...context(undefined, more), pubsub: '127.0.0.1:8085' });
    expect(statesOf(local)).toMatchObject({
      'secret file /nowhere/webhook': 'failed',
      'secret file /nowhere': 'failed',
    });
  });

  it.each([
    [0, 'ok'],
    [-3600, 'failed'],
    [3600, 'failed'],
  ])('has a clock that is compared with the one of Storage (%i s)', async (seconds, state) => {
    const here = context();
    const date = new Date(here.ports.now().getTime() + seconds * 1000).toUTCString();
    vi.stubGlobal('fetch', async () => new Response(null, { headers: { date } }));
    expect(await lookAtClock(here)).toMatchObject([{ state }]);
    vi.stubGlobal('fetch', async () => Promise.reject(new TypeError('fetch failed')));
    expect(await lookAtClock(here)).toMatchObject([{ state: 'not-asked' }]);
    vi.unstubAllGlobals();
  });

  it('takes no outputs for those of Terraform that are none', async () => {
    await expect(readOutputs('/nowhere.json')).rejects.toMatchObject({ exit: 2, problem: 'cannot be read' });
    await expect(readOutputs(`${import.meta.dirname}/context.ts`)).rejects.toMatchObject({ problem: 'is no JSON' });
  });
});
