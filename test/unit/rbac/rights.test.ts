import { describe, expect, it } from 'vitest';
import { builtInResources, definedResources } from '../../../shared/rbac/known-resources.ts';
import { rbacManifests } from '../../../shared/rbac/manifests.ts';
import { rbacNotes } from '../../../shared/rbac/notes.ts';
import { rightsOf, type Needs, type PlacedObject } from '../../../shared/rbac/rights.ts';

const own = { namespace: 'acme', parents: ['converge-acme'], members: [], hooks: [], lookups: [] } satisfies Needs;

function resourceOf(kind: string) {
  const resource = builtInResources.find((known) => known.kind === kind);
  if (resource === undefined) throw new Error(`${kind} is not built in`);
  return resource;
}

function object(kind: string, name: string, namespace: string | undefined = 'acme'): PlacedObject {
  const resource = resourceOf(kind);
  return {
    resource,
    id: { group: resource.group, kind, name, namespace: resource.namespaced ? namespace : undefined },
  };
}

const mine = [
  {
    apiGroups: [''],
    resources: ['configmaps'],
    resourceNames: ['converge-acme'],
    verbs: ['get', 'create', 'patch', 'delete'],
  },
  {
    apiGroups: [''],
    resources: ['secrets'],
    resourceNames: ['converge-acme-seed'],
    verbs: ['get', 'create', 'patch', 'delete'],
  },
];
const discovery = [
  { nonResourceURLs: ['/api', '/apis', '/version'], verbs: ['get'] },
  { apiGroups: [''], resources: ['namespaces'], resourceNames: ['acme'], verbs: ['get'] },
];
const all = ['get', 'list', 'create', 'patch', 'delete'];
/** Who refers to what pods may refer to. */
const referrers = [
  { apiGroups: [''], resources: ['pods', 'serviceaccounts'], verbs: ['list'] },
  { apiGroups: ['apps'], resources: ['controllerrevisions', 'replicasets'], verbs: ['list'] },
  { apiGroups: ['batch'], resources: ['jobs'], verbs: ['list'] },
];

