import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { alertsOf } from './alerts.ts';
import { stateOf } from './state.ts';
import { objectsOf } from './objects.ts';
import {
  configMap,
  countWrites,
  environmentFile,
  eventually,
  lookUntil,
  startWorldWithMaster,
  type Clone,
  type Files,
  type World,
} from './world.ts';

let world: World;
let master: Clone;
const { uidOf } = objectsOf(() => world);
const { convergedAt, diffAt } = alertsOf(() => world);
const { checked, expireLease, forget } = stateOf(() => world);

beforeAll(async () => {
  ({ world, master } = await startWorldWithMaster());
});
afterAll(async () => {
  await world.stop();
});

type Annotations = Readonly<Record<string, string>>;

const hookOf = (events: string, weight = '0', policy?: string): Annotations => ({
  'helm.sh/hook': events,
  'helm.sh/hook-weight': weight,
  ...(policy === undefined ? {} : { 'helm.sh/hook-delete-policy': policy }),
});

/** A Job that kwok completes at once, unless its pod finds no node. */
function job(
  name: string,
  annotations: Annotations,
  { spec = {}, pod = {} }: { spec?: object; pod?: object } = {},
): string {
  const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'work', image: 'work' }], ...pod } };
  return JSON.stringify(
    { apiVersion: 'batch/v1', kind: 'Job', metadata: { name, annotations }, spec: { template, ...spec } },
    null,
    1,
  );
}
const nowhere = { nodeSelector: { no: 'such-node' } };
/** The Job controller itself gives it up, for its own reason. */
const failing = { spec: { activeDeadlineSeconds: 1 }, pod: nowhere };

function chart(name: string, templates: Files): Files {
  const files = Object.entries(templates).map(
    ([file, content]) => [`charts/${name}/templates/${file}`, content] as const,
  );
  return {
    [`charts/${name}/Chart.yaml`]: `apiVersion: v2\nname: ${name}\nversion: 1.0.0\n`,
    ...Object.fromEntries(files),
  };
}

function environment(name: string, spec: Record<string, unknown> = {}): Files {
  return {
    [`environments/${name}.yaml`]: environmentFile(name, {
      sources: [{ helm: { chart: `charts/${name}`, release: name } }],
      ...spec,
    }),
  };
}

async function deploy(name: string, templates: Files, spec: Record<string, unknown> = {}): Promise<string> {
  const commit = await master.push({ ...environment(name, spec), ...chart(name, templates) });
  await convergedAt(name, commit);
  return commit;
}

/**
 * The resource version at which it was written last: one counter for the whole cluster, so that versions tell an order.
 */
async function versionOf(kind: string, name: string, namespace: string): Promise<number> {
  return Number((await world.find(kind, name, namespace))?.metadata.resourceVersion);
}

async function parentRecord(name: string): Promise<unknown> {
  const text = (await world.find('configmap', `converge-${name}`, name))?.metadata.annotations?.['converge.dev/hooks'];
  return text === undefined ? undefined : (JSON.parse(text) as unknown);
}

