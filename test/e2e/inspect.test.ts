import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  diffAnswerSchema,
  eventsAnswerSchema,
  objectsAnswerSchema,
  whyAnswerSchema,
} from '../../shared/pipeline/inspect/answers.ts';
import { acceptResultSchema } from '../../shared/pipeline/act/accept.ts';
import { planOutputSchema } from '../../cli/output-schemas.ts';
import { runConverge, type Ended } from './command.ts';
import {
  configMap,
  deployment,
  environmentFile,
  eventually,
  startWorldWithMaster,
  type Clone,
  type World,
} from './world.ts';
import { writeFiles } from '../write-files.ts';

const password = 'correct-horse-battery';
const secret = `apiVersion: v1
kind: Secret
metadata: { name: keys }
stringData: { password: ${password} }
`;

let world: World;
let master: Clone;
/** Holds a `.converge/local.json`, as beside a local pipeline. */
let folder: string;

beforeAll(async () => {
  ({ world, master } = await startWorldWithMaster());
  folder = await mkdtemp(join(tmpdir(), 'converge-inspect-'));
  await writeFiles(folder, { '.converge/local.json': JSON.stringify(world.pipeline.facts) });
  await master.push({
    // Healing would race with who looks at what differs.
    'environments/shop.yaml': environmentFile('shop', { selfHeal: false }),
    'manifests/shop/a.yaml': configMap('a', { v: '1', text: 'one\\ntwo\\nthree' }),
    'manifests/shop/web.yaml': deployment('web', 'shop:1'),
    'manifests/shop/keys.yaml': secret,
  });
  await eventually('shop converged', () => world.converged.some(({ environment }) => environment === 'shop'));
});
afterAll(async () => {
  await world.stop();
});

const converge = async (...parameters: string[]): Promise<Ended> => runConverge(parameters, { folder });
const asJson = async (...parameters: string[]): Promise<unknown> =>
  JSON.parse((await converge(...parameters, '--output', 'json')).out);

describe('converge get', () => {
  it('shows all objects, and as a tree what they own', async () => {
    const { code, out } = await converge('get', 'shop');
    expect({ code }).toEqual({ code: 0 });
    expect(out).toMatch(/^master\/shop on sandbox, main@[0-9a-f]{12}, /);
    expect(out).toMatch(/^ConfigMap shop\/a +Healthy +20\S+ \S+ +20\S+ \S+ +converge /m);
    const { objects, unread } = objectsAnswerSchema.parse(await asJson('get', 'master/shop', '--tree'));
    expect(unread).toEqual([]);
    expect(objects.map(({ kind, depth }) => [kind, depth])).toEqual(
      expect.arrayContaining([
        ['ConfigMap', 0],
        ['Deployment', 0],
        ['ReplicaSet', 1],
        ['Pod', 2],
      ]),
    );
    expect((await converge('get', 'shop', '--tree')).out).toMatch(
      /^└─ ReplicaSet shop\/web-\S+ .*\n {3}└─ Pod shop\/web/m,
    );
  });

  it.each([
    ['an environment that is none', 'nobody', /nobody: is no environment/],
    ['an environment of no class', 'mastre/shop', /mastre\/shop: names no class/],
  ])('ends with 2 for %s', async (_what, environment, message) => {
    const { code, err } = await converge('get', environment);
    expect({ code, err }).toEqual({ code: 2, err: expect.stringMatching(message) });
  });

  it('ends with 1 for one that its class does not have, and says so', async () => {
    const { code, err } = await converge('get', 'staging/shop');
    expect({ code, err }).toEqual({ code: 1, err: expect.stringMatching(/no file at the head of the branch|branch/) });
  });
});

