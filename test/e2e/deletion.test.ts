import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pushUnheard, startInProcess, type InProcess } from './in-process.ts';
import { eventSeconds } from '../guards.ts';
import { objectsOf } from './objects.ts';
import { runsOf } from './runs.ts';
import {
  configMap,
  environment,
  environmentFile,
  eventually,
  manifest,
  startWorld,
  type Clone,
  type Files,
  type World,
} from './world.ts';

let world: World;
let master: Clone;
let stage: InProcess;
const { converge, diffsOf: diffs } = runsOf(() => stage);
const { uidOf } = objectsOf(() => world);

beforeAll(async () => {
  world = await startWorld();
  master = await world.clone();
  stage = await startInProcess(world);
  await push({ 'README.md': 'Family Insurance' });
});
afterAll(async () => {
  await world.stop();
});

const push = async (files: Files): Promise<string> => pushUnheard(world, master, files);

type Annotations = Readonly<Record<string, string>>;
const hookOf = (events: string, policy?: string): Annotations => ({
  'helm.sh/hook': events,
  ...(policy === undefined ? {} : { 'helm.sh/hook-delete-policy': policy }),
});
const object = (
  kind: string,
  name: string,
  annotations: Annotations = {},
  more: { namespace?: string; apiVersion?: string; [field: string]: unknown } = {},
): string => {
  const { namespace, apiVersion = 'v1', ...rest } = more;
  return JSON.stringify({
    apiVersion,
    kind,
    metadata: { name, annotations, ...(namespace === undefined ? {} : { namespace }) },
    ...rest,
  });
};
const claim = (name: string, annotations: Annotations = {}, namespace?: string): string =>
  object('PersistentVolumeClaim', name, annotations, {
    ...(namespace === undefined ? {} : { namespace }),
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  });
/** A Job that kwok completes at once. */
const job = (name: string, annotations: Annotations = {}, namespace?: string): string =>
  object('Job', name, annotations, {
    ...(namespace === undefined ? {} : { namespace }),
    apiVersion: 'batch/v1',
    spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'work', image: 'work' }] } } },
  });
async function ended(name: string, namespace: string): Promise<void> {
  await world.kubectl(
    'wait',
    `job/${name}`,
    '--namespace',
    namespace,
    '--for=condition=complete',
    `--timeout=${eventSeconds}s`,
  );
}
async function namespaced(name: string): Promise<void> {
  await world.apply(object('Namespace', name));
}