describe('the hooks of a chart', () => {
  it('run around the install in the order of their weights, each to its end, and are no members of the inventory', async () => {
    await deploy('ordered', {
      'a.yaml': job('a-last', hookOf('pre-install', '5')),
      'b.yaml': configMap('b-settings', {}, { annotations: hookOf('pre-install', '-5') }),
      'c.yaml': job('c-middle', hookOf('pre-install', '0')),
      'd.yaml': configMap('web', {}),
      'e.yaml': configMap('e-after', {}, { annotations: hookOf('post-install') }),
      'f.yaml': configMap('f-upgrade', {}, { annotations: hookOf('pre-upgrade,post-upgrade') }),
    });
    const versions = [
      await versionOf('configmap', 'b-settings', 'ordered'),
      await versionOf('job', 'c-middle', 'ordered'),
      await versionOf('job', 'a-last', 'ordered'),
      await versionOf('configmap', 'web', 'ordered'),
      await versionOf('configmap', 'e-after', 'ordered'),
    ];
    expect(versions).toEqual(versions.toSorted((a, b) => a - b));
    expect(await world.find('configmap', 'f-upgrade', 'ordered')).toBeUndefined();
    const hook = await world.find('job', 'c-middle', 'ordered');
    const parent = await world.find('configmap', 'converge-ordered', 'ordered');
    expect(hook?.metadata.labels).toMatchObject({
      'converge.dev/hook-of': parent?.metadata.labels?.['applyset.kubernetes.io/id'],
    });
    expect(hook?.metadata.labels).not.toHaveProperty('applyset.kubernetes.io/part-of');
    expect(hook?.metadata.annotations).toMatchObject({ 'converge.dev/environment': 'master/ordered' });
    expect(parent?.metadata.annotations).toMatchObject({ 'applyset.kubernetes.io/contains-group-kinds': 'ConfigMap' });
  });

  it('run after the install as the first consumers of what is not there before them', async () => {
    const storage = {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: 'first-consumer' },
      provisioner: 'example.com/disk',
      volumeBindingMode: 'WaitForFirstConsumer',
    };
    const claim = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'data' },
      spec: {
        storageClassName: 'first-consumer',
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: '1Gi' } },
      },
    };
    const ingress = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: { name: 'web' },
      spec: { defaultBackend: { service: { name: 'web', port: { number: 80 } } } },
    };
    const templates = {
      'a.yaml': JSON.stringify(storage),
      'b.yaml': JSON.stringify(claim),
      'c.yaml': JSON.stringify(ingress),
      'd.yaml': job('fill', hookOf('post-install')),
    };
    await deploy('consumed', templates);
    expect(await uidOf('job', 'fill', 'consumed')).toBeDefined();
  });

  it('run once for what a release is rendered from: not in a check, not in a healing run, and again with the next change', async () => {
    const files = {
      'hook.yaml': job('migrate', hookOf('pre-install,pre-upgrade')),
      'after.yaml': job('announce', hookOf('post-install,post-upgrade')),
      'web.yaml': configMap('web', { v: '1' }),
    };
    const first = await deploy('once', files);
    const before = { migrate: await uidOf('job', 'migrate', 'once'), announce: await uidOf('job', 'announce', 'once') };
    expect(before.migrate).toBeDefined();
    await checked('once');
    await world.kubectl(
      'patch',
      'configmap',
      'web',
      '--namespace',
      'once',
      '--type',
      'merge',
      '--patch',
      '{"data":{"v":"drifted"}}',
    );
    await checked('once');
    await eventually(
      'the drift is healed',
      async () => (await world.find('configmap', 'web', 'once'))?.data?.['v'] === '1',
    );
    await eventually('its end is told', () =>
      world.converged.find(
        (alert) => alert.environment === 'once' && alert.incident !== null && alert.revision.endsWith(first),
      ),
    );
    await forget('once');
    await checked('once');
    const timeout = await master.push(environment('once', { timeout: '40s' }));
    await convergedAt('once', timeout);
    expect({
      migrate: await uidOf('job', 'migrate', 'once'),
      announce: await uidOf('job', 'announce', 'once'),
    }).toEqual(before);
    await convergedAt('once', await master.push(chart('once', { ...files, 'web.yaml': configMap('web', { v: '2' }) })));
    expect(await uidOf('job', 'migrate', 'once')).not.toBe(before.migrate);
    expect(await uidOf('job', 'announce', 'once')).not.toBe(before.announce);
  });

  it('do not run again where somebody deleted the parent that records them, which is written again', async () => {
    await deploy('orphaned', {
      'hook.yaml': job('migrate', hookOf('pre-install,pre-upgrade')),
      'web.yaml': configMap('web', {}),
    });
    const before = await uidOf('job', 'migrate', 'orphaned');
    const record = await parentRecord('orphaned');
    await world.kubectl('delete', 'configmap', 'converge-orphaned', '--namespace', 'orphaned');
    await world.checkDrift();
    await eventually('the parent is there again', async () => (await parentRecord('orphaned')) !== undefined);
    expect(await parentRecord('orphaned')).toEqual(record);
    expect(await uidOf('job', 'migrate', 'orphaned')).toBe(before);
  });

  it('of a release that is new to an environment are those of an install, and the others stay as they are', async () => {
    const neighbour = chart('neighbour', {
      'hook.yaml': job('greet', hookOf('pre-install')),
      'a.yaml': configMap('neighbour', {}),
    });
    await deploy('street', {
      'hook.yaml': job('migrate', hookOf('pre-install,pre-upgrade')),
      'a.yaml': configMap('a', {}),
    });
    const before = await uidOf('job', 'migrate', 'street');
    const sources = ['street', 'neighbour'].map((name) => ({ helm: { chart: `charts/${name}`, release: name } }));
    await convergedAt('street', await master.push({ ...neighbour, ...environment('street', { sources }) }));
    expect(await world.find('job', 'greet', 'street')).toBeDefined();
    expect(await uidOf('job', 'migrate', 'street')).toBe(before);
  });

  it('of a subchart run as those of its parent', async () => {
    const commit = await master.push({
      ...environment('nested'),
      ...chart('nested', { 'web.yaml': configMap('web', {}), 'hook.yaml': job('outer', hookOf('pre-install', '1')) }),
      'charts/nested/charts/database/Chart.yaml': 'apiVersion: v2\nname: database\nversion: 1.0.0\n',
      'charts/nested/charts/database/templates/hook.yaml': job('inner', hookOf('pre-install', '0')),
    });
    await convergedAt('nested', commit);
    expect(await versionOf('job', 'inner', 'nested')).toBeLessThan(await versionOf('job', 'outer', 'nested'));
  });

  it('may use the definitions and namespaces of their chart', async () => {
    const commit = await master.push({
      ...environment('defined'),
      ...chart('defined', {
        'namespace.yaml': 'apiVersion: v1\nkind: Namespace\nmetadata: { name: defined-jobs }\n',
        'hook.yaml':
          'apiVersion: hooks.example/v1\nkind: Ticket\nmetadata:\n  name: first\n  namespace: defined-jobs\n  annotations: { helm.sh/hook: pre-install }\n',
        'web.yaml': configMap('web', {}),
      }),
      'charts/defined/crds/tickets.yaml':
        'apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: { name: tickets.hooks.example }\nspec:\n  group: hooks.example\n  scope: Namespaced\n  names: { kind: Ticket, plural: tickets }\n  versions: [{ name: v1, served: true, storage: true, schema: { openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true } } }]\n',
    });
    await convergedAt('defined', commit);
    expect(await world.find('ticket', 'first', 'defined-jobs')).toBeDefined();
  });

  it('that nothing here runs are not applied, and one whose Job goes at once is not missed', async () => {
    await deploy('resting', {
      'delete.yaml': job('wipe', hookOf('pre-delete,post-delete')),
      'rollback.yaml': job('back', hookOf('pre-rollback,post-rollback')),
      'test.yaml': job('try', hookOf('test')),
      'brief.yaml': job('brief', hookOf('pre-install'), { spec: { ttlSecondsAfterFinished: 0 } }),
      'web.yaml': configMap('web', {}),
    });
    for (const name of ['wipe', 'back', 'try']) expect(await world.find('job', name, 'resting')).toBeUndefined();
    await eventually('the Job is gone', async () => (await world.find('job', 'brief', 'resting')) === undefined);
  });

  it.each([
    ['crd-install', hookOf('crd-install'), 'helm.sh/hook names an event that Helm does not know'],
    ['unheard-of', hookOf('pre-instal'), 'helm.sh/hook names an event that Helm does not know'],
    ['weightless', hookOf('pre-install', 'heavy'), 'helm.sh/hook-weight is no whole number'],
    [
      'lawless',
      hookOf('pre-install', '0', 'never'),
      'helm.sh/hook-delete-policy names a policy that Helm does not know',
    ],
  ])('that say what Helm does not know are refused: %s', async (name, annotations, words) => {
    const commit = await master.push({
      ...environment(name),
      ...chart(name, { 'hook.yaml': configMap('hook', {}, { annotations }), 'web.yaml': configMap('web', {}) }),
    });
    const diff = await diffAt(name, commit);
    expect(diff.reason).toBe('Failed');
    expect(diff.summary).toContain(`charts/${name}/templates/hook.yaml`);
    expect(diff.summary).toContain(words);
    expect(await world.find('configmap', 'web', name)).toBeUndefined();
    await master.push({ [`environments/${name}.yaml`]: undefined });
  });
});

