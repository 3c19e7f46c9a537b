import { describe, expect, it } from 'vitest';
import { ConvergeError } from '../../../../shared/base/errors.ts';
import { configSchema } from '../../../../shared/config/config.ts';
import { parseEnvironmentFile } from '../../../../shared/environment/environment-file.ts';
import type { Incident } from '../../../../shared/memory/incident.ts';
import {
  accept,
  loggedAcceptSchema,
  type AcceptPorts,
  type AcceptResult,
  type AcceptSettings,
} from '../../../../shared/pipeline/act/accept.ts';
import type { ActionOf } from '../../../../shared/pipeline/act/action.ts';
import type { DiffAnswer, ObjectDifference } from '../../../../shared/pipeline/inspect/answers.ts';
import type { GitHosts } from '../../../../shared/ports/git-hosts.ts';
import type { Repository } from '../../../../shared/ports/git.ts';
import { parseAction } from '../../../../shared/source/action-message.ts';
import { createWorld, type World } from '../reconcile/world/world.ts';
import type { Changes } from '../reconcile/world/repository.ts';
import { smallRenderer } from './small-renderer.ts';

const id = '0123456789abcdef';
const branch = 'refs/heads/converge/accept-0123456789abcdef';
const incident: Incident = {
  ...{ id, since: '2026-11-21T00:50:00.000Z', subject: 'ConfigMap acme/a', objects: [], occurrence: 1, told: true },
  ...{ reason: 'Drifted', revision: 'main@sha1:0', summary: 'v differs' },
};

const environmentFile = (name: string, source: string, spec: readonly string[] = []): string =>
  [
    '# Who is asked: Olivia',
    ...['apiVersion: converge.dev/v1', 'kind: Environment', `metadata: { name: ${name} }`, 'spec:'],
    ...['cluster: sandbox', 'namespace: acme', `sources: [{ ${source} }]`, ...spec].map((line) => `  ${line}`),
    '',
  ].join('\n');

const manifests = {
  'environments/shop.yaml': environmentFile('shop', 'manifests: manifests/shop'),
  'manifests/shop/all.yaml': `# what the shop says
apiVersion: v1
kind: ConfigMap
metadata: { name: a }
data:
  v: '1' # for now
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1 # enough
  template:
    spec:
      containers:
        - name: app
          image: shop:1
---
apiVersion: v1
kind: ConfigMap
metadata: { name: b }
`,
};

type Field = Partial<ObjectDifference['fields'][number]> & { readonly path: string };

function differing(name: string, fields: readonly Field[], of: Partial<ObjectDifference> = {}): ObjectDifference {
  const isWorkload = name.startsWith('web');
  return {
    ...{ apiVersion: isWorkload ? 'apps/v1' : 'v1', kind: isWorkload ? 'Deployment' : 'ConfigMap', namespace: 'acme' },
    ...{ name, change: 'modified', message: 'differs', by: 'cluster', fields: [...fields], ...of },
  };
}
const v2 = differing('a', [{ path: '/data/v', desired: '1', observed: '2' }]);

interface Scene {
  readonly world: World;
  readonly ports: AcceptPorts;
  readonly settings: AcceptSettings;
  readonly proposed: Parameters<GitHosts['propose']>[0][];
  objects: readonly ObjectDifference[];
  unread: DiffAnswer['unread'];
  unhidden: DiffAnswer['unhidden'];
  refuses: ConvergeError | undefined;
  ask(of?: Partial<ActionOf<'accept'>>): Promise<AcceptResult>;
  /** A file at the tip of the incident's branch. */
  file(path: string): string | undefined;
}

