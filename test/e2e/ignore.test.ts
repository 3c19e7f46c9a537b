import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { alertsOf } from './alerts.ts';
import { stateOf } from './state.ts';
import { objectsOf } from './objects.ts';
import {
  configMap,
  countWrites,
  deployment,
  environmentFile,
  eventually,
  startWorldWithMaster,
  type Clone,
  type Files,
  type World,
} from './world.ts';

let world: World;
let master: Clone;
const { managersOf } = objectsOf(() => world);
const { convergedAt } = alertsOf(() => world);
const { checked, forget } = stateOf(() => world);

beforeAll(async () => {
  ({ world, master } = await startWorldWithMaster());
});
afterAll(async () => {
  await world.stop();
});

const kinds = ['configmaps', 'deployments', 'services', 'ingresses'];

async function converged(environment: string, files: Files): Promise<World['converged'][number]> {
  return convergedAt(environment, await master.push(files));
}

/** What checks write and tell, once somebody did something. */
async function checksAfter(change: () => Promise<unknown>): Promise<{ writes: number; diffs: number }> {
  await change();
  const before = { writes: await countWrites(world, kinds), diffs: world.diffs.length };
  await checked();
  await checked();
  await world.allHeard();
  return { writes: (await countWrites(world, kinds)) - before.writes, diffs: world.diffs.length - before.diffs };
}

async function read(kind: string, name: string, namespace: string, jsonpath: string): Promise<string> {
  return world.kubectl('get', kind, name, '--namespace', namespace, '--output', `jsonpath=${jsonpath}`);
}

const patch = async (target: string, namespace: string, body: unknown, ...more: string[]) =>
  world.kubectl(
    'patch',
    target,
    '--namespace',
    namespace,
    '--field-manager',
    'somebody',
    '--patch',
    JSON.stringify(body),
    ...more,
  );
const imageOf = '{.spec.template.spec.containers[?(@.name=="web")].image}';
const ignoring = (...paths: string[]) => ({ ignore: [{ target: { kind: 'Deployment' }, paths }] });