describe('a hook that fails', () => {
  it('fails the run by name, keeps everything after it from being applied, and runs again with the next attempt', async () => {
    const bad = {
      'a.yaml': job('good', hookOf('pre-install', '-1')),
      'b.yaml': job('bad', hookOf('pre-install'), failing),
      'c.yaml': job('late', hookOf('pre-install', '1')),
      'web.yaml': configMap('web', {}),
    };
    const commit = await master.push({ ...environment('failing'), ...chart('failing', bad) });
    const diff = await diffAt('failing', commit);
    expect(diff).toMatchObject({
      reason: 'Failed',
      action: 'none',
      objects: [{ kind: 'Job', namespace: 'failing', name: 'bad', change: 'failed' }],
    });
    expect(diff.summary).toContain('the Helm hook pre-install of release failing failed: DeadlineExceeded');
    expect(await world.find('job', 'late', 'failing')).toBeUndefined();
    expect(await world.find('configmap', 'web', 'failing')).toBeUndefined();
    const [good, first] = [await uidOf('job', 'good', 'failing'), await uidOf('job', 'bad', 'failing')];
    await world.checkDrift();
    await eventually('it runs again', async () => {
      const again = await uidOf('job', 'bad', 'failing');
      return again !== undefined && again !== first;
    });
    expect(await uidOf('job', 'good', 'failing')).toBe(good);
    const mended = await master.push(chart('failing', { ...bad, 'b.yaml': job('bad', hookOf('pre-install')) }));
    await convergedAt('failing', mended);
    expect(await world.find('job', 'late', 'failing')).toBeDefined();
    expect(await world.find('configmap', 'web', 'failing')).toBeDefined();
  });

  it('after the objects fails the run, and leaves them', async () => {
    const templates = {
      'a.yaml': job('bad', hookOf('post-install'), failing),
      'b.yaml': job('pre', hookOf('pre-install')),
      'web.yaml': configMap('web', {}),
    };
    const commit = await master.push({ ...environment('late'), ...chart('late', templates) });
    expect((await diffAt('late', commit)).summary).toContain('the Helm hook post-install of release late failed');
    expect(await world.find('configmap', 'web', 'late')).toBeDefined();
    const pre = await uidOf('job', 'pre', 'late');
    await checked('late');
    expect(await uidOf('job', 'pre', 'late')).toBe(pre);
    await convergedAt(
      'late',
      await master.push(chart('late', { ...templates, 'a.yaml': job('bad', hookOf('post-install')) })),
    );
  });

  it('as it does not end within the timeout, says so', async () => {
    const commit = await master.push({
      ...environment('slow', { timeout: '3s' }),
      ...chart('slow', {
        'a.yaml': job('stuck', hookOf('pre-install'), { pod: nowhere }),
        'web.yaml': configMap('web', {}),
      }),
    });
    expect((await diffAt('slow', commit)).summary).toContain("it has not ended within the environment's timeout");
    await convergedAt(
      'slow',
      await master.push(
        chart('slow', { 'a.yaml': job('stuck', hookOf('pre-install')), 'web.yaml': configMap('web', {}) }),
      ),
    );
  });

  it('as the API server refuses it, says so in its words', async () => {
    const commit = await master.push({
      ...environment('invalid'),
      ...chart('invalid', {
        'a.yaml': job('bad', hookOf('pre-install'), { spec: { backoffLimit: -1 } }),
        'web.yaml': configMap('web', {}),
      }),
    });
    expect((await diffAt('invalid', commit)).summary).toContain('must be greater than or equal to 0');
    await convergedAt('invalid', await master.push(chart('invalid', { 'a.yaml': job('bad', hookOf('pre-install')) })));
  });

  it('as a Pod that ends badly, says so', async () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'probe', annotations: hookOf('pre-install') },
      spec: { restartPolicy: 'Never', ...nowhere, containers: [{ name: 'probe', image: 'probe' }] },
    };
    const commit = await master.push({
      ...environment('podded'),
      ...chart('podded', { 'a.yaml': JSON.stringify(pod, null, 1), 'web.yaml': configMap('web', {}) }),
    });
    await eventually('the pod is there', async () => world.find('pod', 'probe', 'podded'));
    const status = { status: { phase: 'Failed', message: 'no tariff for this customer' } };
    await world.kubectl(
      'patch',
      'pod',
      'probe',
      '--namespace',
      'podded',
      '--subresource',
      'status',
      '--type',
      'merge',
      '--patch',
      JSON.stringify(status),
    );
    expect((await diffAt('podded', commit)).summary).toContain('no tariff for this customer');
    const succeeding = { ...pod, spec: { restartPolicy: 'Never', containers: pod.spec.containers } };
    const mended = await master.push(
      chart('podded', {
        'a.yaml': JSON.stringify({ ...succeeding, apiVersion: 'v1' }, null, 1),
        'web.yaml': configMap('web', {}),
      }),
    );
    await eventually(
      'the second pod is there',
      async () => (await world.find('pod', 'probe', 'podded'))?.spec['nodeSelector'] === undefined,
    );
    await world.kubectl(
      'patch',
      'pod',
      'probe',
      '--namespace',
      'podded',
      '--subresource',
      'status',
      '--type',
      'merge',
      '--patch',
      '{"status":{"phase":"Succeeded"}}',
    );
    await convergedAt('podded', mended);
  });
});

