import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { alertsOf } from './alerts.ts';
import { stateOf } from './state.ts';
import {
  configMap,
  countWrites,
  environmentFile,
  eventually,
  readLog,
  startWorldWithMaster,
  type Clone,
  type Files,
  type World,
} from './world.ts';

let world: World;
let master: Clone;
const { convergedAt, diffAt } = alertsOf(() => world);
const { checked } = stateOf(() => world);

beforeAll(async () => {
  ({ world, master } = await startWorldWithMaster({ chaos: 'none' }));
});
afterAll(async () => {
  await world.stop();
});

async function rendersOf(environment: string): Promise<number> {
  return (await readLog(world))
    .split('\n')
    .filter((line) => line.includes('"message":"rendered"') && line.includes(`"environment":"master/${environment}"`))
    .length;
}

function chartOf(environment: string, templates: Files, spec: Record<string, unknown> = {}): Files {
  return {
    [`environments/${environment}.yaml`]: environmentFile(environment, {
      sources: [{ helm: { chart: `charts/${environment}`, release: 'shop' } }],
      ...spec,
    }),
    [`charts/${environment}/Chart.yaml`]: 'apiVersion: v2\nname: shop\nversion: 1.0.0\n',
    ...Object.fromEntries(
      Object.entries(templates).map(([name, text]) => [`charts/${environment}/templates/${name}`, text]),
    ),
  };
}

const secret = `apiVersion: v1
kind: Secret
metadata: { name: login }
stringData:
  password: {{ randAlphaNum 32 }}
`;
const certificate = `{{- $ca := genCA "family-ca" 365 }}
{{- $web := genSignedCert "web" nil (list "web.acme.svc") 30 $ca }}
apiVersion: v1
kind: Secret
metadata: { name: tls }
type: kubernetes.io/tls
data:
  tls.crt: {{ $web.Cert | b64enc }}
  tls.key: {{ $web.Key | b64enc }}
`;
const web = `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata:
      labels: { app: web }
      annotations:
        checksum/login: {{ include (print $.Template.BasePath "/login.yaml") . | sha256sum }}
        rolledAt: {{ now | date "2006-01-02T15:04:05" | quote }}
    spec: { containers: [{ name: web, image: "shop:1.0" }] }
`;

describe('a chart with random values', () => {
  let password: string | undefined;

  it('converges, and a second run finds no diff, makes no write and renders nothing', async () => {
    const commit = await master.push(
      chartOf('random', { 'login.yaml': secret, 'tls.yaml': certificate, 'web.yaml': web }),
    );
    expect((await convergedAt('random', commit)).changes).toMatchObject({ created: 3 });
    password = (await world.find('secret', 'login', 'random'))?.data?.['password'];
    expect(Buffer.from(password ?? '', 'base64').toString()).toMatch(/^[A-Za-z0-9]{32}$/);
    const pem = (await world.find('secret', 'tls', 'random'))?.data?.['tls.crt'];
    expect(new X509Certificate(Buffer.from(pem ?? '', 'base64')).subject).toBe('CN=web');

    const [writes, renders, diffs] = [
      await countWrites(world, ['secrets', 'deployments']),
      await rendersOf('random'),
      world.diffs.length,
    ];
    await checked('random');
    expect(await countWrites(world, ['secrets', 'deployments'])).toBe(writes);
    expect(await rendersOf('random')).toBe(renders);
    expect(world.diffs.slice(diffs)).toEqual([]);
  });

  it('keeps them when its inputs change, and rolls nothing for it', async () => {
    const before = await world.find('deployment', 'web', 'random');
    const commit = await master.push({
      'charts/random/templates/a-config.yaml': configMap('config', { note: '{{ randAlphaNum 32 }}' }),
    });
    expect((await convergedAt('random', commit)).changes).toEqual({
      created: 1,
      configured: 0,
      unchanged: 3,
      pruned: 0,
    });
    expect((await world.find('secret', 'login', 'random'))?.data?.['password']).toBe(password);
    expect((await world.find('deployment', 'web', 'random'))?.metadata.uid).toBe(before?.metadata.uid);
  });

  it('heals to the same values, from the render it kept', async () => {
    const [renders, closed] = [await rendersOf('random'), world.converged.length];
    await world.kubectl('delete', 'secret', 'login', '--namespace', 'random');
    await world.checkDrift();
    await eventually('the incident is closed', () =>
      world.converged.slice(closed).some((alert) => alert.environment === 'random'),
    );
    expect((await world.find('secret', 'login', 'random'))?.data?.['password']).toBe(password);
    expect(await rendersOf('random')).toBe(renders);
  });

  it('has a seed that is no member, so that nothing prunes it', async () => {
    const seed = await world.find('secret', 'converge-random-seed', 'random');
    expect(Buffer.from(seed?.data?.['seed'] ?? '', 'base64')).toHaveLength(32);
    expect(Date.parse(Buffer.from(seed?.data?.['time'] ?? '', 'base64').toString())).toBeLessThan(Date.now());
    expect(seed?.metadata.labels?.['applyset.kubernetes.io/part-of']).toBeUndefined();
    const commit = await master.push({ 'charts/random/templates/a-config.yaml': undefined });
    expect((await convergedAt('random', commit)).changes).toEqual({
      created: 0,
      configured: 0,
      unchanged: 3,
      pruned: 1,
    });
    expect((await world.find('secret', 'converge-random-seed', 'random'))?.metadata.uid).toBe(seed?.metadata.uid);
  });

  it('is refused where its seed is unreadable, and no value is made anew', async () => {
    await world.kubectl(
      'patch',
      'secret',
      'converge-random-seed',
      '--namespace',
      'random',
      '--type',
      'merge',
      '--patch',
      '{"data":{"seed":"c2hvcnQ="}}',
    );
    const commit = await master.push({ 'charts/random/templates/b-config.yaml': configMap('config', {}) });
    expect(await diffAt('random', commit)).toMatchObject({
      reason: 'Failed',
      summary: expect.stringContaining('Secret random/converge-random-seed: holds no seed'),
    });
    expect((await world.find('secret', 'login', 'random'))?.data?.['password']).toBe(password);
  });

  it('that draws none has no seed', async () => {
    await convergedAt('plain', await master.push(chartOf('plain', { 'a.yaml': configMap('a', {}) })));
    expect(await world.find('secret', 'converge-plain-seed', 'plain')).toBeUndefined();
  });
});