describe('a hook', () => {
  it('deletes no Namespace in which another environment lives, nor what is in it, and tells so', async () => {
    await push({ ...environment('victim'), ...manifest('victim', 'a', configMap('precious', { v: '1' })) });
    await converge('victim');
    await world.kubectl('create', 'configmap', 'by-hand', '--namespace', 'victim', '--from-literal=a=b');
    const before = {
      namespace: await uidOf('namespace', 'victim'),
      precious: await uidOf('configmap', 'precious', 'victim'),
      byHand: await uidOf('configmap', 'by-hand', 'victim'),
    };
    const annotations = {
      ...hookOf('pre-install', 'before-hook-creation,hook-succeeded'),
      'converge.dev/prune': 'true',
      'converge.dev/replace': 'true',
    };
    await push({
      ...environment('evil'),
      ...manifest('evil', 'a', configMap('a', {})),
      ...manifest('evil', 'hook', object('Namespace', 'victim', annotations)),
    });
    await converge('evil');
    expect({
      namespace: await uidOf('namespace', 'victim'),
      precious: await uidOf('configmap', 'precious', 'victim'),
      byHand: await uidOf('configmap', 'by-hand', 'victim'),
    }).toEqual(before);
    expect(diffs('evil')).toMatchObject([
      {
        reason: 'Guarded',
        action: 'none',
        objects: [
          {
            kind: 'Namespace',
            name: 'victim',
            change: 'unexpected',
            message: expect.stringContaining("was not made by this release's hooks"),
          },
        ],
      },
    ]);
    expect(await stage.run('victim')).toMatchObject({ outcome: 'unchanged' });
  });

  it('is applied over a claim and a Secret that somebody made, and never deletes them, whatever its policies and however often it runs', async () => {
    await push({ ...environment('tenant'), ...manifest('tenant', 'a', configMap('a', {})) });
    await converge('tenant');
    await world.apply(claim('data', {}, 'tenant'));
    await world.kubectl('create', 'secret', 'generic', 'login', '--namespace', 'tenant', '--from-literal=p=x');
    const uids = async () => [await uidOf('pvc', 'data', 'tenant'), await uidOf('secret', 'login', 'tenant')];
    const before = await uids();
    const everything = 'before-hook-creation,hook-succeeded,hook-failed';
    await push({
      ...environment('neighbour', { deletion: 'prune' }),
      ...manifest('neighbour', 'a', configMap('a', {})),
      ...manifest('neighbour', 'claim', claim('data', hookOf('pre-install,pre-upgrade', everything), 'tenant')),
      ...manifest(
        'neighbour',
        'secret',
        object('Secret', 'login', hookOf('pre-install,pre-upgrade', everything), {
          namespace: 'tenant',
          stringData: { q: 'y' },
        }),
      ),
    });
    await converge('neighbour');
    expect(await uids()).toEqual(before);
    expect((await world.find('secret', 'login', 'tenant'))?.data).toMatchObject({ p: 'eA==', q: 'eQ==' });
    expect(diffs('neighbour').flatMap(({ objects }) => objects.map(({ kind, name }) => `${kind} ${name}`))).toEqual([
      'PersistentVolumeClaim data',
      'Secret login',
    ]);
    await push(manifest('neighbour', 'a', configMap('a', { v: '2' })));
    await converge('neighbour');
    expect(await uids()).toEqual(before);
    expect(diffs('neighbour')).toHaveLength(1);
    await push({ 'environments/neighbour.yaml': undefined });
    expect(await stage.run('neighbour')).toMatchObject({ outcome: 'removed' });
    expect(await uids()).toEqual(before);
  });

  it("takes the place of no environment's inventory or seed, not even its own", async () => {
    const random =
      'apiVersion: v1\nkind: Secret\nmetadata: { name: pw }\nstringData: { password: {{ randAlphaNum 20 | quote }} }\n';
    await push({
      'charts/drawing/Chart.yaml': 'apiVersion: v2\nname: drawing\nversion: 1.0.0\n',
      'charts/drawing/templates/a.yaml': random,
      ...environment('drawing', { sources: [{ helm: { chart: 'charts/drawing', release: 'drawing' } }] }),
    });
    await converge('drawing');
    const state = async () => [
      await world.find('configmap', 'converge-drawing', 'drawing'),
      await world.find('secret', 'converge-drawing-seed', 'drawing'),
    ];
    const before = await state();
    const seed = { namespace: 'drawing', data: { seed: Buffer.alloc(32, 7).toString('base64') } };
    const cases = {
      inventory: configMap(
        'converge-drawing',
        { a: 'b' },
        { namespace: 'drawing', annotations: hookOf('pre-install') },
      ),
      seed: object('Secret', 'converge-drawing-seed', hookOf('pre-install', 'hook-failed'), seed),
    };
    for (const [what, hook] of Object.entries(cases)) {
      const name = `thief-of-${what}`;
      await push({ ...environment(name), ...manifest(name, 'a', configMap('a', {})), ...manifest(name, 'hook', hook) });
      expect(await stage.run(name)).toMatchObject({
        outcome: 'diverged',
        reason: 'Failed',
        summary: expect.stringContaining('environment master/drawing keeps of itself'),
      });
    }
    await push(manifest('selfish', 'hook', configMap('converge-selfish', {}, { annotations: hookOf('pre-install') })));
    await push({ ...environment('selfish'), ...manifest('selfish', 'a', configMap('a', {})) });
    expect(await stage.run('selfish')).toMatchObject({
      outcome: 'diverged',
      reason: 'Failed',
      summary: expect.stringContaining('is where Converge keeps'),
    });
    await push({ 'environments/selfish.yaml': undefined });
    expect(await state()).toEqual(before);
    expect(await stage.run('drawing')).toMatchObject({ outcome: 'unchanged' });
  });

  it('keeps its own claim at an upgrade, and makes it anew where that says so', async () => {
    const events = hookOf('pre-install,pre-upgrade');
    await push({
      ...environment('claiming'),
      ...manifest('claiming', 'a', configMap('a', {})),
      ...manifest('claiming', 'hook', claim('data', events)),
    });
    await converge('claiming');
    const first = await uidOf('pvc', 'data', 'claiming');
    await push(manifest('claiming', 'a', configMap('a', { v: '2' })));
    await converge('claiming');
    expect(await uidOf('pvc', 'data', 'claiming')).toBe(first);
    expect(diffs('claiming')).toMatchObject([
      {
        reason: 'Guarded',
        objects: [
          {
            kind: 'PersistentVolumeClaim',
            name: 'data',
            message: expect.stringContaining('converge.dev/prune: "true"'),
          },
        ],
      },
    ]);
    await push(manifest('claiming', 'hook', claim('data', { ...events, 'converge.dev/replace': 'true' })));
    // Nothing in the sandbox lets go of a claim.
    const finalizers = world.kubectl(
      'patch',
      'pvc',
      'data',
      '--namespace',
      'claiming',
      '--type',
      'merge',
      '--patch',
      '{"metadata":{"finalizers":null}}',
    );
    await finalizers;
    await converge('claiming');
    expect(await uidOf('pvc', 'data', 'claiming')).not.toBe(first);
  });

  it('fails by name where a Job stands in its place that it did not make, and runs once that is gone', async () => {
    await namespaced('crowded');
    await world.kubectl('create', 'job', 'migrate', '--image', 'by-hand', '--namespace', 'crowded');
    await ended('migrate', 'crowded');
    const byHand = await uidOf('job', 'migrate', 'crowded');
    for (const policy of ['before-hook-creation', 'hook-succeeded,hook-failed']) {
      await push({
        ...environment('crowded', { adopt: true }),
        ...manifest('crowded', 'a', configMap('a', {})),
        ...manifest('crowded', 'hook', job('migrate', hookOf('pre-install,pre-upgrade', policy))),
      });
      const { summary } = (await stage.run('crowded')) as { summary?: string };
      expect(summary).toContain("was not made by this release's hooks (kubectl-create made it)");
      expect(summary).toContain('delete it by hand');
      expect(await uidOf('job', 'migrate', 'crowded')).toBe(byHand);
    }
    await world.kubectl('delete', 'job', 'migrate', '--namespace', 'crowded');
    await converge('crowded');
  });

  it('takes the place of a Job that was an ordinary object, and leaves what was no Job', async () => {
    await push({
      ...environment('turned'),
      ...manifest('turned', 'a', configMap('a', {})),
      ...manifest('turned', 'job', job('migrate')),
      ...manifest('turned', 'b', configMap('b', { v: '1' })),
    });
    await converge('turned');
    await ended('migrate', 'turned');
    const before = { job: await uidOf('job', 'migrate', 'turned'), b: await uidOf('configmap', 'b', 'turned') };
    await push({
      ...manifest('turned', 'job', job('migrate', hookOf('pre-install,pre-upgrade'))),
      ...manifest('turned', 'b', configMap('b', { v: '2' }, { annotations: hookOf('pre-install,pre-upgrade') })),
    });
    await converge('turned');
    expect(await uidOf('job', 'migrate', 'turned')).not.toBe(before.job);
    expect(await uidOf('configmap', 'b', 'turned')).toBe(before.b);
    expect((await world.find('configmap', 'b', 'turned'))?.data).toEqual({ v: '2' });
  });
});

