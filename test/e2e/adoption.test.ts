import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { alertsOf } from './alerts.ts';
import { objectsOf } from './objects.ts';
import {
  configMap,
  deployment,
  environmentFile,
  eventually,
  startWorldWithMaster,
  type Clone,
  type Observed,
  type World,
} from './world.ts';

let world: World;
let master: Clone;
const { get, managersOf } = objectsOf(() => world);
const { convergedAt, diffAt } = alertsOf(() => world);

beforeAll(async () => {
  ({ world, master } = await startWorldWithMaster());
});
afterAll(async () => {
  await world.stop();
});

/** What a check after a change heals: its diff, once the incident is closed. */
async function healed(environment: string, change: () => Promise<unknown>): Promise<World['diffs'][number]> {
  const [diffs, closed] = [world.diffs.length, world.converged.length];
  await change();
  await world.checkDrift();
  const diff = await eventually(`${environment} has a diff`, () =>
    world.diffs.slice(diffs).find((alert) => alert.environment === environment),
  );
  await eventually('the incident is closed', () =>
    world.converged.slice(closed).find((alert) => alert.incident === diff.incident),
  );
  return diff;
}

/** A Deployment as somebody had it before: more than Git will specify. */
const earlierDeployment = (name: string, metadata: Record<string, unknown> = {}): string =>
  JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, ...metadata },
    spec: {
      replicas: 2,
      minReadySeconds: 1,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          priority: 0,
          hostNetwork: false,
          terminationGracePeriodSeconds: 7,
          containers: [
            { name: 'web', image: 'shop:0.9', env: [{ name: 'DEBUG', value: '1' }], args: ['--verbose'] },
            { name: 'helper', image: 'helper:1' },
          ],
        },
      },
    },
  });

interface PodTemplate {
  readonly spec: {
    readonly containers: { name: string; image: string; env?: { name: string }[]; args?: string[] }[];
    readonly terminationGracePeriodSeconds: number;
  };
  readonly metadata: { readonly annotations?: Record<string, string> };
}

function templateOf({ spec }: Observed): PodTemplate {
  return spec['template'] as PodTemplate;
}