describe('converge diff', () => {
  it('ends with 0 where nothing differs', async () => {
    expect(await converge('diff', 'shop')).toMatchObject({ code: 0, out: expect.stringContaining('nothing differs') });
  });

  it('ends with 1 and shows each field, with who changed it and when', async () => {
    const patch = JSON.stringify({ data: { v: 'changed by hand' } });
    await world.kubectl(
      ...['patch', 'configmap', 'a', '--namespace', 'shop', '--type', 'merge', '--field-manager', 'olivia'],
      ...['--patch', patch],
    );
    const unified = await converge('diff', 'shop');
    expect(unified.code).toBe(1);
    expect(unified.out).toMatch(
      /^ConfigMap shop\/a: v differs \(changed in the cluster\), of manifests\/shop\/a\.yaml$/m,
    );
    expect(unified.out).toMatch(/^@@ \/data\/v @@ olivia, at or before 20\S+ \S+\n-1\n\+changed by hand$/m);
    const beside = await converge('diff', 'shop', '--side-by-side');
    expect(beside.code).toBe(1);
    expect(beside.out).toMatch(/^ {2}\/data\/v +1 +changed by hand +olivia, at or before /m);
    const { objects } = diffAnswerSchema.parse(await asJson('diff', 'shop'));
    expect(objects).toMatchObject([{ name: 'a', by: 'cluster', fields: [{ manager: 'olivia' }] }]);
    const back = JSON.stringify({ data: { v: '1' } });
    await world.kubectl('patch', 'configmap', 'a', '--namespace', 'shop', '--type', 'merge', '--patch', back);
  });

  it('shows no value of a Secret', async () => {
    const patch = JSON.stringify({ stringData: { password: 'another-horse-battery' } });
    await world.kubectl('patch', 'secret', 'keys', '--namespace', 'shop', '--type', 'merge', '--patch', patch);
    const answers = [
      await converge('diff', 'shop', '--output', 'json'),
      await converge('get', 'shop', '--tree', '--output', 'json'),
      await converge('events', 'shop', '--output', 'json'),
      await converge('why', 'secret/keys', '--output', 'json'),
    ];
    expect(answers.map(({ code }) => code)).toEqual([1, 0, 0, 0]);
    expect(answers[0]?.out).toContain('"/data/password"');
    const told = answers.map(({ out, err }) => out + err).join();
    for (const value of [password, 'another-horse-battery'])
      for (const written of [value, Buffer.from(value).toString('base64')]) expect(told).not.toContain(written);
  });
});

describe('converge events', () => {
  it('shows those of the Pods, the newest last, and of a time', async () => {
    const read = async (path: string, ...of: string[]) =>
      world.kubectl('get', ...of, '--namespace', 'shop', '--output', `jsonpath={${path}}`);
    const pod = await read('.items[0].metadata.name', 'pods');
    const uid = await read('.metadata.uid', 'pod', pod);
    const time = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
    await world.apply(
      JSON.stringify({
        ...{ apiVersion: 'v1', kind: 'Event', metadata: { name: 'pod.1', namespace: 'shop' }, type: 'Warning' },
        involvedObject: { apiVersion: 'v1', kind: 'Pod', namespace: 'shop', name: pod, uid },
        ...{ reason: 'Unhealthy', message: 'probe failed', count: 3, firstTimestamp: time, lastTimestamp: time },
        source: { component: 'kubelet' },
      }),
    );
    const { code, out } = await converge('events', 'shop', '--since', '10m');
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`Warning +Unhealthy +Pod shop/${pod} +3 +probe failed`));
    const { events } = eventsAnswerSchema.parse(await asJson('events', 'shop'));
    const times = events.map(({ last }) => Date.parse(last));
    expect(times).toEqual(times.toSorted((one, other) => one - other));
  });

  it('ends with 2 for what is no duration', async () => {
    expect(await converge('events', 'shop', '--since', 'yesterday')).toMatchObject({ code: 2 });
  });
});

