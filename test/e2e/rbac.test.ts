import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dump, loadAll } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { configKeysSchema } from '../../shared/config/config.ts';
import type { ReconcileResult } from '../../shared/pipeline/reconcile.ts';
import { inspect } from '../../shared/pipeline/inspect.ts';
import { diffAnswerSchema, objectsAnswerSchema } from '../../shared/pipeline/inspect/answers.ts';
import type { Question } from '../../shared/pipeline/inspect/question.ts';
import { pushUnheard, startInProcess, type InProcess } from './in-process.ts';
import { runConverge } from './command.ts';
import { configMap, deployment, environmentFile, startWorld, type Clone, type Files, type World } from './world.ts';

/** Converge's account in this cluster: it has no rights but those that the command's manifests give. */
const account = 'system:serviceaccount:kube-system:converge';

let world: World;
let master: Clone;
let inProcess: InProcess;

beforeAll(async () => {
  world = await startWorld();
  master = await world.clone();
  const { server } = world.pipeline.kubernetes;
  await world.kubectl('create', 'serviceaccount', 'converge', '--namespace', 'kube-system');
  const token = await world.kubectl('create', 'token', 'converge', '--namespace', 'kube-system', '--duration', '4h');
  const authority = await world.kubectl(
    'config',
    'view',
    '--raw',
    '--output',
    'jsonpath={.clusters[0].cluster.certificate-authority-data}',
  );
  const kubeconfig = join(world.pipeline.folder, 'converge-kubeconfig');
  const document = {
    clusters: [{ name: 'c', cluster: { server, 'certificate-authority-data': authority } }],
    users: [{ name: 'u', user: { token: token.trim() } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  await writeFile(kubeconfig, dump(document), { mode: 0o600 });
  const beside = configKeysSchema
    .pick({ clusters: true, google: true })
    .parse({ clusters: { apart: { kubeconfig, identity: 'environment' } } });
  inProcess = await startInProcess(world, undefined, beside);
});
afterAll(async () => {
  await world.stop();
});

/** The command in a process of its own. Its standard output, where it succeeds. */
async function converge(...parameters: string[]): Promise<string> {
  const { code, out, err } = await runConverge(['--config', world.pipeline.config, ...parameters]);
  if (code !== 0) throw new Error(`exit code ${code ?? 'none'}: ${err}`);
  return out;
}

const push = async (files: Files): Promise<string> => pushUnheard(world, master, files);

/** Runs until nothing is waited for any more. */
async function bring(environment: string): Promise<ReconcileResult> {
  for (let runs = 1; ; runs++) {
    const result = await inProcess.run(environment);
    if (result.outcome !== 'waiting' || runs === 20) return result;
  }
}

async function grant(environment: string): Promise<string> {
  const manifests = await converge('rbac', environment, '--converge-account', account);
  await world.apply(manifests);
  return manifests;
}

const job = (name: string, annotations: Record<string, string>): string =>
  `apiVersion: batch/v1
kind: Job
metadata: { name: ${name}, annotations: ${JSON.stringify(annotations)} }
spec: { template: { spec: { restartPolicy: Never, containers: [{ name: c, image: shop:1 }] } } }
`;

const crd = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'tariffs.family.example' },
  spec: {
    group: 'family.example',
    scope: 'Namespaced',
    names: { kind: 'Tariff', plural: 'tariffs', singular: 'tariff', listKind: 'TariffList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};

/**
 * A chart with hooks and a random password, and plain manifests of all sorts: in another namespace, without one, of a
 * kind of its own.
 */
const acme: Files = {
  'environments/acme.yaml': environmentFile('acme', {
    cluster: 'apart',
    deletion: 'prune',
    sources: [{ helm: { chart: 'charts/shop', release: 'shop' } }, { manifests: 'manifests/acme' }],
  }),
  'charts/shop/Chart.yaml': 'apiVersion: v2\nname: shop\nversion: 1.0.0\n',
  'charts/shop/values.yaml': 'level: "1"\n',
  'charts/shop/templates/settings.yaml':
    'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings }\ndata: { level: {{ .Values.level | quote }} }\n',
  'charts/shop/templates/password.yaml':
    'apiVersion: v1\nkind: Secret\nmetadata: { name: password }\nstringData: { password: {{ randAlphaNum 16 | quote }} }\n',
  'charts/shop/templates/migrate.yaml': job('migrate', {
    'helm.sh/hook': 'pre-install,pre-upgrade',
    'helm.sh/hook-delete-policy': 'before-hook-creation',
  }),
  'charts/shop/templates/farewell.yaml': job('farewell', {
    'helm.sh/hook': 'post-delete',
    'helm.sh/hook-delete-policy': 'hook-succeeded',
  }),
  'manifests/acme/web.yaml': deployment('web', 'shop:1'),
  'manifests/acme/shared.yaml': configMap('shared', { a: 'b' }, { namespace: 'acme-shared' }),
  'manifests/acme/priority.yaml': JSON.stringify({
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name: 'acme-high' },
    value: 1000,
  }),
  'manifests/acme/definition.yaml': JSON.stringify(crd),
  'manifests/acme/tariff.yaml': JSON.stringify({
    apiVersion: 'family.example/v1',
    kind: 'Tariff',
    metadata: { name: 'basic' },
    spec: { price: 1 },
  }),
};

const ruleSchema = z.object({
  apiGroups: z.array(z.string()).optional(),
  resources: z.array(z.string()).default([]),
  resourceNames: z.array(z.string()).optional(),
  verbs: z.array(z.string()),
});
const manifestSchema = z.object({
  kind: z.string(),
  metadata: z.object({ name: z.string(), namespace: z.string().optional() }),
  rules: z.array(ruleSchema).optional(),
});

describe('an environment that acts as itself', () => {
  it('is told that nobody lets it, and which command does', async () => {
    await push(acme);
    expect(await inProcess.run('acme')).toMatchObject({
      outcome: 'diverged',
      reason: 'Failed',
      summary: expect.stringContaining('`converge rbac master/acme --converge-account ACCOUNT`') as string,
    });
  });

  it('converges with the rights that the command prints, and those alone', async () => {
    const manifests = await grant('acme');
    const parsed = loadAll(manifests).map((document) => manifestSchema.parse(document));
    const kinds = parsed.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? '-'}`);
    expect(kinds).toEqual([
      'Namespace -',
      'Namespace -',
      'ClusterRole -',
      'ClusterRoleBinding -',
      'Role acme',
      'RoleBinding acme',
      'Role acme-shared',
      'RoleBinding acme-shared',
      'ClusterRole -',
      'ClusterRoleBinding -',
    ]);
    const resources = parsed.flatMap(({ rules }) => rules ?? []).flatMap((rule) => rule.resources);
    expect([...new Set(resources)].sort()).toEqual([
      'configmaps',
      'controllerrevisions',
      'customresourcedefinitions',
      'deployments',
      'events',
      'groups',
      'jobs',
      'namespaces',
      'pods',
      'priorityclasses',
      'replicasets',
      'secrets',
      'serviceaccounts',
      'tariffs',
      'users',
    ]);
    expect(await bring('acme')).toMatchObject({ outcome: 'converged' });
    expect(await inProcess.run('acme')).toMatchObject({ outcome: 'unchanged' });
  });

  it('shows people what is in its cluster with those rights, and those alone', async () => {
    await world.kubectl('set', 'image', 'deployment/web', 'web=shop:debug', '--namespace', 'acme');
    const { limits } = configKeysSchema.pick({ limits: true }).parse({});
    const ask = async (question: Question) =>
      inspect(
        {
          repository: 'master',
          environment: 'acme',
          repositories: { master: {} },
          limits,
          question,
          shownTo: () => [],
        },
        inProcess.ports,
      );
    const objects = objectsAnswerSchema.parse(await ask({ asks: 'objects', tree: true }));
    expect(objects.unread).toEqual([]);
    expect(objects.objects.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['Deployment', 'ReplicaSet', 'Pod', 'PriorityClass', 'Tariff']),
    );
    const { unread, objects: differing } = diffAnswerSchema.parse(await ask({ asks: 'diff' }));
    expect({ unread, differing }).toMatchObject({
      unread: [],
      differing: [{ kind: 'Deployment', name: 'web', fields: [{ desired: 'shop:1', observed: 'shop:debug' }] }],
    });
    expect(await ask({ asks: 'events', since: undefined })).toMatchObject({ unread: [] });
    const web = { kind: 'deployment', name: 'web', namespace: undefined };
    expect(await ask({ asks: 'why', ...web })).toMatchObject({ unread: [], objects: [{ name: 'web' }] });
    // Of what is another's it may see nothing.
    await expect(ask({ asks: 'why', kind: 'pod', name: 'other', namespace: 'kube-system' })).rejects.toMatchObject({
      code: 'BadRequest',
    });
  });

  it('heals what drifted', async () => {
    await world.kubectl('set', 'image', 'deployment/web', 'web=shop:debug', '--namespace', 'acme');
    expect(await bring('acme')).toMatchObject({ outcome: 'converged' });
    expect(
      await world.kubectl(
        'get',
        'deployment',
        'web',
        '--namespace',
        'acme',
        '--output',
        'jsonpath={.spec.template.spec.containers[0].image}',
      ),
    ).toBe('shop:1');
  });

  it('runs hooks again, and prunes what Git no longer specifies', async () => {
    const before = await world.find('job', 'migrate', 'acme');
    await push({
      'charts/shop/values.yaml': 'level: "2"\n',
      'manifests/acme/tariff.yaml': undefined,
      'manifests/acme/shared.yaml': undefined,
    });
    expect(await bring('acme')).toMatchObject({ outcome: 'converged' });
    expect((await world.find('job', 'migrate', 'acme'))?.metadata.uid).not.toBe(before?.metadata.uid);
    expect((await world.find('configmap', 'settings', 'acme'))?.data).toEqual({ level: '2' });
    expect(await world.find('tariff', 'basic', 'acme')).toBeUndefined();
    expect(await world.find('configmap', 'shared', 'acme-shared')).toBeUndefined();
  });

  it('needs rights for a kind that is new to it, and says so', async () => {
    await push({
      'manifests/acme/account.yaml': JSON.stringify({
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { name: 'shop' },
      }),
    });
    expect(await bring('acme')).toMatchObject({
      outcome: 'diverged',
      reason: 'Failed',
      summary: expect.stringContaining('`converge rbac master/acme` prints the rights') as string,
    });
    await grant('acme');
    expect(await bring('acme')).toMatchObject({ outcome: 'converged' });
  });

  it("cannot touch what is another environment's", async () => {
    await push({
      'environments/intruder.yaml': environmentFile('intruder', { cluster: 'apart' }),
      'manifests/intruder/own.yaml': configMap('own', { a: '1' }),
    });
    await grant('intruder');
    expect(await bring('intruder')).toMatchObject({ outcome: 'converged' });
    await push({ 'manifests/intruder/other.yaml': configMap('stolen', { a: '1' }, { namespace: 'acme' }) });
    expect(await bring('intruder')).toMatchObject({
      outcome: 'diverged',
      reason: 'Failed',
      summary: expect.stringContaining('converge:master:intruder') as string,
    });
    expect(await world.find('configmap', 'stolen', 'acme')).toBeUndefined();
    const asIntruder = [
      '--as',
      'converge:master:intruder',
      '--as-group',
      'converge:environments',
      '--namespace',
      'acme',
    ];
    await expect(world.kubectl('auth', 'can-i', 'get', 'secrets', ...asIntruder)).rejects.toThrow();
    await push({ 'manifests/intruder/other.yaml': undefined });
    expect(await bring('intruder')).toMatchObject({ outcome: 'converged' });
  });

  it("reads Helm's record of a release that it adopts with the rights that are printed for that, and takes none that it may not read for absent", async () => {
    const adopter = (adopt: boolean): Files => ({
      'environments/adopter.yaml': environmentFile('adopter', {
        cluster: 'apart',
        adopt,
        sources: [{ helm: { chart: 'charts/adopted', release: 'shop' } }],
      }),
    });
    const hooks = Object.fromEntries(
      ['pre-install', 'pre-upgrade'].map((event) => [
        `charts/adopted/templates/${event}.yaml`,
        job(event, { 'helm.sh/hook': event }),
      ]),
    );
    await push({
      ...adopter(false),
      ...hooks,
      'charts/adopted/Chart.yaml': 'apiVersion: v2\nname: adopted\nversion: 1.0.0\n',
      'charts/adopted/templates/a.yaml': configMap('a', {}),
    });
    await grant('adopter');
    const labels = { owner: 'helm', name: 'shop', status: 'deployed', version: '1' };
    await world.apply(
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Secret',
        type: 'helm.sh/release.v1',
        metadata: { name: 'sh.helm.release.v1.shop.v1', namespace: 'adopter', labels },
      }),
    );
    await push(adopter(true));
    expect(await bring('adopter')).toMatchObject({
      outcome: 'diverged',
      reason: 'Failed',
      summary: expect.stringMatching(/secrets.*403.*`converge rbac master\/adopter` prints the rights/) as string,
    });
    expect(await world.find('configmap', 'a', 'adopter')).toBeUndefined();
    await grant('adopter');
    expect(await bring('adopter')).toMatchObject({ outcome: 'converged' });
    expect(await world.find('job', 'pre-install', 'adopter')).toBeUndefined();
    expect(await world.find('job', 'pre-upgrade', 'adopter')).toBeDefined();
  });

  it('deletes a Namespace that says so, with the rights that show what is in it, and without them leaves it', async () => {
    const ns = (annotations: Record<string, string>): string =>
      JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'owner-jobs', annotations } });
    await push({
      'environments/owner.yaml': environmentFile('owner', { cluster: 'apart' }),
      'manifests/owner/a.yaml': configMap('a', {}),
      'manifests/owner/ns.yaml': ns({}),
    });
    await grant('owner');
    await push({ 'manifests/owner/ns.yaml': ns({ 'converge.dev/prune': 'true' }) });
    expect(await bring('owner')).toMatchObject({ outcome: 'converged' });
    await push({ 'manifests/owner/ns.yaml': undefined });
    expect(await bring('owner')).toMatchObject({
      outcome: 'diverged',
      reason: 'Guarded',
      summary: expect.stringContaining('cannot be told whether an environment lives in it') as string,
    });
    await grant('owner');
    expect(await bring('owner')).toMatchObject({ outcome: 'converged' });
    expect(await world.find('namespace', 'owner-jobs')).toBeUndefined();
  });

  it('has its rights printed for programs, and kinds that are defined elsewhere named', async () => {
    const certificate = { apiVersion: 'cert-manager.io/v1', kind: 'Certificate', metadata: { name: 'web' }, spec: {} };
    await push({
      'environments/certified.yaml': environmentFile('certified', { cluster: 'apart' }),
      'manifests/certified/certificate.yaml': JSON.stringify(certificate),
    });
    await expect(converge('rbac', 'certified')).rejects.toThrow(
      /exit code 2: .*Certificate\.cert-manager\.io[^]*--resource Certificate\.cert-manager\.io=PLURAL/,
    );
    const printed = await converge(
      '--output',
      'json',
      'rbac',
      'certified',
      '--resource',
      'Certificate.cert-manager.io=certificates',
    );
    const answer = z
      .object({
        user: z.string(),
        cluster: z.string(),
        revision: z.string(),
        manifests: z.array(manifestSchema),
        notes: z.array(z.string()),
      })
      .parse(JSON.parse(printed));
    expect(answer).toMatchObject({ user: 'converge:master:certified', cluster: 'apart' });
    expect(answer.manifests.flatMap(({ rules }) => rules ?? [])).toContainEqual({
      apiGroups: ['cert-manager.io'],
      resources: ['certificates'],
      verbs: ['get', 'list', 'create', 'patch', 'delete'],
    });
    expect(answer.notes.some((note) => note.includes('--converge-account'))).toBe(true);
  });

  it('takes everything away that it brought, when its file is removed', async () => {
    await push({ 'environments/acme.yaml': undefined });
    expect(await bring('acme')).toMatchObject({ outcome: 'removed' });
    for (const [kind, name] of [
      ['configmap', 'settings'],
      ['secret', 'password'],
      ['deployment', 'web'],
      ['configmap', 'converge-acme'],
      ['secret', 'converge-acme-seed'],
    ] as const) {
      expect(await world.find(kind, name, 'acme')).toBeUndefined();
    }
    expect(await world.find('priorityclass', 'acme-high')).toBeUndefined();
  });
});