describe('adopts what the real kubectl made', () => {
  it.each([
    [
      'apply',
      async (manifest: string, namespace: string) =>
        world.pipeline.kubernetes.kubectl(['apply', '--namespace', namespace, '--filename', '-'], manifest),
    ],
    [
      'create',
      async (manifest: string, namespace: string) =>
        world.pipeline.kubernetes.kubectl(['create', '--namespace', namespace, '--filename', '-'], manifest),
    ],
    [
      'apply --server-side',
      async (manifest: string, namespace: string) =>
        world.pipeline.kubernetes.kubectl(
          ['apply', '--server-side', '--namespace', namespace, '--filename', '-'],
          manifest,
        ),
    ],
    [
      'replace',
      async (manifest: string, namespace: string) => {
        await world.pipeline.kubernetes.kubectl(
          ['create', '--namespace', namespace, '--filename', '-'],
          deployment('web', 'shop:0.8'),
        );
        return world.pipeline.kubernetes.kubectl(['replace', '--namespace', namespace, '--filename', '-'], manifest);
      },
    ],
  ])('by %s: spec fields that Git does not specify go, its metadata stays, in one roll-out', async (verb, make) => {
    const name = `by-${verb.replaceAll(/[^a-z]+/g, '-')}`;
    await world.kubectl('create', 'namespace', name);
    await make(earlierDeployment('web', { labels: { team: 'claims' }, annotations: { note: 'mine' } }), name);
    const before = await get('deployment', 'web', name);
    const commit = await master.push({
      [`environments/${name}.yaml`]: environmentFile(name),
      [`manifests/${name}/web.yaml`]: deployment('web', 'shop:1'),
    });
    expect((await convergedAt(name, commit)).changes).toEqual({ created: 0, configured: 1, unchanged: 0, pruned: 0 });

    const after = await get('deployment', 'web', name);
    expect(after.metadata.uid).toBe(before.metadata.uid);
    expect(
      templateOf(after).spec.containers.map(({ name: container, image, env, args }) => ({
        container,
        image,
        env,
        args,
      })),
    ).toEqual([{ container: 'web', image: 'shop:1', env: undefined, args: undefined }]);
    expect(templateOf(after).spec.terminationGracePeriodSeconds).toBe(30);
    expect(after.spec).not.toHaveProperty('minReadySeconds');
    expect(after.metadata).toMatchObject({ labels: { team: 'claims' }, annotations: { note: 'mine' } });
    const replicaSets = await world.kubectl('get', 'replicasets', '--namespace', name, '--output', 'name');
    expect(replicaSets.trim().split('\n')).toHaveLength(verb === 'replace' ? 3 : 2);
    expect(world.diffs.filter((diff) => diff.environment === name)).toEqual([]);
  });

  it('and leaves the replicas that Git does not specify, and a restart', async () => {
    await world.kubectl('create', 'namespace', 'scaled');
    await world.pipeline.kubernetes.kubectl(
      ['create', '--namespace', 'scaled', '--filename', '-'],
      earlierDeployment('web'),
    );
    await world.kubectl('scale', 'deployment/web', '--replicas', '5', '--namespace', 'scaled');
    await world.kubectl('rollout', 'restart', 'deployment/web', '--namespace', 'scaled');
    const unscaled = JSON.parse(deployment('web', 'shop:1')) as { spec: Record<string, unknown> };
    delete unscaled.spec['replicas'];
    const commit = await master.push({
      'environments/scaled.yaml': environmentFile('scaled'),
      'manifests/scaled/web.yaml': JSON.stringify(unscaled),
    });
    await convergedAt('scaled', commit);
    const after = await get('deployment', 'web', 'scaled');
    expect(after.spec['replicas']).toBe(5);
    expect(templateOf(after).metadata.annotations).toHaveProperty(['kubectl.kubernetes.io/restartedAt']);
  });

  it('and a field that Git specified and drops later really goes', async () => {
    await world.kubectl('create', 'namespace', 'dropped');
    const manifest = configMap('settings', { a: '1', b: '2' }, { labels: { tier: 'front' } });
    await world.pipeline.kubernetes.kubectl(['apply', '--namespace', 'dropped', '--filename', '-'], manifest);
    await convergedAt(
      'dropped',
      await master.push({
        'environments/dropped.yaml': environmentFile('dropped'),
        'manifests/dropped/a.yaml': manifest,
      }),
    );
    // Somebody applies the old file again, so that both own all of it.
    await world.pipeline.kubernetes.kubectl(
      ['apply', '--server-side', '--force-conflicts', '--namespace', 'dropped', '--filename', '-'],
      manifest,
    );
    await convergedAt('dropped', await master.push({ 'manifests/dropped/a.yaml': configMap('settings', { a: '1' }) }));
    const after = await get('configmap', 'settings', 'dropped');
    expect(after.data).toEqual({ a: '1' });
    expect(after.metadata.labels).not.toHaveProperty('tier');
  });
});

interface Recorded {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly managedFields: readonly unknown[] };
}

/**
 * As a cluster returned them after kustomize-controller 1.9.5 had applied two revisions; only what a cluster assigns
 * was left out.
 */
const recordedUnderFlux = JSON.parse(
  readFileSync(new URL('../golden/recorded/flux-kustomization.json', import.meta.url), 'utf8'),
) as Recorded[];