const lookups = `{{- $tariff := lookup "v1" "ConfigMap" "tariffs" "basic" }}
{{- $namespaces := lookup "v1" "Namespace" "" "" }}
{{- $absent := lookup "v1" "ConfigMap" "tariffs" "absent" }}
apiVersion: v1
kind: ConfigMap
metadata: { name: copied }
data:
  premium: {{ $tariff.data.premium | quote }}
  listed: {{ gt (len $namespaces.items) 3 | quote }}
  kind: {{ $namespaces.kind }}
  absent: {{ empty $absent | quote }}
`;

const keepsPassword = `{{- $login := lookup "v1" "Secret" .Release.Namespace "login" }}
apiVersion: v1
kind: Secret
metadata: { name: login }
data:
  password: {{ if $login }}{{ $login.data.password }}{{ else }}{{ randAlphaNum 32 | b64enc }}{{ end }}
`;

describe('a chart that looks something up', () => {
  beforeAll(async () => {
    await world.kubectl('create', 'namespace', 'tariffs');
    await world.kubectl('create', 'configmap', 'basic', '--namespace', 'tariffs', '--from-literal', 'premium=10');
  });

  it('is refused by name where what is there is not its own', async () => {
    const commit = await master.push(chartOf('blind', { 'copied.yaml': lookups }));
    const diff = await diffAt('blind', commit);
    expect(diff.reason).toBe('Failed');
    expect(diff.summary).toContain(
      "ConfigMap tariffs/basic is there and not this environment's own (it is of kubectl-create)",
    );
    expect(diff.summary).toContain('spec.lookup: cluster');
  });

  it('is answered nothing where the environment says so', async () => {
    const commit = await master.push(
      chartOf(
        'unseeing',
        {
          'a.yaml': `apiVersion: v1
kind: ConfigMap
metadata: { name: a }
data: { nothing: {{ lookup "v1" "Namespace" "" "" | empty | quote }} }
`,
        },
        { lookup: 'empty' },
      ),
    );
    await convergedAt('unseeing', commit);
    expect((await world.find('configmap', 'a', 'unseeing'))?.data).toEqual({ nothing: 'true' });
  });

  it('that makes a password where none is there renders alike from then on, and rolls nothing', async () => {
    await convergedAt(
      'keeping',
      await master.push(chartOf('keeping', { 'login.yaml': keepsPassword, 'web.yaml': web })),
    );
    const [password, deployment] = [
      (await world.find('secret', 'login', 'keeping'))?.data,
      await world.find('deployment', 'web', 'keeping'),
    ];
    expect(Buffer.from(password?.['password'] ?? '', 'base64').toString()).toMatch(/^[A-Za-z0-9]{32}$/);
    const writes = await countWrites(world, ['secrets', 'deployments']);
    expect(
      (await convergedAt('keeping', await master.push({ 'charts/keeping/templates/more.yaml': configMap('more', {}) })))
        .changes,
    ).toEqual({ created: 1, configured: 0, unchanged: 2, pruned: 0 });
    await checked('keeping');
    expect(await countWrites(world, ['secrets', 'deployments'])).toBe(writes);
    expect((await world.find('secret', 'login', 'keeping'))?.data).toEqual(password);
    expect((await world.find('deployment', 'web', 'keeping'))?.metadata.uid).toBe(deployment?.metadata.uid);
  });

  it('goes on with its password where Converge has lost the answers', async () => {
    const password = (await world.find('secret', 'login', 'keeping'))?.data;
    await world.kubectl('delete', 'secret', 'converge-keeping-seed', '--namespace', 'keeping');
    await convergedAt(
      'keeping',
      await master.push({ 'charts/keeping/templates/more.yaml': configMap('more', { v: '2' }) }),
    );
    expect((await world.find('secret', 'login', 'keeping'))?.data).toEqual(password);
  });

  it('finds what the release has that the environment adopts', async () => {
    await world.kubectl('create', 'namespace', 'adopting');
    await world.kubectl(
      'create',
      'secret',
      'generic',
      'login',
      '--namespace',
      'adopting',
      '--from-literal',
      'password=hunter2',
    );
    await world.kubectl('label', 'secret', 'login', '--namespace', 'adopting', 'app.kubernetes.io/managed-by=Helm');
    await world.kubectl(
      'annotate',
      'secret',
      'login',
      '--namespace',
      'adopting',
      'meta.helm.sh/release-name=shop',
      'meta.helm.sh/release-namespace=adopting',
    );
    await convergedAt(
      'adopting',
      await master.push(chartOf('adopting', { 'login.yaml': keepsPassword }, { adopt: true })),
    );
    expect((await world.find('secret', 'login', 'adopting'))?.data?.['password']).toBe(
      Buffer.from('hunter2').toString('base64'),
    );
  });

  it('is answered by the cluster where the environment allows it, and a second run makes no write', async () => {
    const commit = await master.push(chartOf('seeing', { 'copied.yaml': lookups }, { lookup: true }));
    await convergedAt('seeing', commit);
    expect((await world.find('configmap', 'copied', 'seeing'))?.data).toEqual({
      premium: '10',
      listed: 'true',
      kind: 'NamespaceList',
      absent: 'true',
    });
    const [writes, diffs] = [await countWrites(world, ['configmaps']), world.diffs.length];
    await checked('seeing');
    expect(await countWrites(world, ['configmaps'])).toBe(writes);
    // Others, that this commit might have mended, are told of at their own pace.
    expect(world.diffs.slice(diffs).filter(({ environment }) => environment === 'seeing')).toEqual([]);
  });

  it('follows what it looked up, and tells that first', async () => {
    await convergedAt(
      'watching',
      await master.push(
        chartOf('watching', { 'copied.yaml': lookups }, { lookup: 'cluster', selfHeal: false, diffAfter: '0s' }),
      ),
    );
    const closed = world.converged.length;
    await world.kubectl(
      'patch',
      'configmap',
      'basic',
      '--namespace',
      'tariffs',
      '--type',
      'merge',
      '--patch',
      '{"data":{"premium":"12"}}',
    );
    await world.checkDrift();
    const diff = await eventually('what was looked up is told', () =>
      world.diffs.find((alert) => alert.environment === 'seeing' && alert.reason === 'Drifted'),
    );
    expect(diff).toMatchObject({
      action: 'healing',
      summary: 'ConfigMap tariffs/basic: premium changed, and is looked up by a chart',
    });
    expect(diff.objects[0]?.fields).toEqual([
      {
        path: '/data/premium',
        desired: '10',
        observed: '12',
        manager: 'kubectl-patch',
        changedBefore: expect.any(String),
      },
    ]);
    await eventually(
      'the copy follows',
      async () => (await world.find('configmap', 'copied', 'seeing'))?.data?.['premium'] === '12',
    );
    await eventually('the incident is closed', () =>
      world.converged.slice(closed).find((alert) => alert.incident === diff.incident),
    );
  });

  it('is told and left as it is where the environment does not heal', async () => {
    const diff = await eventually('what was looked up is told', () =>
      world.diffs.find((alert) => alert.environment === 'watching' && alert.reason === 'Drifted'),
    );
    expect(diff).toMatchObject({
      action: 'none',
      summary: 'ConfigMap tariffs/basic: premium changed, and is looked up by a chart',
    });
    await checked('watching');
    expect((await world.find('configmap', 'copied', 'watching'))?.data?.['premium']).toBe('10');
  });

  it('is never answered with what Converge keeps itself, which would change by every answer', async () => {
    const listing = `apiVersion: v1
kind: ConfigMap
metadata: { name: listed }
data: { names: {{ range (lookup "v1" "Secret" .Release.Namespace "").items }}{{ .metadata.name }} {{ end }}x, all: {{ lookup "v1" "Secret" .Release.Namespace "" | toJson | sha256sum }} }
`;
    await convergedAt('listing', await master.push(chartOf('listing', { 'a.yaml': listing }, { lookup: 'cluster' })));
    const writes = await countWrites(world, ['configmaps', 'secrets']);
    await checked('listing');
    await checked('listing');
    expect(world.diffs.filter(({ environment }) => environment === 'listing')).toEqual([]);
    expect(await countWrites(world, ['configmaps', 'secrets'])).toBe(writes);

    const reading = `apiVersion: v1
kind: ConfigMap
metadata: { name: read }
data: { seed: {{ (lookup "v1" "Secret" .Release.Namespace "converge-listing-seed").data.seed }} }
`;
    const commit = await master.push({ 'charts/listing/templates/b.yaml': reading });
    expect((await diffAt('listing', commit)).summary).toContain(
      'Secret listing/converge-listing-seed holds what this environment keeps of itself',
    );
  });

  it('finds its own under a new name, too', async () => {
    const spec = { namespace: 'renamed' };
    await convergedAt('before', await master.push(chartOf('before', { 'login.yaml': secret }, spec)));
    const password = (await world.find('secret', 'login', 'renamed'))?.data;
    const declared = z
      .looseObject({ metadata: z.looseObject({}) })
      .parse(
        JSON.parse(
          environmentFile('after', { ...spec, sources: [{ helm: { chart: 'charts/before', release: 'shop' } }] }),
        ),
      );
    const commit = await master.push({
      'environments/before.yaml': undefined,
      'environments/after.yaml': JSON.stringify({
        ...declared,
        metadata: { ...declared.metadata, previousNames: ['before'] },
      }),
      'charts/before/templates/login.yaml': keepsPassword,
    });
    await convergedAt('after', commit);
    expect((await world.find('secret', 'login', 'renamed'))?.data).toEqual(password);
  });

  it('says what the cluster does not serve', async () => {
    const commit = await master.push(
      chartOf('unserved', { 'a.yaml': '{{ lookup "family.example/v9" "Tariff" "" "" }}' }, { lookup: true }),
    );
    expect((await diffAt('unserved', commit)).summary).toContain(
      'lookup of family.example/v9 Tariff : the cluster does not serve Tariff in family.example/v9',
    );
  });
});