async function scene(files: Changes, objects: readonly ObjectDifference[], of: Partial<Incident> = {}): Promise<Scene> {
  const world = createWorld();
  world.git.add(files);
  await world.remember('shop', { incident: { ...incident, ...of } });
  const { refs } = world.git;
  const git: Repository = {
    ...world.git,
    fetchRef: async (name) => (refs.has(name) ? await world.git.findCommit(refs.get(name) ?? '') : undefined),
    async writeRef({ name, expected, commit }) {
      if (refs.get(name) !== expected) return 'moved';
      return await world.git.writeRef({ name, expected, commit });
    },
  };
  const made: Scene = {
    ...{ world, objects, unread: [], unhidden: [], proposed: [], refuses: undefined },
    ports: {
      ...world.ports,
      repository: () => git,
      renderer: smallRenderer(world.git.treeOf),
      gitHosts: {
        report: async () => ({ mergedBy: [] }),
        pullRequest: async () => Promise.reject(new Error('none is looked at')),
        showPlan: async () => Promise.reject(new Error('no plan is shown')),
        async propose(asked) {
          if (made.refuses !== undefined) throw made.refuses;
          made.proposed.push(asked);
          return { url: 'https://git.example.com/family/master/pull/7' };
        },
      },
      diffOf: async () => ({
        ...{ repository: 'master', environment: 'shop', cluster: 'sandbox', at: '', unhidden: made.unhidden },
        ...{ revision: `main@sha1:${await world.git.head()}`, unread: made.unread, objects: [...made.objects] },
      }),
    },
    settings: {
      limits: configSchema.shape.limits.parse({}),
      kubernetesVersion: 'v1.36.3',
      repositories: {
        master: configSchema.shape.repositories.valueType.parse({
          url: world.git.url,
          bucket: 'family-master',
          branch: 'main',
        }),
      },
      alerts: {
        gitHosts: [{ name: 'hub', kind: 'gitlab', api: 'https://git.example.com/api/v4', tokenSecretFile: '/token' }],
      },
    },
    ask: async (action = {}) =>
      await accept(
        { action: 'accept', environment: 'master/shop', incident: id, dryRun: false, ...action },
        'Olivia Ops <olivia@example.com>',
        made.ports,
        made.settings,
      ),
    file: (path) => world.git.treeOf(refs.get(branch) ?? '')[path],
  };
  return made;
}