describe('adopts what other tools made', () => {
  /** As a server-side apply by that tool. */
  async function appliedBy(manager: string, manifest: string, namespace: string): Promise<void> {
    await world.pipeline.kubernetes.kubectl(
      ['apply', '--server-side', `--field-manager=${manager}`, '--namespace', namespace, '--filename', '-'],
      manifest,
    );
  }

  const marks = {
    'Flux Kustomization': {
      labels: { 'kustomize.toolkit.fluxcd.io/name': 'apps', 'kustomize.toolkit.fluxcd.io/namespace': 'flux-system' },
    },
    'Flux HelmRelease': {
      labels: { 'helm.toolkit.fluxcd.io/name': 'apps', 'helm.toolkit.fluxcd.io/namespace': 'flux-system' },
    },
    'Argo CD Application': { annotations: { 'argocd.argoproj.io/tracking-id': 'apps:apps/Deployment:x/web' } },
    'Helm release': {
      labels: { 'app.kubernetes.io/managed-by': 'Helm' },
      annotations: { 'meta.helm.sh/release-name': 'apps', 'meta.helm.sh/release-namespace': 'default' },
    },
  };

  it.each([
    ['Flux Kustomization', 'kustomize-controller', 'flux-system/apps'],
    ['Flux HelmRelease', 'helm-controller', 'flux-system/apps'],
    ['Argo CD Application', 'argocd-controller', 'apps'],
    ['Helm release', 'helm', 'default/apps'],
  ] as const)(
    'what a living %s reconciles is refused, and with spec.adopt taken over',
    async (owner, manager, title) => {
      const name = `of-${manager}`;
      await world.kubectl('create', 'namespace', name);
      await appliedBy(manager, earlierDeployment('web', marks[owner]), name);
      const refused = await master.push({
        [`environments/${name}.yaml`]: environmentFile(name),
        [`manifests/${name}/web.yaml`]: deployment('web', 'shop:1'),
        [`manifests/${name}/a.yaml`]: configMap('a', {}),
      });
      const diff = await diffAt(name, refused);
      expect(diff).toMatchObject({
        reason: 'Failed',
        action: 'none',
        objects: [{ kind: 'Deployment', name: 'web', change: 'failed' }],
      });
      expect(diff.objects[0]?.message).toContain(`is reconciled by the ${owner} ${title}`);
      expect(templateOf(await get('deployment', 'web', name)).spec.containers).toHaveLength(2);
      expect(await world.find('configmap', 'a', name)).toBeDefined();

      await convergedAt(
        name,
        await master.push({ [`environments/${name}.yaml`]: environmentFile(name, { adopt: true }) }),
      );
      const after = await get('deployment', 'web', name);
      expect(templateOf(after).spec.containers.map(({ name: container, image }) => ({ container, image }))).toEqual([
        { container: 'web', image: 'shop:1' },
      ]);
      expect(after.spec).not.toHaveProperty('minReadySeconds');
      expect(after.metadata).toMatchObject(marks[owner]);
      // The marks stay with the tool; nothing else does.
      expect(await managersOf('deployment', 'web', name)).toEqual(['converge', manager].sort());
    },
  );

  it('what the real kustomize-controller of Flux made, as a cluster had it: refused, then taken over, and nothing of it stays', async () => {
    await world.kubectl('create', 'namespace', 'apps');
    for (const { metadata, ...object } of recordedUnderFlux) {
      const { managedFields, ...created } = metadata;
      await world.pipeline.kubernetes.kubectl(
        ['create', '--filename', '-'],
        JSON.stringify({ ...object, metadata: created }),
      );
      // Creating makes kubectl the owner of everything; this makes the managers those that were recorded.
      const patch = JSON.stringify([{ op: 'replace', path: '/metadata/managedFields', value: managedFields }]);
      await world.kubectl('patch', object.kind, metadata.name, '--namespace', 'apps', '--type=json', '--patch', patch);
    }
    expect(await managersOf('role', 'reader', 'apps')).toEqual(['kustomize-controller']);
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 80 }] },
    };
    const role = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'reader' },
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }],
    };
    const files = {
      'manifests/apps/web.yaml': deployment('web', 'shop:1.0'),
      'manifests/apps/settings.yaml': configMap('settings', { a: '1' }),
      'manifests/apps/service.yaml': JSON.stringify(service),
      'manifests/apps/role.yaml': JSON.stringify(role),
    };
    const refused = await diffAt(
      'apps',
      await master.push({ 'environments/apps.yaml': environmentFile('apps'), ...files }),
    );
    expect(
      refused.objects.map(
        ({ kind, change, message }) =>
          `${kind} ${change}: ${message.includes('is reconciled by the Flux Kustomization flux-system/apps')}`,
      ),
    ).toEqual(['ConfigMap failed: true', 'Deployment failed: true', 'Role failed: true', 'Service failed: true']);

    await convergedAt(
      'apps',
      await master.push({ 'environments/apps.yaml': environmentFile('apps', { adopt: true }) }),
    );
    const web = await get('deployment', 'web', 'apps');
    expect(templateOf(web).spec.containers.map(({ name, image, env }) => ({ name, image, env }))).toEqual([
      { name: 'web', image: 'shop:1.0', env: undefined },
    ]);
    expect(templateOf(web).spec.terminationGracePeriodSeconds).toBe(30);
    expect(web.spec).not.toHaveProperty('minReadySeconds');
    expect((await get('configmap', 'settings', 'apps')).data).toEqual({ a: '1' });
    expect((await get('service', 'web', 'apps')).spec['ports']).toMatchObject([{ name: 'http', port: 80 }]);
    expect(await get('role', 'reader', 'apps')).toMatchObject({ rules: [{ verbs: ['list'] }] });
    // The next check finds what was changed since, and nothing else.
    const diff = await healed('apps', () =>
      world.kubectl('set', 'image', 'deployment/web', 'web=shop:debug', '--namespace', 'apps'),
    );
    expect(diff.objects.map(({ kind, fields }) => ({ kind, paths: fields.map(({ path }) => path) }))).toEqual([
      { kind: 'Deployment', paths: ['/spec/template/spec/containers[name=web]/image'] },
    ]);
  });

  it('what nobody marks as living is adopted without asking', async () => {
    await world.kubectl('create', 'namespace', 'left-by-helm');
    await appliedBy(
      'helm',
      earlierDeployment('web', { labels: { 'app.kubernetes.io/managed-by': 'Helm' } }),
      'left-by-helm',
    );
    const commit = await master.push({
      'environments/left-by-helm.yaml': environmentFile('left-by-helm'),
      'manifests/left-by-helm/web.yaml': deployment('web', 'shop:1'),
    });
    await convergedAt('left-by-helm', commit);
    expect(templateOf(await get('deployment', 'web', 'left-by-helm')).spec.containers).toHaveLength(1);
  });
});