describe("Helm's earlier release", () => {
  const chart = (name: string): Files => ({
    [`charts/${name}/Chart.yaml`]: `apiVersion: v2\nname: ${name}\nversion: 1.0.0\n`,
    [`charts/${name}/templates/web.yaml`]: configMap('web', {}),
    [`charts/${name}/templates/install.yaml`]: job('install', hookOf('pre-install,post-install')),
    [`charts/${name}/templates/upgrade.yaml`]: job('upgrade', hookOf('pre-upgrade,post-upgrade')),
    [`charts/${name}/templates/account.yaml`]: object('ServiceAccount', 'migrator', hookOf('pre-install,pre-upgrade')),
  });
  const release = (name: string, spec: Record<string, unknown> = {}): Files => ({
    ...chart(name),
    ...environment(name, { sources: [{ helm: { chart: `charts/${name}`, release: name } }], ...spec }),
  });
  /** As Helm records a revision of a release. */
  async function recorded(name: string, { status = 'deployed', version = 1, kind = 'Secret' } = {}): Promise<void> {
    const metadata = {
      name: `sh.helm.release.v1.${name}.v${version}`,
      namespace: name,
      labels: { owner: 'helm', name, status, version: String(version) },
    };
    await world.apply(
      JSON.stringify({
        apiVersion: 'v1',
        kind,
        metadata,
        ...(kind === 'Secret' ? { type: 'helm.sh/release.v1' } : {}),
        data: { release: 'H4sIAAAA' },
      }),
    );
  }

  it.each(['Secret', 'ConfigMap'])(
    'is upgraded where it is adopted and its %s says that it is deployed, over what its hooks left',
    async (kind) => {
      const name = `of-${kind.toLowerCase()}`;
      await namespaced(name);
      await recorded(name, { status: 'superseded', kind });
      await recorded(name, { version: 2, kind });
      await world.apply(job('upgrade', hookOf('pre-upgrade,post-upgrade'), name));
      await world.apply(object('ServiceAccount', 'migrator', hookOf('pre-install,pre-upgrade'), { namespace: name }));
      await ended('upgrade', name);
      const before = {
        job: await uidOf('job', 'upgrade', name),
        account: await uidOf('serviceaccount', 'migrator', name),
      };
      await push(release(name, { adopt: true }));
      await converge(name);
      expect(await uidOf('job', 'install', name)).toBeUndefined();
      expect(await uidOf('job', 'upgrade', name)).not.toBe(before.job);
      expect(await uidOf('serviceaccount', 'migrator', name)).toBe(before.account);
      // Its end does not make the next one an install.
      await world.kubectl('delete', kind, '--all', '--namespace', name);
      await push({ [`charts/${name}/templates/web.yaml`]: configMap('web', { v: '2' }) });
      await converge(name);
      expect(await uidOf('job', 'install', name)).toBeUndefined();
    },
  );

  it('stays adopted where the first run failed and its record is gone then', async () => {
    await namespaced('half-way');
    await recorded('half-way');
    const late = {
      'charts/half-way/templates/install.yaml': job('install', hookOf('post-install')),
      'charts/half-way/templates/upgrade.yaml': job('upgrade', hookOf('post-upgrade')),
    };
    await push({
      ...release('half-way', { adopt: true }),
      ...late,
      'charts/half-way/templates/web.yaml': configMap('Not a name', {}),
    });
    expect(await stage.run('half-way')).toMatchObject({ outcome: 'diverged', reason: 'Failed' });
    await world.kubectl('delete', 'secret', '--all', '--namespace', 'half-way');
    await push({ 'charts/half-way/templates/web.yaml': configMap('web', {}) });
    await converge('half-way');
    expect([await uidOf('job', 'install', 'half-way'), await uidOf('job', 'upgrade', 'half-way')]).toEqual([
      undefined,
      expect.any(String),
    ]);
  });

  it('that Helm does not say is deployed is installed, and so is one that is not adopted', async () => {
    for (const [name, status, spec] of [
      ['uninstalled', 'uninstalled', { adopt: true }],
      ['unadopted', 'deployed', {}],
    ] as const) {
      await namespaced(name);
      await recorded(name, { status });
      await push(release(name, spec));
      await converge(name);
      expect(await uidOf('job', 'install', name)).toBeDefined();
      expect(await uidOf('job', 'upgrade', name)).toBeUndefined();
    }
  });

  it('left a Job that only an environment that adopts takes the place of', async () => {
    const name = 'left-a-job';
    await namespaced(name);
    await world.apply(job('install', hookOf('pre-install'), name));
    await ended('install', name);
    const before = await uidOf('job', 'install', name);
    await push(release(name));
    expect(await stage.run(name)).toMatchObject({
      outcome: 'diverged',
      summary: expect.stringContaining('spec.adopt: true'),
    });
    expect(await uidOf('job', 'install', name)).toBe(before);
    await push(release(name, { adopt: true }));
    await converge(name);
    expect(await uidOf('job', 'install', name)).not.toBe(before);
  });
});