describe('converge why', () => {
  it('tells health, cause, who changed it, and what its environment waits for', async () => {
    const { code, out } = await converge('why', 'deploy/web', '-n', 'shop');
    expect(code).toBe(0);
    expect(out).toMatch(/^Deployment shop\/web\nhealth +Healthy: /m);
    expect(out).toMatch(/^made of +manifests\/shop\/web\.yaml, changed last by [0-9a-f]{12} /m);
    expect(out).toMatch(/^waits for +nothing$/m);
    const answer = whyAnswerSchema.parse(await asJson('why', 'deployment/web', '-e', 'shop'));
    expect(answer.objects).toMatchObject([{ kind: 'Deployment', name: 'web', why: null }]);
  });

  it.each([
    ['what is no object', ['why', 'web'], 2, /web: is no KIND\/NAME/],
    ['what no environment owns', ['why', 'deployment/other'], 1, /no environment owns such an object/],
    ['what the environment does not own', ['why', 'deployment/other', '-e', 'shop'], 1, /is no object of master\/shop/],
  ])('ends otherwise for %s', async (_what, parameters, exit, message) => {
    const { code, err } = await converge(...parameters);
    expect({ code, err }).toEqual({ code: exit, err: expect.stringMatching(message) });
  });
});

const person = ['-c', 'user.name=Olivia Ops', '-c', 'user.email=olivia@example.com'];

/** Pushes a branch on top of main, and leaves main where it is. */
async function propose(
  branch: string,
  files: Readonly<Record<string, string>>,
  { without }: { without?: string } = {},
): Promise<string> {
  await master.git('checkout', '--quiet', '-B', branch, 'main');
  await writeFiles((await master.git('rev-parse', '--show-toplevel')).trim(), files);
  if (without !== undefined) await master.git('rm', '--quiet', without);
  await master.git('add', '--all');
  await master.git(...person, 'commit', '--quiet', '--message', 'Propose');
  await master.git('push', '--quiet', 'origin', branch);
  const commit = (await master.git('rev-parse', 'HEAD')).trim();
  await master.git('checkout', '--quiet', 'main');
  return commit;
}