describe('an accepted incident of a manifest', () => {
  it('is a branch and a pull request in which Git says what was observed, with all comments', async () => {
    const image = '/spec/template/spec/containers[name=app]/image';
    const web = differing('web', [
      { path: '/spec/replicas', desired: 1, observed: 3 },
      { path: image, desired: 'shop:1', observed: 'shop:2' },
      { path: '/metadata/labels/team', observed: 'blue' },
    ]);
    const at = await scene(manifests, [v2, web]);
    const result = await at.ask({ reason: 'the sale' });
    expect(result).toMatchObject({
      ...{ outcome: 'proposed', branch: 'converge/accept-0123456789abcdef', shared: [] },
      ...{ pullRequest: 'https://git.example.com/family/master/pull/7', openAt: null, unopened: null },
      objects: [
        { object: 'ConfigMap acme/a', how: 'manifest', file: 'manifests/shop/all.yaml', fields: ['/data/v'] },
        { object: 'Deployment acme/web', fields: ['/spec/replicas', image, '/metadata/labels/team'] },
      ],
    });
    const text = at.file('manifests/shop/all.yaml') ?? '';
    for (const line of [
      "  v: '2' # for now",
      '  replicas: 3 # enough',
      '          image: shop:2',
      '    team: blue',
      '# what the shop says',
    ])
      expect(text.split('\n')).toContain(line);
    const tip = await at.world.git.findCommit(at.world.git.refs.get(branch) ?? '');
    expect(tip?.parents).toEqual([await at.world.git.head()]);
    expect(parseAction(tip?.message ?? '')).toEqual({
      ...{ action: 'accept', environment: 'shop', by: 'Olivia Ops <olivia@example.com>' },
      ...{ reason: 'the sale', incident: id },
    });
    expect(at.proposed).toMatchObject([
      {
        project: 'family/master',
        from: 'converge/accept-0123456789abcdef',
        into: 'main',
        title: 'Accept the drift of ConfigMap acme/a and 1 more in shop',
      },
    ]);
    expect(at.proposed[0]?.body).toContain('Reason: `the sale`');
  });

  it('is the same branch where it is asked twice, and another commit of it where more differs', async () => {
    const at = await scene(manifests, [v2]);
    const first = await at.ask();
    expect(await at.ask()).toMatchObject({ outcome: 'nothing', commit: first.commit, pullRequest: first.pullRequest });
    at.objects = [differing('a', [{ path: '/data/v', desired: '1', observed: '3' }])];
    const second = await at.ask();
    expect(second).toMatchObject({ outcome: 'proposed' });
    expect(at.world.git.refs.get(branch)).toBe(second.commit);
    expect(at.file('manifests/shop/all.yaml')).toContain("v: '3' # for now");
  });

  it('is one commit where two ask at once', async () => {
    const at = await scene(manifests, [v2]);
    const both = await Promise.all([at.ask(), at.ask()]);
    expect(both.map(({ outcome }) => outcome).sort()).toEqual(['nothing', 'proposed']);
    expect(new Set(both.map(({ commit }) => commit)).size).toBe(1);
  });

  it('leaves a branch alone that somebody else committed to', async () => {
    const at = await scene(manifests, [v2]);
    await at.ask();
    const parent = at.world.git.refs.get(branch);
    const changes = [{ path: 'manifests/shop/all.yaml', content: Buffer.from('a: 1\n'), executable: false }];
    const theirs = await at.world.git.commit({ parent, message: 'Mine', changes });
    if (theirs === 'unchanged') throw new Error('nothing was committed');
    at.world.git.refs.set(branch, theirs.id);
    await expect(at.ask()).rejects.toMatchObject({
      code: 'AcceptRefused',
      problem: expect.stringMatching(/somebody else/),
    });
    expect(at.world.git.refs.get(branch)).toBe(theirs.id);
  });

  it('is only told with dryRun, as a diff', async () => {
    const at = await scene(manifests, [v2]);
    const result = await at.ask({ dryRun: true });
    expect(result).toMatchObject({ outcome: 'planned', commit: null, pullRequest: null });
    expect(result.files).toHaveLength(1);
    expect(result.files[0]?.diff).toContain("-  v: '1' # for now\n+  v: '2' # for now\n");
    expect(at.world.git.refs.size).toBe(0);
    expect(at.proposed).toEqual([]);
  });

  it('is written down without what its files say beside it', async () => {
    const secret = '---\nstringData: { key: sesame }\nkind: Secret\napiVersion: v1\nmetadata: { name: door }\n';
    const path = 'manifests/shop/all.yaml';
    const at = await scene({ ...manifests, [path]: manifests[path].replace('---\n', `${secret}---\n`) }, [v2]);
    const told = await at.ask({ dryRun: true });
    expect(told.files).toMatchObject([{ path, diff: expect.stringContaining('sesame') as unknown }]);
    expect(loggedAcceptSchema.parse(told)).toMatchObject({ outcome: 'planned', files: [{ path }] });
    expect(JSON.stringify(loggedAcceptSchema.parse(told))).not.toContain('sesame');
  });

  it('takes the document of an object away that somebody deleted', async () => {
    const gone = differing('a', [], { change: 'missing' });
    const at = await scene(manifests, [gone]);
    expect(await at.ask()).toMatchObject({ objects: [{ object: 'ConfigMap acme/a', how: 'manifest', fields: [] }] });
    const text = at.file('manifests/shop/all.yaml') ?? '';
    expect(text).not.toContain('name: a }');
    expect(text).toContain('replicas: 1 # enough');
    expect(text).toContain('name: b }');
  });

  it('names the other environments that are made of the same file', async () => {
    const other = { 'environments/blog.yaml': environmentFile('blog', 'manifests: manifests/shop') };
    const at = await scene({ ...manifests, ...other }, [v2]);
    expect(await at.ask()).toMatchObject({ shared: ['blog'] });
    expect(at.proposed[0]?.body).toContain('`blog`');
  });

  it('is there, and says so, where the host opens no pull request', async () => {
    const at = await scene(manifests, [v2]);
    at.refuses = new ConvergeError({ code: 'SinkRefused', subject: 'hub', message: 'says no', disposition: 'refuse' });
    expect(await at.ask()).toMatchObject({ outcome: 'proposed', pullRequest: null, unopened: 'hub: says no' });
    expect(at.world.git.refs.has(branch)).toBe(true);
  });

  it('says nothing where nothing differs any more', async () => {
    const at = await scene(manifests, []);
    expect(await at.ask()).toMatchObject({ outcome: 'nothing', branch: null, files: [] });
  });
});