describe('a Namespace that may be pruned', () => {
  const mayGo = (name: string): string => object('Namespace', name, { 'converge.dev/prune': 'true' });

  it('stays where another environment lives in it, which is named', async () => {
    await push({ ...environment('lodger'), ...manifest('lodger', 'a', configMap('a', {})) });
    await push({
      ...environment('guest', { namespace: 'guest-home' }),
      ...manifest('guest', 'a', configMap('far', {}, { namespace: 'inn' })),
      ...manifest('guest', 'ns', object('Namespace', 'inn')),
    });
    await converge('lodger', 'guest');
    for (const [landlord, house, inhabitant] of [
      ['landlord', 'lodger', 'master/lodger'],
      ['innkeeper', 'inn', 'master/guest'],
    ] as const) {
      await push({ 'manifests/guest/ns.yaml': configMap('b', {}) });
      await stage.run('guest');
      await push({
        ...environment(landlord),
        ...manifest(landlord, 'a', configMap('a', {})),
        ...manifest(landlord, 'ns', mayGo(house)),
      });
      await converge(landlord);
      const before = await uidOf('namespace', house);
      await push({ [`manifests/${landlord}/ns.yaml`]: undefined });
      expect(await stage.run(landlord)).toMatchObject({
        outcome: 'diverged',
        reason: 'Guarded',
        summary: expect.stringContaining(`environment ${inhabitant} lives in it`),
      });
      expect(await uidOf('namespace', house)).toBe(before);
      expect((await world.find('namespace', house))?.metadata).not.toHaveProperty('deletionTimestamp');
    }
  });

  it('stays where the environment that prunes it lives in it, and goes where nobody does', async () => {
    await push({
      ...environment('home'),
      ...manifest('home', 'a', configMap('a', {})),
      ...manifest('home', 'own', mayGo('home')),
      ...manifest('home', 'empty', mayGo('empty')),
      ...manifest('home', 'b', configMap('b', {}, { namespace: 'empty' })),
    });
    await converge('home');
    await world.kubectl('create', 'configmap', 'of-nobody', '--namespace', 'empty');
    await push({
      'manifests/home/own.yaml': undefined,
      'manifests/home/empty.yaml': undefined,
      'manifests/home/b.yaml': undefined,
    });
    expect(await stage.run('home')).toMatchObject({
      outcome: 'diverged',
      reason: 'Guarded',
      summary: expect.stringMatching(/^Namespace home: .*holds what this environment keeps of itself/),
    });
    await eventually('the empty one is gone', async () => (await uidOf('namespace', 'empty')) === undefined);
    expect(await uidOf('configmap', 'converge-home', 'home')).toBeDefined();
    // It is released where its environment goes.
    await push({ 'environments/home.yaml': environmentFile('home', { deletion: 'prune' }) });
    await stage.run('home');
    await push({ 'environments/home.yaml': undefined });
    expect(await stage.run('home')).toMatchObject({ outcome: 'removed' });
    expect((await world.find('namespace', 'home'))?.metadata).not.toHaveProperty('deletionTimestamp');
  });
});