describe('converge plan', () => {
  beforeAll(async () => {
    await master.push({
      'environments/store.yaml': environmentFile('store'),
      'manifests/store/a.yaml': configMap('a', { v: '1' }),
      'manifests/store/b.yaml': configMap('b', { v: '1' }),
      'manifests/store/web.yaml': deployment('web', 'shop:1'),
    });
    await eventually('store converged', () => world.converged.some(({ environment }) => environment === 'store'));
  });

  it('ends with 0 where nothing would change', async () => {
    const { code, out } = await converge('plan', 'store');
    expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining('nothing would change (3 unchanged)') });
  });

  it('ends with 1 and says what a commit of another branch would do, which its run then does', async () => {
    const commit = await propose('proposal', {
      'manifests/store/a.yaml': configMap('a', { v: '2' }),
      'manifests/store/c.yaml': configMap('c', { v: '1' }),
      'manifests/store/web.yaml': deployment('web', 'shop:2'),
    });
    const { code, out } = await converge('plan', 'store', '--revision', 'proposal');
    expect({ code, out }).toEqual({ code: 1, out: expect.stringContaining(`commit@${commit.slice(0, 12)}`) });
    expect(out).toMatch(/^~ ConfigMap store\/a, of manifests\/store\/a\.yaml\n {4}\/data\/v: "1" -> "2"$/m);
    expect(out).toMatch(/^\+ ConfigMap store\/c, of manifests\/store\/c\.yaml$/m);
    expect(out).toMatch(/^ {4}restarts 2 Pods$/m);
    expect(out).toMatch(/^Plan: 1 to create, 2 to change, 0 to replace, 0 to prune, 1 unchanged, 2 Pods made anew$/m);
    await master.git(...person, 'tag', '--annotate', '--message', 'One', 'v1', commit);
    await master.git('push', '--quiet', 'origin', 'v1');
    expect((await converge('plan', 'store', '--revision', 'v1')).out).toContain(`commit@${commit.slice(0, 12)}`);
    const planned = planOutputSchema.parse(await asJson('plan', 'store', '--revision', commit));
    expect(planned.plans[0]?.objects.map(({ action, name }) => [action, name])).toEqual([
      ['update', 'a'],
      ['create', 'c'],
      ['update', 'web'],
    ]);
    await master.git('push', '--quiet', 'origin', 'proposal:main');
    await master.git('merge', '--quiet', '--ff-only', 'proposal');
    const isOfIt = ({ environment, revision }: { environment: string; revision: string }) =>
      environment === 'store' && revision.endsWith(commit);
    await eventually('the proposal converged', () => world.converged.some(isOfIt));
    expect(world.converged.find(isOfIt)?.changes).toEqual({ created: 1, configured: 2, unchanged: 1, pruned: 0 });
  });

  it('asks the server about what is new and what goes, and says what it rejects, and where that is', async () => {
    await propose('removal', {}, { without: 'manifests/store/b.yaml' });
    const removal = await converge('plan', 'store', '--revision', 'removal');
    expect(removal.out).toMatch(/^- ConfigMap store\/b: goes last, once all is healthy and nothing refers to it$/m);
    expect(await world.kubectl('get', 'configmap', 'b', '--namespace', 'store', '--output', 'name')).toContain('b');
    const wrong = [
      '# of nobody',
      'apiVersion: v1',
      'kind: ConfigMap',
      'metadata:',
      '  name: d',
      'data:',
      '  not a key: x',
      '',
    ];
    await propose('wrong', { 'manifests/store/d.yaml': wrong.join('\n') });
    const { code, out } = await converge('plan', 'store', '--revision', 'wrong');
    expect(code).toBe(1);
    expect(out).toMatch(/^\+ ConfigMap store\/d, of manifests\/store\/d\.yaml:2 is REJECTED: .*not a key/m);
  });

  it('plans each environment of a class, those too that the commit adds', async () => {
    await propose('addition', {
      'environments/annex.yaml': environmentFile('annex'),
      'manifests/annex/a.yaml': configMap('a', { v: '1' }),
    });
    const { code, out } = await converge('plan', '--all', '--class', 'master', '--revision', 'addition');
    expect(code).toBe(1);
    expect(out).toMatch(/^\+ ConfigMap annex\/a, .* cannot be asked about yet: namespace annex is not there yet/m);
    expect(out).toMatch(/^1 of 3 environments would change$/m);
  });

  it('says what the files of a checkout would do that nobody has committed, and leaves Git as it is', async () => {
    const root = (await master.git('rev-parse', '--show-toplevel')).trim();
    await master.git('fetch', '--quiet', 'origin');
    await writeFiles(root, {
      '.gitignore': '*.secret.yaml\n',
      'manifests/store/a.yaml': configMap('a', { v: 'uncommitted' }),
      'manifests/store/e.yaml': configMap('e', { v: '1' }),
      'manifests/store/f.secret.yaml': configMap('f', { v: '1' }),
    });
    await rm(join(root, 'manifests/store/c.yaml'));
    const before = [await master.git('status', '--porcelain'), await master.git('count-objects')];
    const refs = await master.git('ls-remote', 'origin');
    const { code, out } = await converge('plan', 'store', '--working-tree', root);
    expect({ code, out }).toEqual({ code: 1, out: expect.stringContaining('working-tree@') });
    expect(out).toMatch(/^~ ConfigMap store\/a, .*\n {4}\/data\/v: "2" -> "uncommitted"$/m);
    expect(out).toMatch(/^Plan: 1 to create, 1 to change, 0 to replace, 1 to prune, 2 unchanged$/m);
    expect([await master.git('status', '--porcelain'), await master.git('count-objects')]).toEqual(before);
    expect(await master.git('ls-remote', 'origin')).toBe(refs);
    await writeFiles(root, { 'environments/new.yaml': environmentFile('new') });
    const added = await converge('plan', 'master/new', '--working-tree', root);
    expect(added).toMatchObject({
      code: 1,
      out: expect.stringMatching(/NotAllowed: .* not declared by the branch yet/),
    });
    await writeFiles(root, { 'manifests/store/large.txt': 'x'.repeat(5_000_000) });
    const large = await converge('plan', 'store', '--working-tree', root);
    expect(large).toMatchObject({
      code: 2,
      err: expect.stringMatching(/differs by \d+ bytes or more, and 4194304 are taken/),
    });
    await master.git('reset', '--quiet', '--hard');
    await master.git('clean', '--quiet', '-dxf');
  });

  it.each([
    ['two trees', ['plan', 'store', '--working-tree', '.', '--revision', 'main'], 2, /leave --revision and --pr out/],
    ['a folder that is none', ['plan', 'store', '--working-tree', '/nowhere'], 2, /nowhere/],
    ['no environment', ['plan'], 2, /name an environment, or say --all/],
    ['one environment and all', ['plan', 'store', '--all'], 2, /is one environment/],
    ['an environment that nobody knows', ['plan', 'master/nobody'], 2, /nobody: no file declares it/],
    ['all of no class', ['plan', '--all', '--class', 'mastre'], 2, /is no class of the configuration/],
    ['a commit that is none', ['plan', 'store', '--revision', 'nowhere'], 1, /nowhere: is no commit of the branch/],
    [
      'what is no revision',
      ['plan', 'store', '--revision', '../main'],
      1,
      /is no commit, and no name of a branch or a tag/,
    ],
  ])('ends otherwise for %s', async (_what, parameters, exit, message) => {
    const { code, err } = await converge(...parameters);
    expect({ code, err }).toEqual({ code: exit, err: expect.stringMatching(message) });
  });
});

