import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { validateOutputSchema } from '../../../cli/output-schemas.ts';
import { validate, type ValidateOptions } from '../../../cli/validate.ts';
import { parseJson } from '../../../shared/objects/exact-json.ts';
import type { KubernetesObject } from '../../../shared/objects/kubernetes-object.ts';
import { environmentText, folderWith, offlineWith, type Rendering } from './offline-tree.ts';

const options: ValidateOptions = {
  ...{ kubeVersion: 'v1.36.3', apiVersions: [], resource: [], clusterResource: [], output: 'text' },
};
const object = (apiVersion: string, kind: string, name: string, more: object = {}): KubernetesObject => ({
  ...{ apiVersion, kind, metadata: { name } },
  ...more,
});
const settings = object('v1', 'ConfigMap', 'settings');

async function findingsOf(
  files: Readonly<Record<string, string>>,
  renderings: Readonly<Record<string, Rendering>> = {},
  more: Partial<ValidateOptions> = {},
) {
  const folder = await folderWith(files);
  const told = await validate(offlineWith(folder, renderings), '.', { ...options, ...more });
  const { findings, notes } = validateOutputSchema.parse(told.json);
  expect(told.exit).toBe(findings.length === 0 ? 0 : 1);
  return { ...told, findings, notes, said: findings.map(({ file, line, message }) => `${file}:${line}: ${message}`) };
}

const acme = { 'environments/acme.yaml': environmentText('acme') };
const of = async (objects: readonly KubernetesObject[], more: Partial<ValidateOptions> = {}) =>
  findingsOf(acme, { acme: { objects } }, more);