describe('a definition that may be pruned', () => {
  const definition = (annotations: Annotations): string =>
    object('CustomResourceDefinition', 'goods.deletion.example', annotations, {
      apiVersion: 'apiextensions.k8s.io/v1',
      spec: {
        group: 'deletion.example',
        scope: 'Namespaced',
        names: { kind: 'Good', listKind: 'GoodList', plural: 'goods', singular: 'good' },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
          },
        ],
      },
    });
  const good = object('Good', 'one', {}, { apiVersion: 'deletion.example/v1' });

  it('stays while another environment has objects of it, which is named, and goes with its own', async () => {
    await push({
      ...environment('definer'),
      ...manifest('definer', 'a', configMap('a', {})),
      ...manifest('definer', 'crd', definition({ 'converge.dev/prune': 'true' })),
      ...manifest('definer', 'own', good),
    });
    await push({
      ...environment('user-of-it'),
      ...manifest('user-of-it', 'a', configMap('a', {})),
      ...manifest('user-of-it', 'good', good),
    });
    await converge('definer', 'user-of-it');
    const before = await uidOf('goods', 'one', 'user-of-it');
    await push({ 'manifests/definer/crd.yaml': undefined, 'manifests/definer/own.yaml': undefined });
    // Where many have yet to say whether they want it, the first look leaves it.
    await eventually('it is told', async () => (await stage.run('definer')).outcome === 'diverged');
    expect(diffs('definer').at(-1)).toMatchObject({
      reason: 'Guarded',
      summary: expect.stringContaining('environment master/user-of-it has objects of it (Good user-of-it/one)'),
    });
    expect(await uidOf('goods', 'one', 'user-of-it')).toBe(before);
    await push({ 'manifests/user-of-it/good.yaml': undefined });
    await eventually('the definition goes', async () => {
      await converge('user-of-it');
      await stage.run('definer');
      return (await uidOf('crd', 'goods.deletion.example')) === undefined;
    });
    await converge('definer');
  });
});

