import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startFaultyProxy, type Fault, type FaultyProxy, type ProxiedRequest } from './faulty-proxy.ts';
import { alertsOf } from './alerts.ts';
import { objectsOf } from './objects.ts';
import {
  configMap,
  deployment,
  environmentFile,
  eventually,
  lookUntil,
  startWorld,
  type Clone,
  type Files,
  type World,
} from './world.ts';

let world: World;
let master: Clone;
let proxy: FaultyProxy;
const { uidOf } = objectsOf(() => world);
const { convergedAt, diffAt } = alertsOf(() => world);

beforeAll(async () => {
  world = await startWorld({ cluster: 'kubeconfig' });
  proxy = await startFaultyProxy(world.pipeline.kubernetes);
  master = await world.clone();
  await master.push({ 'README.md': 'Family Insurance' });
});
afterEach(() => {
  proxy.mend();
});
afterAll(async () => {
  await world.stop();
  await proxy.stop();
});

/** Commits manifests of an environment; keys are file names. */
async function commit(name: string, manifests: Files, spec: Record<string, unknown> = {}): Promise<string> {
  const files = Object.fromEntries(
    Object.entries(manifests).map(([file, text]) => [`manifests/${name}/${file}.yaml`, text]),
  );
  return master.push(
    { [`environments/${name}.yaml`]: environmentFile(name, spec), ...files },
    `Change ${name} ${Object.keys(spec).join(' ')}`,
  );
}

const job = (image: string, annotations: Record<string, string> = {}): string =>
  JSON.stringify({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'import', annotations },
    spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'import', image }] } } },
  });