describe('converge validate, of files', () => {
  it('finds nothing where nothing is wrong, and says what it did not look at', async () => {
    const { said, lines, notes } = await of([settings]);
    expect(said).toEqual([]);
    expect(lines.map(({ text }) => text)).toEqual(['nothing was found in 1 environment, 1 object']);
    expect(notes[0]).toContain('built-in kinds');
  });

  it('tells of a file whose name is no UTF-8 that nobody reads it, and looks at all others', async () => {
    const folder = await folderWith(acme);
    const odd = Buffer.concat([Buffer.from(join(folder, 'environments/m')), Buffer.of(0xfc), Buffer.from('ller.yaml')]);
    await writeFile(odd, environmentText('muller'));
    const told = await validate(offlineWith(folder, { acme: { objects: [settings] } }), '.', options);
    const { findings, environments } = validateOutputSchema.parse(told.json);
    expect(environments).toEqual(['acme']);
    expect(findings).toMatchObject([{ rule: 'ignored-file', file: '"environments/m\\374ller.yaml"' }]);
  });

  it('names file, line and key of all that is wrong, and what was meant', async () => {
    const text = `apiVersion: converge.dev/v1
kind: Environmnt
metadata:
  name: acme
spec:
  cluster: sandbox
  namespce: acme
  sources:
    - helm: { chart: charts/shop, relase: shop }
  timeout: soon
`;
    const { said, findings } = await findingsOf({ 'environments/acme.yaml': text });
    expect(said).toEqual([
      expect.stringMatching(/^environments\/acme\.yaml:2: kind: /),
      'environments/acme.yaml:7: spec.namespce: unknown key; did you mean namespace?',
      expect.stringMatching(
        /^environments\/acme\.yaml:9: spec\.sources\.0\.helm\.relase: unknown key; did you mean release\?/,
      ),
      expect.stringMatching(/^environments\/acme\.yaml:10: spec\.timeout: expected a duration/),
    ]);
    expect(findings.map(({ key }) => key)).toContain('spec.namespce');
  });

  it('tells a missing key by itself where no unknown one beside it can be meant', async () => {
    const text = `apiVersion: converge.dev/v1
kind: Environment
metadata: { name: acme }
spec:
  cluster: sandbox
  clustr: sandbox
  colour: red
  sources: [{ manifests: manifests/acme }]
`;
    expect((await findingsOf({ 'environments/acme.yaml': text })).said).toEqual([
      expect.stringMatching(/:4: spec\.namespace: is missing/),
      'environments/acme.yaml:6: spec.clustr: unknown key; did you mean cluster?',
      'environments/acme.yaml:7: spec.colour: unknown key',
    ]);
  });

  it.each([
    ['broken YAML', 'a: [', /^environments\/acme\.yaml:\d+: /],
    ['another name', environmentText('acm'), /:5: metadata\.name: is acm, expected acme/],
    [
      'an environment that is not there',
      environmentText('acme', { dependsOn: ['acm'] }),
      /spec\.dependsOn\.0: there is no environment acm/,
    ],
    ['another encoding', '\0a', /is not in UTF-8/],
  ])('refuses %s', async (_what, text, message) => {
    const { said } = await findingsOf({ 'environments/acme.yaml': text }, { acme: { objects: [settings] } });
    expect(said).toEqual([expect.stringMatching(message)]);
  });

  it('finds files that are meant as environment files, and are none', async () => {
    const files = {
      ...acme,
      'environments/globex.yml': environmentText('globex'),
      'deploy/acme.yaml': 'apiVersion: converge.dev/v1\nkind: Environment\n',
    };
    const { said } = await findingsOf(files, { acme: { objects: [settings] } });
    expect(said).toEqual([
      'deploy/acme.yaml:null: is ignored: an environment file lies directly in environments/',
      'environments/globex.yml:null: is ignored: the name of an environment file ends in .yaml',
    ]);
  });

  it.each([
    ['nowhere', {}, 'is not there'],
    ['.', { 'charts/a': '' }, 'holds no folder environments/, where environments are declared'],
    [
      '.',
      { 'environments/README.md': '' },
      'declares no environment: its folder environments/ holds no file whose name ends in .yaml',
    ],
  ] as const)('refuses %s with %j: that is wrong usage', async (path, files, problem) => {
    const folder = await folderWith(files);
    await expect(validate(offlineWith(folder, {}), path, options)).rejects.toMatchObject({ exit: 2, problem });
  });

  it('says once of a template what is wrong in each environment, and where a render fails', async () => {
    const files = {
      ...{ ...acme, 'environments/globex.yaml': environmentText('globex', { namespace: 'acme' }) },
      'environments/initech.yaml': environmentText('initech'),
      'manifests/initech/a.yaml': 'a: [',
    };
    const wrong = object('apps/v1', 'Deploymnet', 'web');
    const fails = 'document 1: error converting YAML to JSON: yaml: line 7: did not find expected node content';
    const { findings } = await findingsOf(files, { acme: { objects: [wrong] }, initech: { fails } });
    expect(findings).toMatchObject(
      [
        { rule: 'unknown-kind', environments: ['acme', 'globex'], file: 'manifests/acme/web.yaml' },
        { rule: 'duplicate', environments: ['acme', 'globex'] },
        { rule: 'render', environments: ['initech'], file: 'manifests/initech/a.yaml', line: 7 },
      ].toSorted((a, b) => (a.rule === 'duplicate' ? -1 : b.rule === 'duplicate' ? 1 : 0)),
    );
  });

  it('names the line of an environment file that names what is not there', async () => {
    const fails = 'file does not exist';
    const { said } = await findingsOf(acme, { acme: { fails } });
    expect(said).toEqual([
      expect.stringMatching(/^environments\/acme\.yaml:\d+: manifests manifests\/acme, .*file does not exist/),
    ]);
  });
});