/** Until then nothing is refused: the API server reads its policies now and then. */
async function refusing(
  namespace: string,
  rule: { apiGroup: string; resource: string; name: string; operation?: 'UPDATE' },
): Promise<() => Promise<void>> {
  const { operation = 'DELETE' } = rule;
  const name = `keep-${namespace}-${rule.name}`;
  const matchConstraints = {
    resourceRules: [
      { apiGroups: [rule.apiGroup], apiVersions: ['v1'], operations: [operation], resources: [rule.resource] },
    ],
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
  };
  const apiVersion = 'admissionregistration.k8s.io/v1';
  await world.apply(
    JSON.stringify({
      apiVersion,
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name },
      spec: {
        matchConstraints,
        validations: [{ expression: `oldObject.metadata.name != '${rule.name}'`, message: 'the auditors keep it' }],
      },
    }),
  );
  await world.apply(
    JSON.stringify({
      apiVersion,
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name },
      spec: { policyName: name, validationActions: ['Deny'] },
    }),
  );
  const isAllowed = async (): Promise<boolean> => {
    const asked = [rule.resource, rule.name, '--namespace', namespace, '--dry-run=server'];
    const [verb, ...more] = operation === 'DELETE' ? ['delete'] : ['annotate', '--overwrite', 'probe=1'];
    return await world.kubectl(verb, ...asked, ...more).then(
      () => true,
      () => false,
    );
  };
  await eventually('the policy holds', async () => !(await isAllowed()));
  return async () => {
    await world.kubectl('delete', 'validatingadmissionpolicybinding', name);
    await eventually('the policy holds no more', isAllowed);
  };
}