const definition = (spec: Record<string, unknown>): string =>
  JSON.stringify({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${String(spec['plural'])}.errors.example` },
    spec: {
      group: 'errors.example',
      scope: 'Namespaced',
      names: {
        kind: spec['kind'],
        plural: spec['plural'],
        ...(spec['shortNames'] === undefined ? {} : { shortNames: spec['shortNames'] }),
      },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: spec['schema'] ?? { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
          },
        },
      ],
    },
  });

describe('a field that cannot change', () => {
  it('is told as needing replacement, with the words of the API server, and the object stays as it is', async () => {
    await convergedAt('fixed', await commit('fixed', { job: job('import:1') }));
    const uid = await uidOf('job', 'import', 'fixed');
    const diff = await diffAt('fixed', await commit('fixed', { job: job('import:2'), other: configMap('other', {}) }));
    expect(diff).toMatchObject({
      reason: 'Failed',
      action: 'none',
      objects: [{ kind: 'Job', name: 'import', change: 'failed' }],
    });
    expect(diff.objects[0]?.message).toMatch(/^needs replacement: .*field is immutable/);
    expect(await uidOf('job', 'import', 'fixed')).toBe(uid);
    expect(await world.find('configmap', 'other', 'fixed')).toBeDefined();
  });

  it.each([
    ['the object says so', { 'converge.dev/replace': 'true' }, {}],
    ['the environment says so', {}, { replace: true }],
  ])('has the object made anew where %s', async (how, annotations, spec) => {
    const name = `anew-${how.split(' ')[1] ?? ''}`;
    await convergedAt(name, await commit(name, { job: job('import:1', annotations) }, spec));
    const uid = await uidOf('job', 'import', name);
    const { changes } = await convergedAt(name, await commit(name, { job: job('import:2', annotations) }, spec));
    expect(changes).toEqual({ created: 0, configured: 1, unchanged: 0, pruned: 0 });
    expect(await uidOf('job', 'import', name)).not.toBe(uid);
    expect(JSON.stringify((await world.find('job', 'import', name))?.spec)).toContain('import:2');
    expect(world.diffs.filter((diff) => diff.environment === name)).toEqual([]);
  });

  it('is recognised where a quota lets no other be made, told in few words, and the object made anew', async () => {
    const quota =
      'apiVersion: v1\nkind: ResourceQuota\nmetadata: { name: one }\nspec: { hard: { count/jobs.batch: "1" } }\n';
    await convergedAt('full', await commit('full', { quota, job: job('import:1') }));
    await eventually('the quota is counted', async () =>
      (
        await world.kubectl('get', 'quota', 'one', '--namespace', 'full', '--output', 'jsonpath={.status.used}')
      ).includes('"1"'),
    );
    const uid = await uidOf('job', 'import', 'full');
    const diff = await diffAt('full', await commit('full', { job: job('import:2') }));
    expect(diff.objects[0]?.message).toBe(
      'needs replacement: Job.batch "import" is invalid: spec.template: Invalid value: …: field is immutable (the annotation converge.dev/replace: "true" allows it)',
    );
    expect(await uidOf('job', 'import', 'full')).toBe(uid);
    await convergedAt('full', await commit('full', { job: job('import:2', { 'converge.dev/replace': 'true' }) }));
    expect(await uidOf('job', 'import', 'full')).not.toBe(uid);
  });

  it.each([
    ['names', "!object.metadata.name.startsWith('r-')", 'anew'],
    ['what is in it', "object.spec.template.spec.containers.all(c, c.image != 'import:2')", 'kept'],
  ])('is made anew where a policy on %s would have it made: %s', async (about, expression, becomes) => {
    const name = `policy-${becomes}`;
    const metadata = { name: `${name}.errors.example` };
    const api = 'admissionregistration.k8s.io/v1';
    const matchConstraints = {
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } },
      resourceRules: [{ apiGroups: ['batch'], apiVersions: ['v1'], resources: ['jobs'], operations: ['CREATE'] }],
    };
    await world.apply(
      JSON.stringify({
        apiVersion: api,
        kind: 'ValidatingAdmissionPolicy',
        metadata,
        spec: { failurePolicy: 'Fail', matchConstraints, validations: [{ expression, message: `no such ${about}` }] },
      }),
    );
    await world.apply(
      JSON.stringify({
        apiVersion: api,
        kind: 'ValidatingAdmissionPolicyBinding',
        metadata,
        spec: { policyName: metadata.name, validationActions: ['Deny'] },
      }),
    );
    const anew = { 'converge.dev/replace': 'true' };
    await convergedAt(name, await commit(name, { job: job('import:1', anew) }));
    const denied = JSON.stringify({
      ...(JSON.parse(job('import:2')) as object),
      metadata: { name: 'r-other', namespace: name },
    });
    await eventually('the policy is in force', async () =>
      world.pipeline.kubernetes.kubectl(['create', '--dry-run=server', '--filename', '-'], denied).then(
        () => false,
        (error: unknown) => String(error).includes(`no such ${about}`),
      ),
    );
    const uid = await uidOf('job', 'import', name);
    const at = await commit(name, { job: job('import:2', anew) });
    if (becomes === 'anew') {
      await convergedAt(name, at);
      expect(await uidOf('job', 'import', name)).not.toBe(uid);
    } else {
      expect((await diffAt(name, at)).objects[0]?.message).toContain(`no such ${about}`);
      expect(await uidOf('job', 'import', name)).toBe(uid);
    }
  });

  it('of a definition has it made anew where it says so itself, and its custom resources with it', async () => {
    const scoped = (scope: string, annotations: Record<string, string> = {}): string => {
      const { metadata, spec, ...rest } = JSON.parse(definition({ kind: 'Scope', plural: 'scopes' })) as {
        metadata: object;
        spec: object;
      };
      return JSON.stringify({ ...rest, metadata: { ...metadata, annotations }, spec: { ...spec, scope } });
    };
    const custom = 'apiVersion: errors.example/v1\nkind: Scope\nmetadata: { name: wide }\n';
    await convergedAt('scopes', await commit('scopes', { definition: scoped('Cluster'), custom }));
    const uid = await uidOf('crd', 'scopes.errors.example', 'scopes');
    const diff = await diffAt(
      'scopes',
      await commit('scopes', { definition: scoped('Namespaced') }, { replace: true }),
    );
    expect(diff.objects).toContainEqual(
      expect.objectContaining({
        kind: 'CustomResourceDefinition',
        message: expect.stringMatching(
          /^needs replacement: .*spec.scope: Invalid value: .*every custom resource of it goes, too\)$/,
        ),
      }),
    );
    expect(await uidOf('crd', 'scopes.errors.example', 'scopes')).toBe(uid);
    await convergedAt(
      'scopes',
      await commit('scopes', { definition: scoped('Namespaced', { 'converge.dev/replace': 'true' }) }),
    );
    expect(await uidOf('crd', 'scopes.errors.example', 'scopes')).not.toBe(uid);
    expect(await world.find('scopes.errors.example', 'wide', 'scopes')).toBeDefined();
    // The custom resource as Git has it anew, though Git did not change it.
    await convergedAt(
      'scopes',
      await commit('scopes', { definition: scoped('Cluster', { 'converge.dev/replace': 'true' }), custom }),
    );
    expect(await world.find('scopes.errors.example', 'wide')).toBeDefined();
  });

  it('never has a claim made anew by its environment alone: its data would go', async () => {
    const claim = (storage: string, className: string): string =>
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: 'data' },
        spec: { accessModes: ['ReadWriteOnce'], storageClassName: className, resources: { requests: { storage } } },
      });
    await commit('claims', { claim: claim('1Gi', 'slow') }, { replace: true, timeout: '1s' });
    const uid = await eventually('the claim is there', () => uidOf('pvc', 'data', 'claims'));
    const diff = await diffAt('claims', await commit('claims', { claim: claim('1Gi', 'fast') }, { replace: true }));
    expect(diff.objects[0]?.message).toMatch(/^needs replacement: /);
    expect(await uidOf('pvc', 'data', 'claims')).toBe(uid);
  });
});

describe('every error is told at once, and independent objects are applied', () => {
  const tariff = 'apiVersion: errors.example/v1\nkind: Tariff\nmetadata: { name: basic }\n';
  const mounting = JSON.parse(
    deployment('mounting', 'shop:1', { volumes: [{ name: 'v', configMap: { name: 'wrong' } }] }),
  ) as Record<string, unknown>;

  it('with the words of the API server for each, and what needs a failed one is blocked by name', async () => {
    const at = await commit('many', {
      fine: configMap('fine', {}),
      invalid: 'apiVersion: v1\nkind: Service\nmetadata: { name: invalid }\nspec: { ports: [{ port: 99999 }] }\n',
      wrong: 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: wrong }\ndata: { number: 1 }\n',
      mounting: JSON.stringify(mounting),
      optional: deployment('optional', 'shop:1', {
        volumes: [{ name: 'v', configMap: { name: 'wrong', optional: true } }],
      }),
      definition: definition({ kind: 'Tariff', plural: 'tariffs', schema: { type: 'nonsense' } }),
      tariff,
      namespace: 'apiVersion: v1\nkind: Namespace\nmetadata: { name: many-more, labels: { "not a label": "x" } }\n',
      inside: configMap('inside', {}, { namespace: 'many-more' }),
      unknown: 'apiVersion: nowhere.example/v1\nkind: Thing\nmetadata: { name: unknown }\n',
    });
    const diff = await diffAt('many', at);
    const messages = Object.fromEntries(diff.objects.map(({ kind, name, message }) => [`${kind} ${name}`, message]));
    expect(messages).toEqual({
      'ConfigMap inside': 'Blocked: needs Namespace many-more, which failed',
      'ConfigMap wrong': expect.stringContaining('failed to create typed patch object'),
      'CustomResourceDefinition tariffs.errors.example': expect.stringContaining('Unsupported value: "nonsense"'),
      'Deployment mounting': 'Blocked: needs ConfigMap many/wrong, which failed',
      'Namespace many-more': expect.stringContaining('not a label'),
      'Service invalid': expect.stringContaining('must be between 1 and 65535'),
      'Tariff basic': 'Blocked: needs CustomResourceDefinition tariffs.errors.example, which failed',
      'Thing unknown': expect.stringContaining('does not serve Thing'),
    });
    expect(await world.find('configmap', 'fine', 'many')).toBeDefined();
    expect(await world.find('deployment', 'optional', 'many')).toBeDefined();
    expect(await world.find('deployment', 'mounting', 'many')).toBeUndefined();
    // Text that stays wrong is not sent again.
    expect(sent('PATCH', '/configmaps/wrong')).toHaveLength(1);

    const mended = await commit('many', {
      invalid: undefined,
      wrong: configMap('wrong', { number: '1' }),
      definition: definition({ kind: 'Tariff', plural: 'tariffs' }),
      namespace: 'apiVersion: v1\nkind: Namespace\nmetadata: { name: many-more }\n',
      unknown: undefined,
    });
    expect((await convergedAt('many', mended)).incident).toBe(diff.incident);
    expect(await world.find('tariffs.errors.example', 'basic', 'many')).toBeDefined();
  });

  it('and a definition that is never established blocks its objects, without waiting for the timeout', async () => {
    await convergedAt(
      'first-names',
      await commit('first-names', {
        definition: definition({ kind: 'Policy', plural: 'policies', shortNames: ['pol'] }),
      }),
    );
    const at = await commit(
      'second-names',
      {
        definition: definition({ kind: 'Pollen', plural: 'pollen', shortNames: ['pol'] }),
        pollen: 'apiVersion: errors.example/v1\nkind: Pollen\nmetadata: { name: birch }\n',
        fine: configMap('fine', {}),
      },
      { timeout: '5m' },
    );
    const diff = await diffAt('second-names', at);
    expect(diff.objects.map(({ kind, message }) => [kind, message])).toEqual([
      [
        'Pollen',
        expect.stringMatching(
          /^Blocked: needs CustomResourceDefinition pollen\.errors\.example, which cannot be used yet: "pol" is already in use/,
        ),
      ],
    ]);
    expect(await world.find('configmap', 'fine', 'second-names')).toBeDefined();
  });
});

/** The requests of Converge so far that go to a path. */
function sent(method: string, part: string): readonly ProxiedRequest[] {
  return proxy.requests.filter(
    (request) => request.method === method && request.path.includes(part) && !request.path.includes('dryRun'),
  );
}

const isApply = ({ method, path }: ProxiedRequest, name: string): boolean =>
  method === 'PATCH' && path.includes(`/${name}?`) && !path.includes('dryRun');
const status = (code: number, reason: string): Fault => ({
  fault: 'answer',
  status: code,
  headers: { 'content-type': 'application/json', ...(code === 429 ? { 'retry-after': '1' } : {}) },
  body: JSON.stringify({
    kind: 'Status',
    apiVersion: 'v1',
    status: 'Failure',
    code,
    reason,
    message: `made up: ${code}`,
  }),
});

/** The first so many requests that match fail. */
function firstFail(count: number, matches: (request: ProxiedRequest) => boolean, fault: Fault): void {
  let left = count;
  proxy.fail((request) => (matches(request) && left-- > 0 ? fault : { fault: 'none' }));
}

describe('an object that somebody else changes meanwhile', () => {
  it('is looked at again, and applied to what it then is', async () => {
    await convergedAt('raced', await commit('raced', { a: configMap('raced', { v: '1' }) }));
    let changed = false;
    proxy.fail(async (request) => {
      if (isApply(request, 'raced') && !changed) {
        changed = true;
        await world.kubectl('annotate', 'configmap', 'raced', 'note=mine', '--namespace', 'raced');
      }
      return { fault: 'none' };
    });
    const before = sent('PATCH', '/configmaps/raced?').length;
    await convergedAt('raced', await commit('raced', { a: configMap('raced', { v: '2' }) }));
    expect(sent('PATCH', '/configmaps/raced?').length - before).toBe(2);
    expect(await world.find('configmap', 'raced', 'raced')).toMatchObject({
      data: { v: '2' },
      metadata: { annotations: { note: 'mine' } },
    });
  });

  it('and one that was deleted meanwhile is created by a write of its own, not by the stale one', async () => {
    await convergedAt('vanished', await commit('vanished', { a: configMap('vanished', { v: '1' }) }));
    let deleted = false;
    proxy.fail(async (request) => {
      if (isApply(request, 'vanished') && !deleted) {
        deleted = true;
        await world.kubectl('delete', 'configmap', 'vanished', '--namespace', 'vanished');
      }
      return { fault: 'none' };
    });
    const { changes } = await convergedAt(
      'vanished',
      await commit('vanished', { a: configMap('vanished', { v: '2' }) }),
    );
    expect(changes).toEqual({ created: 1, configured: 0, unchanged: 0, pruned: 0 });
  });

  it('and one that another environment made meanwhile is not taken from it: a create writes over nothing', async () => {
    await convergedAt('outrun', await commit('outrun', { a: configMap('a', {}) }));
    const owned = {
      labels: { 'applyset.kubernetes.io/part-of': 'applyset-rival-v1' },
      annotations: { 'converge.dev/environment': 'master/rival' },
    };
    let made = false;
    proxy.fail(async (request) => {
      if (isApply(request, 'outrun') && !made) {
        made = true;
        await world.apply(configMap('outrun', { of: 'rival' }, { namespace: 'outrun', ...owned }));
      }
      return { fault: 'none' };
    });
    const diff = await diffAt('outrun', await commit('outrun', { b: configMap('outrun', { of: 'outrun' }) }));
    expect(diff.objects).toMatchObject([
      { name: 'outrun', change: 'failed', message: expect.stringContaining('environment master/rival') },
    ]);
    expect((await world.find('configmap', 'outrun', 'outrun'))?.data).toEqual({ of: 'rival' });
  });
});

describe('an API server in trouble', () => {
  it.each([
    ['429 with Retry-After', status(429, 'TooManyRequests')],
    ['503', status(503, 'ServiceUnavailable')],
    ['504', status(504, 'Timeout')],
    ['500', status(500, 'InternalError')],
    ['a cut connection', { fault: 'cut' }],
  ] as const)('that answers %s twice is asked again, and the run goes on', async (what, fault) => {
    const name = `twice-${what.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`;
    firstFail(2, (request) => isApply(request, `${name}-a`), fault);
    const at = await commit(name, { a: configMap(`${name}-a`, {}), b: configMap('b', {}) });
    expect((await convergedAt(name, at)).changes.created).toBe(2);
    expect(sent('PATCH', `/${name}-a?`)).toHaveLength(3);
  });

  it('that does not answer a request at all is asked again when the time for it is over', async () => {
    firstFail(1, (request) => isApply(request, 'unanswered'), { fault: 'silence' });
    const at = await commit('waiting', { a: configMap('unanswered', {}) }, { timeout: '5m' });
    expect((await convergedAt('waiting', at)).changes.created).toBe(1);
  });

  it('that fails one object for good fails that object after three tries, and no other', async () => {
    proxy.fail((request) => (isApply(request, 'doomed') ? status(500, 'InternalError') : { fault: 'none' }));
    const diff = await diffAt(
      'cursed',
      await commit('cursed', { a: configMap('doomed', {}), b: configMap('spared', {}) }),
    );
    expect(diff.objects).toMatchObject([
      { kind: 'ConfigMap', name: 'doomed', change: 'failed', message: 'made up: 500' },
    ]);
    expect(sent('PATCH', '/doomed?')).toHaveLength(3);
    expect(await world.find('configmap', 'spared', 'cursed')).toBeDefined();
    proxy.mend();
    await lookUntil(world, 'the next run finishes it', () =>
      world.converged.find((alert) => alert.incident === diff.incident),
    );
  });

  it.each([
    ['only 429', status(429, 'TooManyRequests')],
    ['only 503', status(503, 'ServiceUnavailable')],
    ['nothing at all', { fault: 'cut' }],
  ] as const)(
    'that answers %s for a while: nothing is told or pruned, and a later run finishes it',
    async (what, fault) => {
      const name = `while-${what.replaceAll(/[^a-z0-9]+/g, '-')}`;
      await convergedAt(name, await commit(name, { a: configMap('a', { v: '1' }), goes: configMap('goes', {}) }));
      let refused = 0;
      proxy.fail((request) => {
        // Reads pass until the first write, so that the run is caught in the middle.
        if (refused === 0 && request.method === 'GET') return { fault: 'none' };
        refused += 1;
        return fault;
      });
      const at = await commit(name, { a: configMap('a', { v: '2' }), goes: undefined });
      await eventually('a request was given up', () => refused >= 5);
      expect(world.diffs.filter((diff) => diff.environment === name)).toEqual([]);
      proxy.mend();
      const { changes } = await lookUntil(world, 'a later run finishes it', () =>
        world.converged.find((alert) => alert.environment === name && alert.revision.endsWith(at)),
      );
      expect(changes.pruned).toBe(1);
      expect((await world.find('configmap', 'a', name))?.data).toEqual({ v: '2' });
    },
  );
});

describe('parts of a cluster without a backend', () => {
  it('a dead aggregated API disturbs no other kind, and its own kinds are told with its name', async () => {
    const dead = { apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService', metadata: { name: 'v1.dead.example' } };
    await world.pipeline.kubernetes.kubectl(
      ['apply', '--filename', '-'],
      JSON.stringify({
        ...dead,
        spec: {
          group: 'dead.example',
          version: 'v1',
          groupPriorityMinimum: 100,
          versionPriority: 100,
          insecureSkipTLSVerify: true,
          service: { name: 'nobody', namespace: 'default' },
        },
      }),
    );
    const at = await commit('beside-dead', {
      fine: configMap('fine', {}),
      ghost: 'apiVersion: dead.example/v1\nkind: Ghost\nmetadata: { name: casper }\n',
    });
    const diff = await diffAt('beside-dead', at);
    expect(diff.objects).toMatchObject([
      { kind: 'Ghost', change: 'failed', message: expect.stringContaining('dead.example/v1 cannot be discovered') },
    ]);
    expect(await world.find('configmap', 'fine', 'beside-dead')).toBeDefined();
    await convergedAt('beside-dead', await commit('beside-dead', { ghost: undefined }));
    await world.kubectl('delete', 'apiservice', 'v1.dead.example');
  });

  it('a webhook that must be asked and does not answer is named for each object that it refuses, and the others are applied', async () => {
    const webhook = (kinds: string[]): string =>
      JSON.stringify({
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingWebhookConfiguration',
        metadata: { name: 'strict' },
        webhooks: [
          {
            name: 'strict.errors.example',
            failurePolicy: 'Fail',
            sideEffects: 'None',
            admissionReviewVersions: ['v1'],
            clientConfig: { service: { namespace: 'default', name: 'nobody' } },
            rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: kinds }],
            namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'refused' } },
          },
        ],
      });
    await world.kubectl('create', 'namespace', 'refused');
    await convergedAt('refused', await commit('refused', { fine: configMap('fine', { v: '1' }) }));
    await world.pipeline.kubernetes.kubectl(['apply', '--filename', '-'], webhook(['secrets']));
    const secret = (name: string): string =>
      JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData: { a: '1' } });
    const diff = await diffAt(
      'refused',
      await commit('refused', { fine: configMap('fine', { v: '2' }), one: secret('one'), two: secret('two') }),
    );
    expect(diff.objects.map(({ kind, name }) => `${kind} ${name}`)).toEqual(['Secret one', 'Secret two']);
    for (const { message } of diff.objects) expect(message).toContain('failed calling webhook "strict.errors.example"');
    expect((await world.find('configmap', 'fine', 'refused'))?.data).toEqual({ v: '2' });
    await world.kubectl('delete', 'validatingwebhookconfiguration', 'strict');
    await lookUntil(world, 'the next run finishes it', () =>
      world.converged.find((alert) => alert.incident === diff.incident),
    );
  });
});

describe('a field that an admission policy rewrites', () => {
  it('is told as mutated, once, is no drift, and keeps nothing from converging', async () => {
    const policy = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingAdmissionPolicy',
      metadata: { name: 'rewrite' },
      spec: {
        reinvocationPolicy: 'Never',
        matchConstraints: {
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'rewritten' } },
          resourceRules: [
            { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['configmaps'] },
          ],
        },
        matchConditions: [{ name: 'settings', expression: "object.metadata.name == 'settings'" }],
        mutations: [
          { patchType: 'ApplyConfiguration', applyConfiguration: { expression: "Object{data: {'v': 'MUTATED'}}" } },
        ],
      },
    };
    const binding = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingAdmissionPolicyBinding',
      metadata: { name: 'rewrite' },
      spec: { policyName: 'rewrite' },
    };
    await world.kubectl('create', 'namespace', 'rewritten');
    for (const object of [policy, binding])
      await world.pipeline.kubernetes.kubectl(['apply', '--filename', '-'], JSON.stringify(object));
    await eventually('the policy acts', async () => {
      const probe = JSON.stringify({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'settings', namespace: 'rewritten' },
        data: { v: '1' },
      });
      return (
        await world.pipeline.kubernetes.kubectl(
          ['create', '--dry-run=server', '--output', 'json', '--filename', '-'],
          probe,
        )
      ).includes('MUTATED');
    });
    const at = await commit('rewritten', { a: configMap('settings', { v: '2', w: '2' }) });
    await convergedAt('rewritten', at);
    const diff = await diffAt('rewritten', at);
    expect(diff).toMatchObject({
      action: 'none',
      summary: 'ConfigMap rewritten/settings: v was rewritten on admission',
      objects: [{ change: 'mutated', fields: [{ path: '/data/v', desired: '2', observed: 'MUTATED' }] }],
    });
    const writes = sent('PATCH', '/namespaces/rewritten/').length;
    await convergedAt('rewritten', await commit('rewritten', { a: configMap('settings', { v: '2', w: '3' }) }));
    expect(world.diffs.filter((alert) => alert.environment === 'rewritten')).toHaveLength(1);
    expect(sent('PATCH', '/namespaces/rewritten/configmaps/settings').length).toBe(2);
    expect(writes).toBeGreaterThan(0);
  });
});