describe('converge validate, of objects', () => {
  it.each([
    ['apps/v1', 'Deploymnet', 'there is no such kind; did you mean Deployment (apps/v1)?'],
    ['v1', 'Deployment', 'is not of this API group; it is served as apps/v1'],
    ['apps/v1beta1', 'Deployment', 'is served as apps/v1'],
    ['apps/v3', 'Deployment', 'is served as apps/v1'],
    ['extensions/v1', 'Ingress', 'there is no such API group; Ingress is served as networking.k8s.io/v1'],
    ['extensions/v1beta1', 'Ingress', 'was removed in Kubernetes v1.22; Ingress is served as networking.k8s.io/v1'],
    [
      'policy/v1beta1',
      'PodDisruptionBudget',
      'was removed in Kubernetes v1.25; PodDisruptionBudget is served as policy/v1',
    ],
    ['policy/v1beta1', 'PodSecurityPolicy', 'was removed in Kubernetes v1.25; nothing came in its place'],
    ['networking.k8s.oi/v1', 'Ingress', 'there is no such API group; Ingress is served as networking.k8s.io/v1'],
    ['v1', 'Configmap', 'did you mean ConfigMap (v1)?'],
  ])('refuses %s %s', async (apiVersion, kind, message) => {
    const { said } = await of([object(apiVersion, kind, 'web')]);
    expect(said).toEqual([expect.stringContaining(message)]);
    expect(said[0]).toContain(`manifests/acme/web.yaml:null: ${kind} web: ${kind} in ${apiVersion}: `);
    expect((await of([object(apiVersion, kind, 'web')], { apiVersions: [apiVersion] })).said).toEqual([]);
  });

  it('says of a kind that others may define that it was not looked at', async () => {
    const certificate = object('cert-manager.io/v1', 'Certificate', 'web');
    const { said, notes } = await of([certificate]);
    expect(said).toEqual([]);
    expect(notes.join()).toContain('Certificate in cert-manager.io/v1');
  });

  it.each([
    [{ name: 'Web_1' }, 'metadata.name: Web_1 is no DNS name'],
    [{ name: 'a'.repeat(254) }, 'metadata.name: has 254 characters, and 253 are allowed for ConfigMap'],
    [{ name: 'a', namespace: 'A' }, 'metadata.namespace: A is no DNS label'],
    [{ name: 'a', labels: { tier: 3 } }, 'metadata.labels.tier: is no text: quote it'],
    [{ name: 'a', labels: { tier: 'a b' } }, 'metadata.labels.tier: a b is no value of a label'],
    [{ name: 'a', annotations: { 'a/b/c': 'x' } }, 'metadata.annotations: a/b/c is no key'],
  ])('refuses the metadata %j', async (metadata, message) => {
    const { said } = await of([{ ...settings, metadata } as unknown as KubernetesObject]);
    expect(said).toEqual([expect.stringContaining(message)]);
  });

  it('takes the names of roles as they are', async () => {
    expect((await of([object('rbac.authorization.k8s.io/v1', 'ClusterRole', 'system:shop:Reader')])).said).toEqual([]);
  });

  const schema = {
    type: 'object',
    required: ['spec'],
    properties: {
      spec: {
        type: 'object',
        required: ['price'],
        properties: {
          price: { type: 'integer', minimum: 0, exclusiveMinimum: true },
          currency: { type: 'string', enum: ['EUR', 'USD'], default: 'EUR' },
          port: { 'x-kubernetes-int-or-string': true },
          code: { type: 'string', pattern: '^[A-Z]+$', nullable: true },
          extra: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
          least: { type: 'integer' },
          most: { type: 'integer' },
        },
        'x-kubernetes-validations': [
          { rule: '!has(self.least) || self.least <= self.most', message: 'least is above most' },
          { rule: "self.currency == 'EUR' || self.price < 100" },
          { rule: 'self.price.matches("x")' },
          { rule: 'self.price >= oldSelf.price' },
        ],
      },
    },
  };
  const definition = object('apiextensions.k8s.io/v1', 'CustomResourceDefinition', 'tariffs.family.example', {
    spec: {
      group: 'family.example',
      scope: 'Namespaced',
      names: { kind: 'Tariff', plural: 'tariffs' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
    },
  });

  it.each([
    [{ price: 5, port: 'http', code: 'A', extra: { any: 1 } }, []],
    [{ price: 5, port: 80, least: 1, most: 2 }, []],
    [{ prize: 5 }, ['spec.price: is missing', 'spec.prize: unknown field; did you mean price?']],
    [{ price: '5' }, ['spec.price: expected integer']],
    [{ price: 0 }, ['spec.price: must be > 0']],
    [{ price: 5, currency: 'GBP' }, ['spec.currency: expected one of "EUR","USD"']],
    [{ price: 5, code: 'a' }, ['spec.code: must match pattern "^[A-Z]+$"']],
    [{ price: 5, least: 3, most: 2 }, ['spec: least is above most']],
    [{ price: 500, currency: 'USD' }, ["spec: does not meet self.currency == 'EUR' || self.price < 100"]],
  ])('holds %j against the definition in the tree', async (spec, messages) => {
    const { said, notes } = await of([definition, object('family.example/v1', 'Tariff', 'basic', { spec })]);
    expect(said).toEqual(messages.map((message) => `manifests/acme/basic.yaml:null: Tariff basic: ${message}`));
    expect(notes.join()).toContain('self.price.matches("x")');
    expect(notes.join()).not.toContain('oldSelf');
  });

  describe('by odd definitions', () => {
    const text = { type: 'string' };
    const saidOf = async (properties: object, spec: object) => {
      const own = { type: 'object', properties: { spec: { type: 'object', properties } } };
      const made = object('apiextensions.k8s.io/v1', 'CustomResourceDefinition', 'tariffs.family.example', {
        spec: {
          ...{ group: 'family.example', scope: 'Namespaced', names: { kind: 'Tariff', plural: 'tariffs' } },
          versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: own } }],
        },
      });
      const { findings, notes } = await of([made, object('family.example/v1', 'Tariff', 'basic', { spec })]);
      return { said: findings.map(({ message }) => message.replace('Tariff basic: ', '')), notes: notes.join() };
    };
    const twice = { ...text, enum: ['a', 'a'] };

    it.each([
      ['a value twice in an enum', { a: twice }, { a: 'a' }, []],
      ['another than what is twice in an enum', { a: twice }, { a: 'b' }, ['spec.a: expected one of "a","a"']],
      ['multiples of a decimal', { a: { type: 'number', multipleOf: 0.01 } }, { a: 0.07 }, []],
      ['what is none', { a: { type: 'number', multipleOf: 0.01 } }, { a: 0.075 }, ['spec.a: must be multiple of 0.01']],
      [
        'fields whose names are words of schemas',
        { not: { type: 'object', properties: { anyOf: text } } },
        { not: { anyOf: 1 } },
        ['spec.not.anyOf: expected string'],
      ],
    ])('takes or refuses %s as the API server does', async (_what, properties, spec, messages) => {
      expect((await saidOf(properties, spec)).said).toEqual(messages);
    });

    it('says that it did not look where nobody can read one', async () => {
      const { said, notes } = await saidOf({ a: { type: 'txet' } }, { a: 1 });
      expect(said).toEqual([]);
      expect(notes).toContain('the schema of family.example/v1/Tariff');
    });
  });

  it('knows a kind that another environment defines, and misspelt ones of its group', async () => {
    const files = { ...acme, 'environments/platform.yaml': environmentText('platform') };
    const renderings = {
      platform: { objects: [definition] },
      acme: { objects: [object('family.example/v1', 'Tarif', 'basic', { spec: { price: 1 } })] },
    };
    const { said } = await findingsOf(files, renderings);
    expect(said).toEqual([expect.stringContaining('did you mean Tariff (family.example/v1)?')]);
  });
});