describe('the delete policy of a hook', () => {
  const policies = {
    'a.yaml': configMap('account', {}, { annotations: hookOf('pre-install,pre-upgrade', '-1', 'hook-succeeded') }),
    'b.yaml': job('succeeded', hookOf('pre-install,pre-upgrade', '0', 'before-hook-creation,hook-succeeded')),
    'c.yaml': job('kept', hookOf('pre-install,pre-upgrade', '0', 'hook-failed')),
    'web.yaml': configMap('web', {}),
  };

  it('hook-succeeded deletes it when all of the event have succeeded', async () => {
    await deploy('cleaned', policies);
    expect(await world.find('configmap', 'account', 'cleaned')).toBeUndefined();
    expect(await world.find('job', 'succeeded', 'cleaned')).toBeUndefined();
    expect(await world.find('job', 'kept', 'cleaned')).toBeDefined();
    const writes = await countWrites(world, ['jobs']);
    await checked('cleaned');
    expect(await countWrites(world, ['jobs'])).toBe(writes);
  });

  it('hook-failed deletes it when it has failed, and what succeeded before it goes by its own', async () => {
    const bad = job('bad', hookOf('pre-install', '1', 'hook-failed'), failing);
    const commit = await master.push({ ...environment('swept'), ...chart('swept', { ...policies, 'd.yaml': bad }) });
    expect((await diffAt('swept', commit)).summary).toContain('bad');
    for (const [kind, name] of [
      ['job', 'bad'],
      ['job', 'succeeded'],
      ['configmap', 'account'],
    ] as const)
      await eventually(`${name} is gone`, async () => (await world.find(kind, name, 'swept')) === undefined);
    expect(await world.find('job', 'kept', 'swept')).toBeDefined();
    await convergedAt(
      'swept',
      await master.push(
        chart('swept', { ...policies, 'd.yaml': job('bad', hookOf('pre-install', '1', 'hook-failed')) }),
      ),
    );
  });

  it('before-hook-creation, which is the usual one, makes room for the next run, but not where somebody else made what is there', async () => {
    await world.apply(JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'roomy' } }));
    await world.kubectl('create', 'job', 'migrate', '--image', 'by-hand', '--namespace', 'roomy');
    const byHand = await uidOf('job', 'migrate', 'roomy');
    const templates = { 'a.yaml': job('migrate', hookOf('pre-install,pre-upgrade')), 'web.yaml': configMap('web', {}) };
    const commit = await master.push({ ...environment('roomy'), ...chart('roomy', templates) });
    expect((await diffAt('roomy', commit)).summary).toContain(
      "was not made by this release's hooks (kubectl-create made it), and is not deleted",
    );
    expect(await uidOf('job', 'migrate', 'roomy')).toBe(byHand);
    await world.kubectl('delete', 'job', 'migrate', '--namespace', 'roomy');
    await world.checkDrift();
    await convergedAt('roomy', commit);
    const installed = await uidOf('job', 'migrate', 'roomy');
    await convergedAt('roomy', await master.push(chart('roomy', { 'web.yaml': configMap('web', { v: '2' }) })));
    expect(await uidOf('job', 'migrate', 'roomy')).not.toBe(installed);
  });

  it('deletes nothing that is of another environment', async () => {
    const shared = configMap('a', { of: 'owner' }, { namespace: 'landlord' });
    await deploy('landlord', { 'a.yaml': shared });
    const commit = await master.push({
      ...environment('squatter'),
      ...chart('squatter', {
        'a.yaml': configMap('a', { of: 'thief' }, { namespace: 'landlord', annotations: hookOf('pre-install') }),
        'web.yaml': configMap('web', {}),
      }),
    });
    expect((await diffAt('squatter', commit)).summary).toContain('owned by environment master/landlord');
    expect((await world.find('configmap', 'a', 'landlord'))?.data).toEqual({ of: 'owner' });
  });
});