describe('what is not accepted', () => {
  const secret = { kind: 'Secret', name: 'keys' };
  it.each<[string, readonly ObjectDifference[], Partial<Incident>, RegExp]>([
    ['a closed incident', [v2], { closedAt: '2026-11-21T00:55:00.000Z' }, /was closed at 2026-11-21/],
    ['one of another kind', [v2], { reason: 'Failed' }, /is no drift \(Failed\)/],
    ['one that is not known', [v2], { id: 'another' }, /is no incident that master\/shop remembers/],
    ['a value of a Secret', [differing('keys', [{ path: '/data/p', observed: '***' }], secret)], {}, /is a Secret/],
    ['a copy of one', [differing('a', [{ path: '/data/v', observed: 'x ***' }])], {}, /holds what a Secret holds/],
    [
      'a value that is cut',
      [differing('a', [{ path: '/data/v', observed: 'x…', omitted: ['observed'] }])],
      {},
      /too long/,
    ],
    ['what a commit changed, too', [{ ...v2, by: 'commit' }], {}, /a commit changed it, too/],
    ['what was made by hand', [differing('c', [], { change: 'unexpected' })], {}, /was made in the cluster/],
    ['what Git does not make', [differing('z', [{ path: '/data/v', observed: '2' }])], {}, /is made of no file/],
  ])('is %s, with the reason', async (_what, objects, of, problem) => {
    const at = await scene(manifests, objects, of);
    await expect(at.ask()).rejects.toMatchObject({ code: 'AcceptRefused', problem: expect.stringMatching(problem) });
    expect(at.world.git.refs.size).toBe(0);
  });

  it('is what could not be looked at', async () => {
    const at = await scene(manifests, []);
    at.unread = [{ what: 'ConfigMap acme/a', message: 'forbidden' }];
    await expect(at.ask()).rejects.toMatchObject({ problem: 'cannot be looked at: forbidden' });
  });

  it('is any value where Secrets could not be read, of which it may be a copy', async () => {
    const at = await scene(manifests, [v2]);
    at.unhidden = [{ what: 'Secrets of acme', message: 'forbidden' }];
    await expect(at.ask()).rejects.toMatchObject({
      subject: 'Secrets of acme',
      problem: expect.stringMatching(/nobody knows whether/),
    });
  });

  it('is a value that another one of the file is an alias of', async () => {
    const aliased = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\ndata: { v: &v '1', w: *v }\n";
    const at = await scene({ ...manifests, 'manifests/shop/all.yaml': aliased }, [v2]);
    await expect(at.ask()).rejects.toMatchObject({ code: 'AcceptRefused' });
    expect(at.world.git.refs.size).toBe(0);
  });
});

describe('an accepted incident of an overlay', () => {
  const base = manifests['manifests/shop/all.yaml'];
  const kustomization = '# the shop\nresources:\n  - ../base/all.yaml # all\n';
  const files = {
    'environments/shop.yaml': environmentFile('shop', 'kustomize: overlays/shop'),
    'overlays/base/all.yaml': base,
    'overlays/shop/kustomization.yaml': kustomization,
  };
  const replicas = differing('web', [{ path: '/spec/replicas', desired: 1, observed: 3 }]);

  it('adds a patch', async () => {
    const at = await scene(files, [v2, replicas]);
    expect(await at.ask()).toMatchObject({ objects: [{ how: 'patch' }, { how: 'patch' }] });
    expect(at.file('overlays/base/all.yaml')).toBe(base);
    expect(at.file('overlays/shop/kustomization.yaml')).toContain('  - ../base/all.yaml # all\npatches:');
    expect(at.file('overlays/shop/accepted-deployment-web.yaml')).toBe(
      'apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: 3\n',
    );
  });

  it('goes on with a patch that is there', async () => {
    const patch = 'apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web # ours\nspec:\n  replicas: 2\n';
    const patched = {
      ...files,
      'overlays/shop/kustomization.yaml': `${kustomization}patches:\n  - path: web.yaml\n`,
      'overlays/shop/web.yaml': patch,
    };
    const at = await scene(patched, [differing('web', [{ path: '/spec/replicas', desired: 2, observed: 3 }])]);
    expect(await at.ask()).toMatchObject({ objects: [{ how: 'patch', file: 'overlays/shop/web.yaml' }] });
    expect(at.file('overlays/shop/web.yaml')).toBe(patch.replace('replicas: 2', 'replicas: 3'));
  });

  it('changes what the kustomization sets after its patches', async () => {
    const set = `${kustomization}replicas:\n  - name: web\n    count: 2 # by night\n`;
    const at = await scene({ ...files, 'overlays/shop/kustomization.yaml': set }, [
      differing('web', [{ path: '/spec/replicas', desired: 2, observed: 3 }]),
    ]);
    await at.ask();
    expect(at.file('overlays/shop/kustomization.yaml')).toBe(set.replace('2 # by', '3 # by'));
  });

  it('calls the object as its base does, and takes one away that was deleted', async () => {
    const prefixed = { ...files, 'overlays/shop/kustomization.yaml': `namePrefix: my-\n${kustomization}` };
    const at = await scene(prefixed, [differing('my-a', [], { change: 'missing' })]);
    await at.ask();
    expect(at.file('overlays/shop/accepted-configmap-a.yaml')).toContain('$patch: delete');
  });
});