describe('converge accept', () => {
  const files = {
    'environments/kept.yaml': environmentFile('kept', {
      selfHeal: false,
      sources: [
        { manifests: 'manifests/kept' },
        { kustomize: 'overlays/kept' },
        { helm: { chart: 'charts/kept', release: 'kept', values: ['config/kept.yaml'] } },
      ],
    }),
    'manifests/kept/a.yaml': [
      ...['# of the shop', 'apiVersion: v1', 'kind: ConfigMap', 'metadata:', '  name: a', 'data:'],
      ...["  v: '1' # for now", ''],
    ].join('\n'),
    'overlays/kept/kustomization.yaml': 'resources: # all\n  - web.yaml\n',
    'overlays/kept/web.yaml': deployment('web', 'shop:1'),
    'charts/kept/Chart.yaml': 'apiVersion: v2\nname: kept\nversion: 1.0.0\n',
    'charts/kept/values.yaml': 'text: hi\n',
    'charts/kept/templates/greeting.yaml': [
      ...['apiVersion: v1', 'kind: ConfigMap', 'metadata:', '  name: greeting', 'data:'],
      ...['  text: {{ printf "%s, you" .Values.text | quote }}', '  fixed: x', ''],
    ].join('\n'),
    'config/kept.yaml': '# tested\ntext: hello # kind\n',
  };
  let incident = '';
  const changeByHand = async (kind: string, name: string, patch: object): Promise<void> => {
    const parameters = ['--type', 'strategic', '--field-manager', 'olivia', '--patch', JSON.stringify(patch)];
    await world.kubectl('patch', kind, name, '--namespace', 'kept', ...parameters);
  };

  beforeAll(async () => {
    await master.push(files);
    await eventually('kept converged', () => world.converged.some(({ environment }) => environment === 'kept'));
    await changeByHand('configmap', 'a', { data: { v: '2' } });
    const containers = [{ name: 'web', image: 'shop:2' }];
    await changeByHand('deployment', 'web', { spec: { replicas: 3, template: { spec: { containers } } } });
    await changeByHand('configmap', 'greeting', { data: { text: 'good day, you', fixed: 'y' } });
    await world.checkDrift();
    const found = await eventually('the drift is told', () =>
      world.diffs.find(({ environment, reason }) => environment === 'kept' && reason === 'Drifted'),
    );
    incident = found.incident;
  });

  it('shows what would be committed, and does nothing', async () => {
    const { code, out, err } = await converge('accept', incident, '--dry-run');
    expect({ code, err }).toEqual({ code: 0, err: expect.any(String) });
    expect(out).toMatch(/^ {2}ConfigMap kept\/a: \/data\/v in its manifest \(manifests\/kept\/a\.yaml\)$/m);
    expect(out).toMatch(/^-\s+v: '1' # for now$/m);
    expect(await master.git('ls-remote', 'origin', 'refs/heads/converge/*')).toBe('');
  });

  it('makes a branch, once, by which the incident ends where it is merged', async () => {
    const result = acceptResultSchema.parse(await asJson('accept', incident, '-e', 'kept', '--reason', 'the sale'));
    expect(result).toMatchObject({ outcome: 'proposed', branch: `converge/accept-${incident}`, unopened: null });
    expect(result.objects.map(({ object, how, file }) => [object, how, file])).toEqual(
      expect.arrayContaining([
        ['ConfigMap kept/a', 'manifest', 'manifests/kept/a.yaml'],
        ['ConfigMap kept/greeting', 'values', 'config/kept.yaml'],
        ['ConfigMap kept/greeting', 'ignored', 'environments/kept.yaml'],
        ['Deployment kept/web', 'patch', 'overlays/kept/kustomization.yaml'],
      ]),
    );
    const again = await converge('accept', incident);
    expect({ code: again.code, out: again.out }).toEqual({
      code: 0,
      out: expect.stringContaining('is accepted already'),
    });
    await master.git('fetch', '--quiet', 'origin', `converge/accept-${incident}`);
    const show = async (path: string) => master.git('show', `FETCH_HEAD:${path}`);
    expect(await show('manifests/kept/a.yaml')).toBe(files['manifests/kept/a.yaml'].replace("'1'", "'2'").trim());
    expect(await show('config/kept.yaml')).toBe('# tested\ntext: good day # kind');
    expect(await show('overlays/kept/web.yaml')).toBe(files['overlays/kept/web.yaml']);
    expect(await show('overlays/kept/accepted-deployment-web.yaml')).toContain('replicas: 3');
    expect(await master.git('log', '-1', '--format=%B', 'FETCH_HEAD')).toContain('Reason: the sale\n');
    await master.git('merge', '--quiet', '--ff-only', 'FETCH_HEAD');
    await master.git('push', '--quiet', 'origin', 'main');
    const ended = await eventually('the incident has ended', () =>
      world.converged.find(({ incident: of }) => of === incident),
    );
    expect(ended.accepted).toEqual({ by: expect.any(String), commit: result.commit });
    expect(await converge('diff', 'kept')).toMatchObject({ code: 0, out: expect.stringContaining('nothing differs') });
  });

  it.each([
    ['an incident that has ended', ['-e', 'kept'], 1, /was closed at 20/],
    ['one that is not open, of no environment', [], 2, /is no open incident/],
    ['one of another environment', ['-e', 'shop'], 1, /is no incident that master\/shop remembers/],
    ['no environment', ['-e', 'nobody'], 2, /nobody: is no environment/],
  ])('is refused for %s', async (_what, parameters, exit, message) => {
    const { code, err } = await converge('accept', incident, ...parameters);
    expect({ code, err }).toEqual({ code: exit, err: expect.stringMatching(message) });
  });
});

describe('a cluster that cannot be asked', () => {
  it('is said, and nothing of it is taken for absent or the same', async () => {
    await master.push({
      'environments/lost.yaml': environmentFile('lost', { cluster: 'nowhere' }),
      'manifests/lost/a.yaml': configMap('a', { v: '1' }),
    });
    for (const verb of ['get', 'diff', 'events']) {
      const { code, err } = await converge(verb, 'lost');
      expect({ code, err }).toEqual({ code: 1, err: expect.stringMatching(/nowhere/) });
    }
    // A run would be refused so: that is what is planned of it.
    const { code, out } = await converge('plan', 'lost');
    expect({ code, out }).toEqual({
      code: 1,
      out: expect.stringMatching(/would apply nothing[^]*UnknownCluster.*nowhere/),
    });
  });
});