describe('helm.sh/resource-policy: keep', () => {
  it('keeps an object that a chart no longer renders', async () => {
    const keep = configMap('kept', {}, { annotations: { 'helm.sh/resource-policy': 'keep' } });
    await deploy('keeping', {
      'kept.yaml': keep,
      'goes.yaml': configMap('goes', {}),
      'web.yaml': configMap('web', {}),
    });
    const commit = await master.push(chart('keeping', { 'kept.yaml': undefined, 'goes.yaml': undefined }));
    expect((await convergedAt('keeping', commit)).changes).toMatchObject({ pruned: 1, unchanged: 1 });
    expect(await world.find('configmap', 'goes', 'keeping')).toBeUndefined();
    expect(await world.find('configmap', 'kept', 'keeping')).toBeDefined();
  });
});

describe('a run that is killed between two hooks', () => {
  it('is finished by the next one, which runs no hook twice', async () => {
    const wait = { pod: { nodeSelector: { gate: 'open' } } };
    const templates = {
      'a.yaml': job('through', hookOf('pre-install', '0')),
      'b.yaml': job('under-way', hookOf('pre-install', '1'), wait),
      'c.yaml': job('to-come', hookOf('pre-install', '2')),
      'web.yaml': configMap('web', {}),
    };
    const commit = await master.push({ ...environment('killed', { timeout: '30s' }), ...chart('killed', templates) });
    await eventually('the second hook runs', async () => world.find('job', 'under-way', 'killed'));
    const before = {
      through: await uidOf('job', 'through', 'killed'),
      underWay: await uidOf('job', 'under-way', 'killed'),
    };
    await world.pipeline.killFunctions();
    expect(await parentRecord('killed')).toMatchObject({
      killed: { attempt: { completed: ['pre-install batch/Job/killed/through'] } },
    });
    await world.kubectl('label', 'nodes', '--all', 'gate=open');
    await expireLease('killed');
    await lookUntil(world, 'the run was finished', () =>
      world.converged.find((alert) => alert.environment === 'killed' && alert.revision.endsWith(commit)),
    );
    expect({
      through: await uidOf('job', 'through', 'killed'),
      underWay: await uidOf('job', 'under-way', 'killed'),
    }).toEqual(before);
    expect(await world.find('job', 'to-come', 'killed')).toBeDefined();
    expect(await parentRecord('killed')).toEqual({ killed: { converged: expect.any(String) } });
  });
});