describe('an environment that goes', () => {
  it('is not told as ended while what its hooks left, or its seed, cannot be deleted', async () => {
    await push({
      'charts/ending/Chart.yaml': 'apiVersion: v2\nname: ending\nversion: 1.0.0\n',
      'charts/ending/templates/a.yaml':
        'apiVersion: v1\nkind: Secret\nmetadata: { name: pw }\nstringData: { password: {{ randAlphaNum 20 | quote }} }\n',
      'charts/ending/templates/hook.yaml': configMap('left-by-hook', {}, { annotations: hookOf('pre-install') }),
      'charts/ending/templates/claim.yaml': claim('data', hookOf('pre-install')),
      ...environment('ending', {
        deletion: 'prune',
        sources: [{ helm: { chart: 'charts/ending', release: 'ending' } }],
      }),
    });
    await converge('ending');
    await push({ 'environments/ending.yaml': undefined });
    const mendSeed = await refusing('ending', { apiGroup: '', resource: 'secrets', name: 'converge-ending-seed' });
    const mendHook = await refusing('ending', { apiGroup: '', resource: 'configmaps', name: 'left-by-hook' });
    expect(await stage.run('ending')).toMatchObject({
      outcome: 'diverged',
      reason: 'Failed',
      summary: expect.stringMatching(/ConfigMap ending\/left-by-hook: could not be deleted: .*the auditors keep it/),
    });
    await mendHook();
    expect(await stage.run('ending')).toMatchObject({
      outcome: 'diverged',
      reason: 'Failed',
      summary: expect.stringMatching(
        /Secret ending\/converge-ending-seed: could not be deleted: .*the auditors keep it/,
      ),
    });
    await mendSeed();
    expect(await stage.run('ending')).toMatchObject({ outcome: 'removed' });
    expect(await uidOf('configmap', 'left-by-hook', 'ending')).toBeUndefined();
    // A claim is released, whoever made it.
    expect((await world.find('pvc', 'data', 'ending'))?.metadata.labels).toBeUndefined();
    expect(diffs('ending').flatMap(({ objects }) => objects.map(({ message }) => message))).toContainEqual(
      expect.stringContaining('is released, not deleted: PersistentVolumeClaim is pruned only'),
    );
  });

  it('is not told as ended while what a hook left is there in another version than the one it was made in', async () => {
    const version = (name: string, isServed: boolean): object => ({
      name,
      served: isServed,
      storage: isServed,
      schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
    });
    const definition = (...versions: object[]): string =>
      JSON.stringify({
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'CustomResourceDefinition',
        metadata: { name: 'notices.leftovers.example' },
        spec: {
          group: 'leftovers.example',
          scope: 'Namespaced',
          names: { kind: 'Notice', listKind: 'NoticeList', plural: 'notices', singular: 'notice' },
          versions,
        },
      });
    await world.apply(definition(version('v1alpha1', true)));
    await world.kubectl('wait', '--for=condition=established', 'customresourcedefinition/notices.leftovers.example');
    await push({
      ...environment('outdated', { deletion: 'prune' }),
      ...manifest('outdated', 'a', configMap('a', {})),
      ...manifest(
        'outdated',
        'hook',
        object('Notice', 'left', hookOf('pre-install'), { apiVersion: 'leftovers.example/v1alpha1' }),
      ),
    });
    await converge('outdated');
    await world.apply(definition(version('v1alpha1', false), version('v1', true)));
    await eventually('the version is gone', async () =>
      world.kubectl('get', '--raw', '/apis/leftovers.example/v1alpha1').then(
        () => false,
        () => true,
      ),
    );
    await push({ 'environments/outdated.yaml': undefined });
    expect(await stage.run('outdated')).toMatchObject({ outcome: 'removed' });
    expect(await uidOf('notice', 'left', 'outdated')).toBeUndefined();
  });
});

describe('an environment that was renamed', () => {
  const named = (name: string, previousNames: string[], more: Record<string, unknown> = {}): Files => {
    const spec = { namespace: 'renaming', sources: [{ helm: { chart: 'charts/renaming', release: 'shop' } }], ...more };
    const file = JSON.parse(environmentFile(name, spec)) as { metadata: Record<string, unknown> };
    return { [`environments/${name}.yaml`]: JSON.stringify({ ...file, metadata: { name, previousNames } }) };
  };
  const told = (): unknown[] =>
    stage.published.filter(({ topic, event }) => topic === 'converged' && event.subject === 'master/renamed');

  it('has not converged while what it gives up, or what Converge kept of its old name, does not let itself go', async () => {
    await push({
      'charts/renaming/Chart.yaml': 'apiVersion: v2\nname: renaming\nversion: 1.0.0\n',
      'charts/renaming/templates/a.yaml':
        'apiVersion: v1\nkind: Secret\nmetadata: { name: pw }\nstringData: { password: {{ randAlphaNum 20 | quote }} }\n',
      'charts/renaming/templates/stays.yaml': configMap('stays', {}),
      ...named('before', []),
    });
    await converge('before');
    await push({
      'environments/before.yaml': undefined,
      'charts/renaming/templates/stays.yaml': undefined,
      ...named('renamed', ['before'], { prune: false }),
      ...environment('silent', { sources: [{ manifests: 'manifests/nowhere' }] }),
    });
    const rule = { apiGroup: '', resource: 'secrets', name: 'converge-before-seed' };
    const mendSeed = await refusing('renaming', rule);
    const mendRelease = await refusing('renaming', {
      ...{ apiGroup: '', resource: 'configmaps', name: 'stays', operation: 'UPDATE' },
    });
    expect(await stage.run('renamed')).toMatchObject({
      outcome: 'diverged',
      reason: 'Guarded',
      summary: expect.stringMatching(/^ConfigMap renaming\/stays: .*environment silent may want it/),
    });
    await push({ 'environments/silent.yaml': undefined });
    for (const _look of [1, 2]) {
      expect(await stage.run('renamed')).toMatchObject({
        outcome: 'diverged',
        reason: 'Failed',
        summary: expect.stringMatching(/^ConfigMap renaming\/stays: could not be released: .*the auditors keep it/),
      });
    }
    await mendRelease();
    for (const _look of [1, 2]) {
      expect(await stage.run('renamed')).toMatchObject({
        outcome: 'diverged',
        reason: 'Failed',
        summary: expect.stringMatching(/converge-before-seed: could not be deleted: .*the auditors keep it/),
      });
    }
    expect(told()).toEqual([]);
    // Each of the three is told once: looks that find the same tell nothing.
    expect(diffs('renamed').map(({ reason }) => reason)).toEqual(['Guarded', 'Failed', 'Failed']);
    await mendSeed();
    expect(await stage.run('renamed')).toMatchObject({ outcome: 'converged' });
    // Each of them is ended.
    expect(told()).toHaveLength(3);
    expect((await world.find('configmap', 'stays', 'renaming'))?.metadata.labels).toBeUndefined();
    expect(await uidOf('configmap', 'converge-before', 'renaming')).toBeUndefined();
    expect(await uidOf('secret', 'converge-before-seed', 'renaming')).toBeUndefined();
    expect(await stage.run('renamed')).toMatchObject({ outcome: 'unchanged' });
  });
});