describe('the rights of an environment', () => {
  it('are those of Converge itself where it has nothing', () => {
    expect(rightsOf(own)).toEqual({ cluster: discovery, namespaces: new Map([['acme', mine]]) });
  });

  it('cover a kind where it has objects of it, and its list where it has others: the inventory is read by both', () => {
    const { cluster, namespaces } = rightsOf({
      ...own,
      members: [object('ServiceAccount', 'web'), object('Service', 'web', 'shared')],
    });
    expect(cluster).toEqual(discovery);
    const rules = [...mine, ...referrers, { apiGroups: [''], resources: ['serviceaccounts'], verbs: all }];
    expect(namespaces.get('acme')).toHaveLength(rules.length);
    expect(namespaces.get('acme')).toEqual(
      expect.arrayContaining([
        ...mine,
        ...referrers.slice(1),
        { apiGroups: [''], resources: ['serviceaccounts'], verbs: all },
        { apiGroups: [''], resources: ['pods', 'services'], verbs: ['list'] },
      ]),
    );
    expect(namespaces.get('shared')).toEqual([
      { apiGroups: [''], resources: ['events', 'serviceaccounts'], verbs: ['list'] },
      { apiGroups: [''], resources: ['services'], verbs: all },
    ]);
  });

  it('show everything in a Namespace that it may delete, since all of it would go', () => {
    const { namespaces } = rightsOf({ ...own, deletableNamespaces: ['acme-jobs'] });
    expect(namespaces).toEqual(
      new Map<string, unknown>([
        ['acme', mine],
        ['acme-jobs', [{ apiGroups: ['*'], resources: ['*'], verbs: ['list'] }]],
      ]),
    );
  });

  it('show the definitions of kinds that others define, and all objects of a kind whose definition it may delete', () => {
    const good = { group: 'bugs.example', version: 'v1', kind: 'Good', plural: 'goods', namespaced: true };
    const id = { group: good.group, kind: good.kind, namespace: 'acme', name: 'one' };
    expect(rightsOf({ ...own, members: [{ resource: good, id }] }).cluster).toContainEqual({
      apiGroups: ['apiextensions.k8s.io'],
      resources: ['customresourcedefinitions'],
      verbs: ['list'],
    });
    expect(rightsOf({ ...own, deletableKinds: [good] }).cluster).toContainEqual({
      apiGroups: ['bugs.example'],
      resources: ['goods'],
      verbs: ['list'],
    });
  });

  it("show Helm's own records where it adopts releases", () => {
    const rules = rightsOf({ ...own, adoptsReleases: true }).namespaces.get('acme');
    expect(rules).toHaveLength(3);
    expect(rules).toEqual(
      expect.arrayContaining([...mine, { apiGroups: [''], resources: ['configmaps', 'secrets'], verbs: ['list'] }]),
    );
  });

  it('leave no rule for one name beside a rule for all', () => {
    expect(rightsOf({ ...own, members: [object('ConfigMap', 'settings')] }).namespaces.get('acme')).toEqual([
      { apiGroups: [''], resources: ['configmaps'], verbs: all },
      referrers[0],
      mine[1],
      ...referrers.slice(1),
    ]);
  });

  it('show the classes of claims', () => {
    const shown = { apiGroups: ['storage.k8s.io'], resources: ['storageclasses'], verbs: ['get'] };
    expect(rightsOf({ ...own, members: [object('PersistentVolumeClaim', 'data')] }).cluster).toContainEqual(shown);
    expect(rightsOf({ ...own, members: [object('ConfigMap', 'settings')] }).cluster).not.toContainEqual(shown);
  });

  it('show the pods of workloads and the events, and nothing else may be done to them', () => {
    const rules = rightsOf({ ...own, members: [object('Deployment', 'web')] }).namespaces.get('acme') ?? [];
    expect(rules).toContainEqual({ apiGroups: [''], resources: ['events', 'pods'], verbs: ['list'] });
    expect(rules).toContainEqual({ apiGroups: ['apps'], resources: ['replicasets'], verbs: ['list'] });
    expect(rightsOf({ ...own, members: [object('StatefulSet', 'db')] }).namespaces.get('acme')).not.toContainEqual({
      apiGroups: ['apps'],
      resources: ['replicasets'],
      verbs: ['list'],
    });
  });

  it('show the Jobs and the Pods of a CronJob', () => {
    const rules = rightsOf({ ...own, members: [object('CronJob', 'nightly')] }).namespaces.get('acme') ?? [];
    expect(rules).toContainEqual({ apiGroups: [''], resources: ['events', 'pods'], verbs: ['list'] });
    expect(rules).toContainEqual({ apiGroups: ['batch'], resources: ['jobs'], verbs: ['list'] });
  });

  it.each(['Deployment', 'StatefulSet', 'Job', 'PersistentVolumeClaim', 'Service'])(
    'show the events of a namespace where a %s is, which say what became of it',
    (kind) => {
      const { namespaces } = rightsOf({ ...own, members: [object(kind, 'web', 'shared')] });
      const shown = expect.objectContaining({
        apiGroups: [''],
        resources: expect.arrayContaining(['events']),
        verbs: ['list'],
      });
      expect(namespaces.get('shared')).toContainEqual(shown);
      expect(namespaces.get('acme')).not.toContainEqual(shown);
    },
  );

  it('show who refers to what pods may refer to, where such an object is, since it is pruned when nobody does', () => {
    for (const kind of ['ConfigMap', 'Secret', 'PersistentVolumeClaim']) {
      const { namespaces } = rightsOf({ ...own, members: [object(kind, 'a', 'shared')] });
      const shown =
        kind === 'PersistentVolumeClaim'
          ? [
              { apiGroups: [''], resources: ['events', 'pods', 'serviceaccounts'], verbs: ['list'] },
              ...referrers.slice(1),
            ]
          : referrers;
      expect(namespaces.get('shared')).toEqual(expect.arrayContaining(shown));
      expect(namespaces.get('acme')).not.toContainEqual(referrers[0]);
    }
  });

  it('name what has no namespace, but for its list', () => {
    expect(rightsOf({ ...own, members: [object('ClusterRole', 'b'), object('ClusterRole', 'a')] }).cluster).toEqual([
      ...discovery,
      {
        apiGroups: ['rbac.authorization.k8s.io'],
        resources: ['clusterroles'],
        resourceNames: ['a', 'b'],
        verbs: ['get', 'create', 'patch', 'delete'],
      },
      { apiGroups: ['rbac.authorization.k8s.io'], resources: ['clusterroles'], verbs: ['list'] },
    ]);
  });

  it('let hooks run, and list nothing for them but the pods and events of their namespace, which say why one failed', () => {
    const rules = rightsOf({ ...own, hooks: [object('Job', 'migrate')] }).namespaces.get('acme');
    expect(rules).toContainEqual({
      apiGroups: ['batch'],
      resources: ['jobs'],
      verbs: ['get', 'create', 'patch', 'delete'],
    });
    expect(rules).toContainEqual({ apiGroups: [''], resources: ['events', 'pods'], verbs: ['list'] });
    expect(rightsOf({ ...own, hooks: [object('ConfigMap', 'settings')] }).namespaces.get('acme')).toHaveLength(2);
  });

  it('cover what templates look up, one or all, here or everywhere', () => {
    const resource = resourceOf('Secret');
    const { cluster, namespaces } = rightsOf({
      ...own,
      lookups: [
        { resource, namespace: 'acme', name: 'ca' },
        { resource, namespace: undefined, name: undefined },
      ],
    });
    expect(namespaces.get('acme')).toContainEqual({
      apiGroups: [''],
      resources: ['secrets'],
      resourceNames: ['ca'],
      verbs: ['get'],
    });
    expect(cluster).toContainEqual({ apiGroups: [''], resources: ['secrets'], verbs: ['list'] });
  });

  it('reach what it owns under its previous names', () => {
    const rules = rightsOf({ ...own, parents: ['converge-acme', 'converge-initech'] }).namespaces.get('acme') ?? [];
    expect(rules.map((rule) => rule.resourceNames)).toEqual([
      ['converge-acme', 'converge-initech'],
      ['converge-acme-seed', 'converge-initech-seed'],
    ]);
  });
});