describe('undoes what kubectl did to an object of ours', () => {
  beforeAll(async () => {
    const files = {
      'manifests/ours/web.yaml': deployment('web', 'shop:1'),
      'manifests/ours/settings.yaml': configMap('settings', { a: '1' }),
    };
    await convergedAt('ours', await master.push({ 'environments/ours.yaml': environmentFile('ours'), ...files }));
  });

  const containers = '/spec/template/spec/containers';

  it.each([
    [
      'set env',
      ['set', 'env', 'deployment/web', 'DEBUG=1'],
      [{ path: `${containers}[name=web]/env`, observed: [{ name: 'DEBUG', value: '1' }], manager: 'kubectl-set' }],
    ],
    [
      'scale',
      ['scale', 'deployment/web', '--replicas', '4'],
      [{ path: '/spec/replicas', desired: 2, observed: 4, manager: 'kubectl' }],
    ],
    [
      'patch, which adds a container',
      [
        'patch',
        'deployment/web',
        '--patch',
        '{"spec":{"template":{"spec":{"containers":[{"name":"shell","image":"sh"}]}}}}',
      ],
      [{ path: `${containers}[name=shell]`, manager: 'kubectl-patch' }],
    ],
    [
      'edit, which adds a field beside a changed one',
      [
        'patch',
        'deployment/web',
        '--field-manager=kubectl-edit',
        '--type=merge',
        '--patch',
        '{"spec":{"minReadySeconds":3,"replicas":1}}',
      ],
      [
        { path: '/spec/minReadySeconds', observed: 3, manager: 'kubectl-edit' },
        { path: '/spec/replicas', desired: 2, observed: 1, manager: 'kubectl-edit' },
      ],
    ],
    [
      'rollout pause',
      ['rollout', 'pause', 'deployment/web'],
      [{ path: '/spec/paused', observed: true, manager: 'kubectl-rollout' }],
    ],
    [
      'patch of a ConfigMap',
      ['patch', 'configmap/settings', '--patch', '{"data":{"b":"2"}}'],
      [{ path: '/data/b', observed: '2', manager: 'kubectl-patch' }],
    ],
  ])('by %s', async (_what, command, fields) => {
    const diff = await healed('ours', () => world.kubectl(...command, '--namespace', 'ours'));
    expect(diff).toMatchObject({ reason: 'Drifted', action: 'healing' });
    expect(diff.objects.map((object) => object.change)).toEqual(['modified']);
    expect(diff.objects[0]?.fields).toMatchObject(fields);
    expect(diff.objects[0]?.fields).toHaveLength(fields.length);
    const web = await get('deployment', 'web', 'ours');
    expect(web.spec).toMatchObject({ replicas: 2 });
    expect(web.spec).not.toHaveProperty('paused');
    expect(web.spec).not.toHaveProperty('minReadySeconds');
    expect(templateOf(web).spec.containers.map(({ name, env }) => ({ name, env }))).toEqual([
      { name: 'web', env: undefined },
    ]);
    expect((await get('configmap', 'settings', 'ours')).data).toEqual({ a: '1' });
  });

  it('tells an item that another controller adds to a list of ours once, and leaves it', async () => {
    const port = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80 }] },
    });
    await convergedAt('ours', await master.push({ 'manifests/ours/service.yaml': port }));
    const added = '{"spec":{"ports":[{"name":"metrics","port":9090}]}}';
    const diff = await healed('ours', () =>
      world.kubectl('patch', 'service/web', '--field-manager=meter', '--patch', added, '--namespace', 'ours'),
    );
    expect(diff).toMatchObject({
      reason: 'Drifted',
      action: 'none',
      summary: expect.stringContaining('is kept by meter'),
    });
    expect(diff.objects).toMatchObject([
      {
        kind: 'Service',
        change: 'co-owned',
        fields: [{ path: '/spec/ports[port=9090,protocol=TCP]', manager: 'meter' }],
      },
    ]);
    const [diffs, { metadata }] = [world.diffs.length, await get('service', 'web', 'ours')];
    await healed('ours', () => world.kubectl('scale', 'deployment/web', '--replicas', '3', '--namespace', 'ours'));
    expect(world.diffs.slice(diffs).flatMap(({ objects }) => objects.map(({ kind }) => kind))).toEqual(['Deployment']);
    expect((await get('service', 'web', 'ours')).metadata.resourceVersion).toBe(metadata.resourceVersion);
  });
});