describe('an accepted incident of a chart', () => {
  const template = `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: {{ .Values.replicas }}
  minReadySeconds: 2
  template:
    spec:
      containers:
        - name: app
          image: "shop:{{ .Values.image.tag }}"
`;
  const files = {
    'environments/shop.yaml': environmentFile(
      'shop',
      'helm: { chart: charts/shop, release: shop, values: [config/all.yaml, config/shop.yaml] }',
    ),
    'environments/blog.yaml': environmentFile(
      'blog',
      'helm: { chart: charts/shop, release: blog, values: [config/all.yaml] }',
    ),
    'charts/shop/values.yaml': 'replicas: 2\nother: 2\nimage: { tag: "1" }\n',
    'charts/shop/templates/web.yaml': template,
    'config/all.yaml': '# of all\nreplicas: 2\n',
    'config/shop.yaml': '# of the shop\nimage:\n  tag: "5" # tested\n',
  };
  const replicas = { path: '/spec/replicas', desired: 2, observed: 3 };
  const image = { path: '/spec/template/spec/containers[name=app]/image', desired: 'shop:5', observed: 'shop:6' };
  const ready = { path: '/spec/minReadySeconds', desired: 2, observed: 4 };

  it('sets the values that render it, in the file that is its own', async () => {
    const at = await scene(files, [differing('web', [replicas, image])]);
    expect(await at.ask()).toMatchObject({
      shared: [],
      objects: [{ how: 'values' }, { how: 'values', file: 'config/shop.yaml' }],
    });
    expect(at.file('config/shop.yaml')).toBe('# of the shop\nimage:\n  tag: "6" # tested\nreplicas: 3\n');
    expect(at.file('config/all.yaml')).toBe(files['config/all.yaml']);
  });

  it('ignores what no value says, by a rule of its file, and only that', async () => {
    const at = await scene(files, [differing('web', [replicas, ready])]);
    expect(await at.ask()).toMatchObject({
      objects: [
        { how: 'values' },
        { how: 'ignored', file: 'environments/shop.yaml', fields: ['/spec/minReadySeconds'] },
      ],
    });
    const text = at.file('environments/shop.yaml') ?? '';
    expect(text).toContain('# Who is asked: Olivia');
    expect(text).toMatch(
      /ignore:\n +- target:\n +group: apps\n +kind: Deployment\n +namespace: acme\n +name: web\n +paths:\n +- \/spec\/minReadySeconds\n/,
    );
  });

  it('sets no value that changes anything else, too', async () => {
    const both = template.replace('minReadySeconds: 2', 'minReadySeconds: {{ .Values.replicas }}');
    const at = await scene({ ...files, 'charts/shop/templates/web.yaml': both }, [differing('web', [replicas])]);
    expect(await at.ask()).toMatchObject({ objects: [{ how: 'ignored', fields: ['/spec/replicas'] }] });
    at.objects = [differing('web', [replicas, { ...ready, observed: 3 }])];
    expect(await at.ask()).toMatchObject({
      objects: [{ how: 'values', fields: ['/spec/replicas', '/spec/minReadySeconds'] }],
    });
    expect(at.file('config/shop.yaml')).toContain('replicas: 3');
  });

  it('goes on with the rule of the object that is there', async () => {
    const rule = [
      'ignore:',
      '  - target: { kind: Deployment, namespace: acme, name: web }',
      '    paths: [/spec/paused]',
    ];
    const file = environmentFile(
      'shop',
      'helm: { chart: charts/shop, release: shop, values: [config/shop.yaml] }',
      rule,
    );
    const at = await scene({ ...files, 'environments/shop.yaml': file }, [differing('web', [ready])]);
    await at.ask();
    expect(at.file('environments/shop.yaml')).toContain('[/spec/paused, "/spec/minReadySeconds"]');
  });

  it('adds a rule beside that of another object, which has its name and its kind', async () => {
    const rule = [
      'ignore:',
      '  - target: { group: example.com, kind: Deployment, namespace: acme, name: web }',
      '    paths: [/spec/paused]',
    ];
    const source = 'helm: { chart: charts/shop, release: shop, values: [config/shop.yaml] }';
    const at = await scene({ ...files, 'environments/shop.yaml': environmentFile('shop', source, rule) }, [
      differing('web', [ready]),
    ]);
    await at.ask();
    const { ignore } = parseEnvironmentFile({
      file: 'environments/shop.yaml',
      text: at.file('environments/shop.yaml') ?? '',
    });
    expect(ignore).toMatchObject([
      { target: { group: 'example.com' }, paths: ['/spec/paused'] },
      { target: { group: 'apps' }, paths: ['/spec/minReadySeconds'] },
    ]);
  });

  it('is refused where an object of it was deleted', async () => {
    const at = await scene(files, [differing('web', [], { change: 'missing' })]);
    await expect(at.ask()).rejects.toMatchObject({ problem: expect.stringMatching(/by the chart/) });
  });
});