describe('converge validate, of built-in kinds', () => {
  const deployment = (spec: object): KubernetesObject =>
    object('apps/v1', 'Deployment', 'web', {
      spec: { selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels: { app: 'web' } }, spec } },
    });
  const web = { name: 'web', image: 'web:1' };

  it.each([
    [[], ['is missing']],
    [[{ ...web, ports: [{ containerPort: '80' }] }], ['0.ports.0.containerPort: expected integer of 32 bits']],
    [[{ ...web, imgae: 'a' }], ['0.imgae: unknown field; did you mean image?']],
    [[{ ...web, env: [{ name: 'A' }, { name: 'A' }] }], ['0.env: item 1 has the same name as one before it']],
    [[{ ...web, env: [null, { name: 'A' }] }], ['0.env: item 0 is null']],
    [[{ ...web, args: [null], env: null }], []],
    [[{ ...web, args: null, resources: { limits: { cpu: 0.5, memory: '1Gi' } } }], []],
    [[{ image: 'a' }], ['0.name: is missing']],
  ])('holds the containers %j against what Kubernetes says', async (containers, messages) => {
    const { said, findings } = await of([deployment(containers.length === 0 ? {} : { containers })]);
    const at = `manifests/acme/web.yaml:null: Deployment web: spec.template.spec.containers`;
    expect(said).toEqual(messages.map((message) => `${at}${containers.length === 0 ? ': ' : '.'}${message}`));
    expect(findings.map(({ rule }) => rule)).toEqual(messages.map(() => 'schema'));
  });

  it('keeps numbers that are too long for others', async () => {
    const long = parseJson('{"a":9223372036854775807,"b":9223372036854775808}') as Record<string, unknown>;
    const spec = (seconds: unknown) => deployment({ containers: [web], terminationGracePeriodSeconds: seconds });
    expect((await of([spec(long['a'])])).said).toEqual([]);
    expect((await of([spec(long['b'])])).said).toEqual([expect.stringContaining('expected integer of 64 bits')]);
  });

  it('shows nothing of a Secret', async () => {
    const secret = object('v1', 'Secret', 'login', { data: { password: 'correct horse' }, type: ['correct horse'] });
    const told = await of([secret]);
    expect(told.said).toEqual([
      'manifests/acme/login.yaml:null: Secret login: data.password: expected base64',
      'manifests/acme/login.yaml:null: Secret login: type: expected string',
    ]);
    expect(JSON.stringify(told)).not.toContain('correct horse');
  });

  it('tells SARIF and JUnit the same', async () => {
    for (const output of ['sarif', 'junit'] as const) {
      const { lines } = await of([deployment({ containers: [web], restartPolicy: 'always' })], { output });
      const text = lines.map((line) => line.text).join('\n');
      expect(text).toContain('spec.template.spec.restartPolicy: expected one of');
      expect(text).toContain('manifests/acme/web.yaml');
    }
  });
});

