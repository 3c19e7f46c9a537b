import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { environmentFile, eventually, readLog, startWorld, type Clone, type Files, type World } from './world.ts';

/**
 * Planted in every input that can hold a secret; nothing that Converge says may quote it, nor its rest, nor its
 * encoding.
 */
const password = 'hunter2Canary';
const encoded = Buffer.from(password).toString('base64');
const traces = /hunter2|unter2Can|canary|aHVudGVy/i;

const secret = (value: string, more = ''): string =>
  `apiVersion: v1\nkind: Secret\nmetadata: { name: login }\n${more}stringData: { password: ${value} }\n`;

/** An environment of hooks alone would be an empty one. */
const beside = '---\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: beside }\n';

function chart(environment: string, template: string, spec: Record<string, unknown> = {}): Files {
  return {
    [`environments/${environment}.yaml`]: environmentFile(environment, {
      sources: [{ helm: { chart: `charts/${environment}`, release: 'shop', values: [`config/${environment}.yaml`] } }],
      ...spec,
    }),
    [`charts/${environment}/Chart.yaml`]: 'apiVersion: v2\nname: shop\nversion: 1.0.0\n',
    [`charts/${environment}/templates/login.yaml`]: template,
    [`config/${environment}.yaml`]: `password: ${password}\n`,
  };
}

function manifests(environment: string, text: string, spec: Record<string, unknown> = {}): Files {
  return {
    [`environments/${environment}.yaml`]: environmentFile(environment, spec),
    [`manifests/${environment}/login.yaml`]: text,
  };
}

/** Each is refused, or fails, at another place. */
const failing: Readonly<Record<string, Files>> = {
  'values-alias': { ...chart('values-alias', secret('a')), 'config/values-alias.yaml': `password: *${password}\n` },
  'template-fails': chart('template-fails', '{{ fail .Values.password }}'),
  'template-renders-alias': chart('template-renders-alias', secret('*{{ .Values.password }}')),
  'hook-weight': chart(
    'hook-weight',
    secret('a').replace(
      'name: login',
      'name: login, annotations: { "helm.sh/hook": pre-install, "helm.sh/hook-weight": {{ .Values.password }} }',
    ) + beside,
  ),
  'manifest-alias': manifests('manifest-alias', secret(`*${password}`)),
  'secret-not-encoded': manifests(
    'secret-not-encoded',
    `apiVersion: v1\nkind: Secret\nmetadata: { name: login }\ndata: { password: "${password}!" }\n`,
  ),
  'secret-of-a-list': manifests(
    'secret-of-a-list',
    `apiVersion: v1\nkind: Secret\nmetadata: { name: login }\nstringData: { password: [${password}] }\n`,
  ),
  'secret-of-a-type': manifests('secret-of-a-type', secret(password, 'type: kubernetes.io/tls\n')),
  'hook-of-a-type': manifests(
    'hook-of-a-type',
    secret(password, 'type: kubernetes.io/tls\n').replace(
      'name: login',
      'name: login, annotations: { "helm.sh/hook": pre-install }',
    ) + beside,
  ),
  literal: {
    'environments/literal.yaml': environmentFile('literal', { sources: [{ kustomize: 'overlays/literal' }] }),
    'overlays/literal/kustomization.yaml': `secretGenerator: [{ name: login, literals: ["${password}"] }]\n`,
  },
};

let world: World;
let master: Clone;

beforeAll(async () => {
  world = await startWorld({ chaos: 'none' });
  master = await world.clone();
});
afterAll(async () => {
  await world.stop();
});

const statusOf = async (): Promise<string> => (await fetch(world.pipeline.facts.status)).text();

describe('a secret', () => {
  it('is quoted by no failure', async () => {
    await master.push(Object.assign({}, ...Object.values(failing)) as Files);
    for (const environment of Object.keys(failing)) {
      await eventually(`${environment} has failed`, () =>
        world.diffs.find((diff) => diff.environment === environment && diff.reason === 'Failed'),
      );
    }
  });

  it('is not told where it drifts, is looked up, or is judged by an expression', async () => {
    const healthy = [{ target: { kind: 'Secret', name: 'login' }, healthy: 'data[data.password] == "x"' }];
    await master.push({
      ...manifests('drifting', secret(password)),
      ...manifests('judged', secret(password), { health: healthy, timeout: '1s' }),
      ...chart(
        'looking',
        `{{- $found := lookup "v1" "Secret" "vault" "login" }}\n${secret('{{ $found.data.password }}')}`,
        { lookup: 'cluster' },
      ),
      'config/looking.yaml': 'a: 1\n',
    });
    await eventually('drifting converged', () => world.converged.find(({ environment }) => environment === 'drifting'));
    await eventually('looking failed', () => world.diffs.find((diff) => diff.environment === 'looking'));
    await world.kubectl('create', 'namespace', 'vault');
    await world.kubectl(
      'create',
      'secret',
      'generic',
      'login',
      '--namespace',
      'vault',
      '--from-literal',
      `password=${password}`,
    );
    await master.push({ 'config/looking.yaml': 'a: 2\n' });
    await eventually('looking converged', () => world.converged.find(({ environment }) => environment === 'looking'));

    await world.kubectl(
      'patch',
      'secret',
      'login',
      '--namespace',
      'drifting',
      '--type',
      'merge',
      '--patch',
      `{"stringData":{"password":"other-${password}"}}`,
    );
    await world.kubectl(
      'patch',
      'secret',
      'login',
      '--namespace',
      'vault',
      '--type',
      'merge',
      '--patch',
      `{"stringData":{"password":"new-${password}"}}`,
    );
    await world.checkDrift();
    for (const environment of ['drifting', 'looking']) {
      await eventually(`${environment} has drifted`, () =>
        world.diffs.find((diff) => diff.environment === environment && diff.reason === 'Drifted'),
      );
    }
    await eventually('what was looked up is followed', async () =>
      Buffer.from((await world.find('secret', 'login', 'looking'))?.data?.['password'] ?? '', 'base64')
        .toString()
        .startsWith('bmV3'),
    );
  });

  it('stands in no log, alert, dead letter, status, note or state', async () => {
    const state = world.pipeline.clients.storage.bucket('family-state');
    const [files] = await state.getFiles();
    const states = await Promise.all(
      files.map(async (file) => `${file.name}: ${(await file.download())[0].toString('utf8')}`),
    );
    await master.git('fetch', '--quiet', 'origin', '+refs/*:refs/seen/*');
    const notes = await master.git('for-each-ref', '--format=%(refname)', 'refs/seen/notes');
    const noted = await Promise.all(
      notes
        .split('\n')
        .filter((ref) => ref !== '')
        .map(async (ref) => master.git('log', '-p', ref)),
    );
    const said: Readonly<Record<string, readonly string[]>> = {
      log: (await readLog(world)).split('\n'),
      alert: [...world.diffs, ...world.converged].map((alert) => JSON.stringify(alert)),
      'dead letter': world.deadLetters.map((letter) => JSON.stringify(letter)),
      status: [await statusOf()],
      note: noted,
      state: states,
    };
    expect(said['state']?.length).toBeGreaterThan(10);
    expect(said['note']?.length).toBeGreaterThan(0);
    for (const [where, texts] of Object.entries(said))
      expect({ where, quoted: texts.filter((text) => traces.test(text)) }).toEqual({ where, quoted: [] });
    expect(encoded).toMatch(traces);
  });
});