describe('an overlay of which a base is missing', () => {
  it('is told once, by the commit that named it, whatever others commit, and is tried again when the base is there', async () => {
    const base = (name: string): Files => ({
      [`bases/${name}/kustomization.yaml`]: 'resources: [a.yaml]\n',
      [`bases/${name}/a.yaml`]: configMap('a', {}),
    });
    const overlay = (on: string): Files => ({
      'overlays/baseless/kustomization.yaml': `resources: [../../bases/${on}]\n`,
    });
    const spec = { sources: [{ kustomize: 'overlays/baseless' }] };
    const declared = { 'environments/baseless.yaml': environmentFile('baseless', spec) };
    await convergedAt('baseless', await master.push({ ...declared, ...overlay('there'), ...base('there') }));
    const cause = await master.push(overlay('later'));
    const diff = await diffAt('baseless', cause);
    expect(diff).toMatchObject({ reason: 'Failed', cause: { commit: cause, artifact: null, build: null } });
    for (const other of ['one', 'two']) {
      const beside = chartOf(`beside-${other}`, { 'a.yaml': configMap('a', {}) });
      const commit = await master.push({ ...base(other), ...beside });
      await convergedAt(`beside-${other}`, commit);
      await checked('baseless');
    }
    const mended = await master.push(base('later'));
    expect(await convergedAt('baseless', mended)).toMatchObject({ incident: diff.incident, cause: { commit: mended } });
    expect(world.diffs.filter(({ environment }) => environment === 'baseless')).toHaveLength(1);
  });
});