describe('converge validate --api', () => {
  it('asks for what the API server may know, and says what it refuses without what is secret', async () => {
    const folder = await folderWith(acme);
    const password = object('v1', 'Secret', 'login', { stringData: { password: 'correct-horse' } });
    const objects = [
      settings,
      object('apps/v1', 'Deploymnet', 'web'),
      object('cert-manager.io/v1', 'Certificate', 'web'),
      password,
    ];
    const asked: KubernetesObject[] = [];
    const ask = async (all: readonly KubernetesObject[]) => {
      asked.push(...all);
      return [{ index: all.findIndex(({ kind }) => kind === 'Secret'), message: 'invalid value\n"correct-horse"' }];
    };
    const told = await validate(offlineWith(folder, { acme: { objects } }), '.', { ...options, api: true }, ask);
    const { findings, notes } = validateOutputSchema.parse(told.json);
    expect(asked.map(({ kind }) => kind).toSorted()).toEqual(['ConfigMap', 'Secret']);
    expect(findings.find(({ rule }) => rule === 'api')).toMatchObject({
      ...{ file: 'manifests/acme/login.yaml', environments: ['acme'] },
      message: expect.stringContaining('Secret login: invalid value') as string,
    });
    expect(JSON.stringify(told)).not.toContain('correct-horse');
    expect(notes.join()).not.toContain('built-in kinds');
  });
});

describe('converge validate, for a CI', () => {
  const wrong = object('apps/v1', 'Deploymnet', 'web', { note: '<&"' });

  it('prints SARIF, which names rule, file and line', async () => {
    const folder = await folderWith(acme);
    await writeFile(join(folder, 'environments/a b.yml'), '');
    const offline = offlineWith(folder, { acme: { objects: [wrong] } });
    const { exit, lines } = await validate(offline, '.', { ...options, output: 'sarif' });
    expect(exit).toBe(1);
    expect(JSON.parse(lines.map(({ text }) => text).join('\n'))).toMatchObject({
      version: '2.1.0',
      runs: [
        {
          tool: { driver: { name: 'converge validate' } },
          results: [
            {
              ruleId: 'ignored-file',
              level: 'warning',
              locations: [{ physicalLocation: { artifactLocation: { uri: 'environments/a%20b.yml' } } }],
            },
            { ruleId: 'unknown-kind', ruleIndex: 4, level: 'error' },
          ],
        },
      ],
    });
  });

  it('prints JUnit: a test for each environment, and what is wrong as its failure', async () => {
    const files = { ...acme, 'environments/fine.yaml': environmentText('fine'), 'environments/a&b.yml': '' };
    const { lines } = await findingsOf(
      files,
      { acme: { objects: [wrong] }, fine: { objects: [settings] } },
      { output: 'junit' },
    );
    const text = lines.map((line) => line.text).join('\n');
    expect(text).toContain('<testsuites name="converge validate" tests="3" failures="2" errors="0">');
    expect(text).toContain('name="fine"/>');
    expect(text).toContain('name="environments/a&amp;b.yml">');
    expect(text).toContain('did you mean Deployment (apps/v1)? [unknown-kind]');
  });
});