describe('an ignored field', () => {
  it("of an object that is made is as Git has it, then it is its writer's: no diff, no write, and a commit that changes another leaves it", async () => {
    await converged('scaled', {
      'environments/scaled.yaml': environmentFile('scaled', ignoring('/spec/replicas')),
      'manifests/scaled/web.yaml': deployment('web', 'shop:1'),
    });
    expect(await read('deployment', 'web', 'scaled', '{.spec.replicas}')).toBe('2');
    expect(await checksAfter(() => Promise.resolve())).toEqual({ writes: 0, diffs: 0 });
    expect(
      await checksAfter(() => world.kubectl('scale', 'deployment/web', '--replicas', '5', '--namespace', 'scaled')),
    ).toMatchObject({ diffs: 0 });
    expect(await checksAfter(() => Promise.resolve())).toEqual({ writes: 0, diffs: 0 });
    await converged('scaled', { 'manifests/scaled/web.yaml': deployment('web', 'shop:2') });
    expect(await read('deployment', 'web', 'scaled', `{.spec.replicas} ${imageOf}`)).toBe('5 shop:2');
    expect(await checksAfter(() => Promise.resolve())).toEqual({ writes: 0, diffs: 0 });
  });

  it('that nobody else wrote keeps its value when it is handed over, also where it is required', async () => {
    const rule = ignoring('/spec/replicas', '/spec/template/spec/containers[name=web]/image');
    const file = (spec: Record<string, unknown>) => ({ 'environments/handed.yaml': environmentFile('handed', spec) });
    await converged('handed', { ...file({}), 'manifests/handed/web.yaml': deployment('web', 'shop:1') });
    await converged('handed', file(rule));
    expect(await read('deployment', 'web', 'handed', `{.spec.replicas} ${imageOf}`)).toBe('2 shop:1');
    expect(await managersOf('deployment', 'web', 'handed')).toContain('converge-released');

    // Another commit, of what is ignored and of what is not.
    const changed = JSON.parse(deployment('web', 'shop:9', { terminationGracePeriodSeconds: 7 })) as {
      spec: Record<string, unknown>;
    };
    await converged('handed', {
      'manifests/handed/web.yaml': JSON.stringify({ ...changed, spec: { ...changed.spec, replicas: 9 } }),
    });
    expect(
      await read(
        'deployment',
        'web',
        'handed',
        `{.spec.replicas} ${imageOf} {.spec.template.spec.terminationGracePeriodSeconds}`,
      ),
    ).toBe('2 shop:1 7');
    expect(await checksAfter(() => Promise.resolve())).toEqual({ writes: 0, diffs: 0 });

    const diffs = world.diffs.length;
    await converged('handed', file({}));
    expect(await read('deployment', 'web', 'handed', `{.spec.replicas} ${imageOf}`)).toBe('9 shop:9');
    expect(world.diffs.length).toBe(diffs);
    // Released and taken back, it goes where Git drops it.
    await converged('handed', { 'manifests/handed/web.yaml': deployment('web', 'shop:9') });
    expect(await read('deployment', 'web', 'handed', '{.spec.template.spec.terminationGracePeriodSeconds}')).toBe('30');
  });

  it('that is ignored while it drifts is left as it is, and the incident ends', async () => {
    await converged('late', {
      'environments/late.yaml': environmentFile('late', { selfHeal: false }),
      'manifests/late/settings.yaml': configMap('settings', { currency: 'EUR', language: 'de' }),
    });
    await patch('configmap/settings', 'late', { data: { currency: 'USD' } });
    await world.checkDrift();
    const diff = await eventually('late has a diff', () => world.diffs.find((alert) => alert.environment === 'late'));
    const path = diff.objects[0]?.fields[0]?.path ?? '';
    const writes = await countWrites(world, ['configmaps']);
    const { incident } = await converged('late', {
      'environments/late.yaml': environmentFile('late', {
        selfHeal: false,
        ignore: [{ target: { name: 'settings' }, paths: [path] }],
      }),
    });
    expect(incident).toBe(diff.incident);
    expect(await read('configmap', 'settings', 'late', '{.data}')).toBe('{"currency":"USD","language":"de"}');
    expect(await countWrites(world, ['configmaps'])).toBeGreaterThan(writes);
    expect(await checksAfter(() => Promise.resolve())).toEqual({ writes: 0, diffs: 0 });
  });

  it('may be a whole map, an item of a keyed list, one in it, or a place in an atomic list', async () => {
    const ignore = [
      { target: { kind: 'ConfigMap' }, paths: ['/data'] },
      { target: { kind: 'Service' }, paths: ['/spec/ports[port=53,protocol=UDP]/targetPort', '/spec/ports[port=80]'] },
      { target: { kind: 'Deployment' }, paths: ['/spec/template/spec/containers[name=web]/args/1'] },
    ];
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'dns' },
      spec: {
        selector: { app: 'web' },
        ports: [
          { name: 'udp', port: 53, protocol: 'UDP' },
          { name: 'tcp', port: 53, protocol: 'TCP' },
          { name: 'http', port: 80 },
        ],
      },
    };
    const web = (args: string[]) =>
      JSON.stringify({
        ...(JSON.parse(
          deployment('web', 'shop:1', { containers: [{ name: 'web', image: 'shop:1', args }] }),
        ) as object),
      });
    await converged('shapes', {
      'environments/shapes.yaml': environmentFile('shapes', { ignore }),
      'manifests/shapes/settings.yaml': configMap('settings', { currency: 'EUR' }),
      'manifests/shapes/dns.yaml': JSON.stringify(service),
      'manifests/shapes/web.yaml': web(['--port', '80', '--quiet']),
    });
    const told = await checksAfter(async () => {
      await patch('configmap/settings', 'shapes', { data: { currency: 'USD', more: 'x' } });
      await patch(
        'service/dns',
        'shapes',
        [
          { op: 'replace', path: '/spec/ports/0/targetPort', value: 5353 },
          { op: 'replace', path: '/spec/ports/2/targetPort', value: 8080 },
        ],
        '--type',
        'json',
      );
      await patch(
        'deployment/web',
        'shapes',
        [{ op: 'replace', path: '/spec/template/spec/containers/0/args/1', value: '8080' }],
        '--type',
        'json',
      );
    });
    expect(world.diffs.slice(world.diffs.length - told.diffs)).toEqual([]);
    // Beside them, all is compared and healed.
    const before = world.diffs.length;
    await patch(
      'service/dns',
      'shapes',
      [{ op: 'replace', path: '/spec/ports/1/name', value: 'changed' }],
      '--type',
      'json',
    );
    await patch(
      'deployment/web',
      'shapes',
      [{ op: 'replace', path: '/spec/template/spec/containers/0/args/2', value: '--loud' }],
      '--type',
      'json',
    );
    await world.checkDrift();
    const diff = await eventually('shapes has a diff', () =>
      world.diffs.slice(before).find((alert) => alert.environment === 'shapes'),
    );
    expect(diff.objects.flatMap(({ fields }) => fields.map(({ path }) => path))).toEqual([
      '/spec/template/spec/containers[name=web]/args',
      '/spec/ports[port=53,protocol=TCP]/name',
    ]);
    await eventually('it is healed', () => world.converged.find((alert) => alert.incident === diff.incident));
    expect(await read('deployment', 'web', 'shapes', '{.spec.template.spec.containers[0].args}')).toBe(
      '["--port","8080","--quiet"]',
    );
    expect(await read('service', 'dns', 'shapes', '{range .spec.ports[*]}{.name}:{.targetPort} {end}')).toBe(
      'udp:5353 tcp:53 http:8080 ',
    );
    expect(await read('configmap', 'settings', 'shapes', '{.data}')).toBe('{"currency":"USD","more":"x"}');
    // An item that is new in a list comes whole, and a commit beside what is ignored leaves it.
    await converged('shapes', {
      'manifests/shapes/web.yaml': web(['--port', '80', '--verbose']),
      'manifests/shapes/dns.yaml': JSON.stringify({
        ...service,
        spec: { ...service.spec, ports: [...service.spec.ports, { name: 'tls', port: 443 }] },
      }),
      'manifests/shapes/settings.yaml': configMap('settings', { currency: 'CHF' }, { labels: { team: 'claims' } }),
    });
    expect(await read('deployment', 'web', 'shapes', '{.spec.template.spec.containers[0].args}')).toBe(
      '["--port","8080","--verbose"]',
    );
    expect(await read('service', 'dns', 'shapes', '{range .spec.ports[*]}{.name}:{.targetPort} {end}')).toBe(
      'udp:5353 tcp:53 http:8080 tls:443 ',
    );
    expect(await read('configmap', 'settings', 'shapes', '{.data} {.metadata.labels.team}')).toBe(
      '{"currency":"USD","more":"x"} claims',
    );
    expect(await checksAfter(() => Promise.resolve())).toEqual({ writes: 0, diffs: 0 });
  });

  it('is no drift where kubectl added it, and is not compared where the memory is lost', async () => {
    await converged('added', {
      'environments/added.yaml': environmentFile(
        'added',
        ignoring('/spec/template/spec/containers[name=web]/env', '/spec/replicas'),
      ),
      'manifests/added/web.yaml': deployment('web', 'shop:1'),
    });
    expect(
      await checksAfter(() => world.kubectl('set', 'env', 'deployment/web', 'DEBUG=1', '--namespace', 'added')),
    ).toMatchObject({ diffs: 0 });
    await converged('added', { 'manifests/added/web.yaml': deployment('web', 'shop:2') });
    expect(await read('deployment', 'web', 'added', '{.spec.template.spec.containers[0].env}')).toBe(
      '[{"name":"DEBUG","value":"1"}]',
    );
    await forget('added');
    expect(
      await checksAfter(() => world.kubectl('scale', 'deployment/web', '--replicas', '4', '--namespace', 'added')),
    ).toMatchObject({ diffs: 0 });
    expect(await read('deployment', 'web', 'added', '{.spec.replicas}')).toBe('4');
  });
});