describe('a field that Git drops', () => {
  it('keeps its value where it is the number of replicas: it would fall back to one', async () => {
    await convergedAt(
      'released',
      await master.push({
        'environments/released.yaml': environmentFile('released'),
        'manifests/released/web.yaml': deployment('web', 'shop:1'),
      }),
    );
    const unscaled = JSON.parse(deployment('web', 'shop:2')) as { spec: Record<string, unknown> };
    delete unscaled.spec['replicas'];
    await convergedAt('released', await master.push({ 'manifests/released/web.yaml': JSON.stringify(unscaled) }));
    expect((await get('deployment', 'web', 'released')).spec['replicas']).toBe(2);
    expect(await managersOf('deployment', 'web', 'released')).toContain('converge-released');
  });

  it('and that another manager applies, too, stays, and is told as co-owned', async () => {
    const both = configMap('settings', { a: '1', b: '2' });
    await convergedAt(
      'shared-field',
      await master.push({
        'environments/shared-field.yaml': environmentFile('shared-field'),
        'manifests/shared-field/a.yaml': both,
      }),
    );
    await world.pipeline.kubernetes.kubectl(
      ['apply', '--server-side', '--field-manager=somebody', '--namespace', 'shared-field', '--filename', '-'],
      both,
    );
    const commit = await master.push({ 'manifests/shared-field/a.yaml': configMap('settings', { a: '1' }) });
    await convergedAt('shared-field', commit);
    expect(await diffAt('shared-field', commit)).toMatchObject({
      action: 'none',
      objects: [
        {
          kind: 'ConfigMap',
          name: 'settings',
          change: 'co-owned',
          fields: [{ path: '/data/b', observed: '2', manager: 'somebody' }],
        },
      ],
    });
    expect((await get('configmap', 'settings', 'shared-field')).data).toEqual({ a: '1', b: '2' });
  });
});