describe('an object whose immutable field differs', () => {
  it('is not replaced where somebody else made it, though all may be replaced', async () => {
    await namespaced('immutable');
    await world.kubectl('create', 'secret', 'generic', 'login', '--namespace', 'immutable', '--type', 'example.com/a');
    const before = await uidOf('secret', 'login', 'immutable');
    const secret = (type: string): string => object('Secret', 'login', { 'converge.dev/replace': 'true' }, { type });
    await push({
      ...environment('immutable', { replace: true }),
      ...manifest('immutable', 'a', configMap('a', {})),
      ...manifest('immutable', 'secret', secret('example.com/b')),
    });
    const { summary } = (await stage.run('immutable')) as { summary?: string };
    expect(summary).toContain('was not made by this environment (kubectl-create made it)');
    expect(summary).toContain('delete it by hand');
    expect(await uidOf('secret', 'login', 'immutable')).toBe(before);
    await world.kubectl('delete', 'secret', 'login', '--namespace', 'immutable');
    await converge('immutable');
    // What it made itself is.
    const own = await uidOf('secret', 'login', 'immutable');
    await push(manifest('immutable', 'secret', secret('example.com/c')));
    await converge('immutable');
    expect(await uidOf('secret', 'login', 'immutable')).not.toBe(own);
  });

  it.each([
    ['converge.dev/prune', 'false'],
    ['helm.sh/resource-policy', 'keep'],
  ])('is not replaced where %s: %s keeps it, though all may be, but for its own word', async (annotation, value) => {
    const name = `kept-by-${value}`;
    const secret = (type: string, more: Annotations = {}): string =>
      object('Secret', 'login', { [annotation]: value, ...more }, { type });
    await push({
      ...environment(name, { replace: true }),
      ...manifest(name, 'a', configMap('a', {})),
      ...manifest(name, 'secret', secret('example.com/a')),
    });
    await converge(name);
    const before = await uidOf('secret', 'login', name);
    await push(manifest(name, 'secret', secret('example.com/b')));
    expect(await stage.run(name)).toMatchObject({
      outcome: 'diverged',
      reason: 'Failed',
      summary: expect.stringContaining(
        'is kept by its annotations, and replaced only with the annotation converge.dev/replace: "true"',
      ),
    });
    expect(await uidOf('secret', 'login', name)).toBe(before);
    await push(manifest(name, 'secret', secret('example.com/b', { 'converge.dev/replace': 'true' })));
    await converge(name);
    expect(await uidOf('secret', 'login', name)).not.toBe(before);
  });
});