describe('the manifests', () => {
  const who = { repository: 'master', environment: 'acme' };
  const titles = (...accounts: string[]) =>
    rbacManifests({
      who,
      rights: rightsOf({ ...own, members: [object('Service', 'dns', 'kube-system')] }),
      accounts,
    }).map(({ kind, metadata }) => `${kind} ${metadata.name ?? ''}`);

  it('make the namespaces that no cluster brings along', () => {
    expect(titles().filter((title) => title.startsWith('Namespace'))).toEqual(['Namespace acme']);
  });

  it('let nobody act as the environment unless somebody is named', () => {
    expect(titles().filter((title) => title.includes('impersonate'))).toEqual([]);
    expect(titles('c@family.iam').filter((title) => title.includes('impersonate'))).toEqual([
      'ClusterRole converge:master:acme:impersonate',
      'ClusterRoleBinding converge:master:acme:impersonate',
    ]);
    expect(titles('c@family.iam', 'i@family.iam').filter((title) => title.includes('impersonate'))).toHaveLength(2);
    const [binding] = rbacManifests({ who, rights: rightsOf(own), accounts: ['c@family.iam', 'i@family.iam'] }).slice(
      -1,
    );
    expect(binding).toMatchObject({ subjects: [{ name: 'c@family.iam' }, { name: 'i@family.iam' }] });
  });
});

describe('what is known without a cluster', () => {
  it('has the plurals of Kubernetes itself', () => {
    const plurals = builtInResources.map(({ kind, plural }) => `${kind}=${plural}`);
    for (const plural of [
      'Ingress=ingresses',
      'NetworkPolicy=networkpolicies',
      'Endpoints=endpoints',
      'StorageClass=storageclasses',
      'Deployment=deployments',
    ])
      expect(plurals).toContain(plural);
    expect(builtInResources.filter(({ namespaced }) => !namespaced).map(({ kind }) => kind)).toContain(
      'PersistentVolume',
    );
    expect(builtInResources.find(({ kind }) => kind === 'PersistentVolumeClaim')?.namespaced).toBe(true);
  });

  it('has what definitions define, in the versions that are served', () => {
    const versions = [
      { name: 'v1', served: true },
      { name: 'v1alpha1', served: false },
    ];
    const definition = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'x' },
      spec: { group: 'family.example', scope: 'Cluster', names: { kind: 'Tariff', plural: 'tariffs' }, versions },
    };
    expect(definedResources([definition])).toEqual([
      { group: 'family.example', version: 'v1', kind: 'Tariff', plural: 'tariffs', namespaced: false },
    ]);
  });
});

it('the notes name the roles and bindings whose rights are not given', () => {
  const role = (kind: string, name: string) => ({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind,
    metadata: { name, namespace: 'acme' },
  });
  const notes = rbacNotes({
    objects: [role('Role', 'reader'), role('RoleBinding', 'reads')],
    looksUp: true,
    accounts: [],
    kubernetesVersion: 'v1.36.3',
  });
  expect(notes.filter((note) => note.includes('Role acme/reader'))).toEqual([expect.stringContaining('`escalate`')]);
  expect(notes.filter((note) => note.includes('RoleBinding acme/reads'))).toEqual([expect.stringContaining('`bind`')]);
  expect(notes.some((note) => note.includes('looked up'))).toBe(true);
  expect(notes.some((note) => note.includes('--converge-account'))).toBe(true);
});
