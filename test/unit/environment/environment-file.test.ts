import { describe, expect, it } from 'vitest';
import { environmentOfPath, parseEnvironmentFile } from '../../../shared/environment/environment-file.ts';
import { refusalOf } from '../../refusal.ts';

const file = 'environments/acme-production.yaml';
const smallest = `apiVersion: converge.dev/v1
kind: Environment
metadata: { name: acme-production }
spec:
  cluster: production-eu
  namespace: acme
  sources:
    - kustomize: overlays/production
`;

const parse = (text: string, path = file) => parseEnvironmentFile({ file: path, text });
const withSpec = (line: string) => parse(`${smallest}  ${line}\n`);
const withSource = (source: string) => parse(smallest.replace('kustomize: overlays/production', source));

function problemOf(attempt: () => unknown): { subject: string; message: string } {
  const refusal = refusalOf(attempt);
  expect(refusal).toMatchObject({ code: 'InvalidEnvironment', disposition: 'refuse' });
  return { subject: refusal.subject, message: refusal.problem };
}

describe('an environment file', () => {
  it('gets the defaults of what it leaves out, durations in milliseconds', () => {
    expect(parse(smallest)).toEqual({
      name: 'acme-production',
      previousNames: [],
      labels: {},
      dependsOn: [],
      ignore: [],
      health: [],
      deletion: 'release',
      rollback: { onFailure: 'none' },
      cluster: 'production-eu',
      namespace: 'acme',
      sources: [{ kind: 'kustomize', folder: 'overlays/production' }],
      prune: true,
      selfHeal: true,
      suspend: false,
      freeze: [],
      adopt: false,
      replace: false,
      lookup: 'own',
      timeout: 300_000,
      healAfter: 0,
      diffAfter: 300_000,
      askFor: 14_400_000,
      convergedAfter: 900_000,
    });
  });

  it('keeps what it says, and the order of its sources', () => {
    const text = `apiVersion: converge.dev/v1
kind: Environment
metadata:
  name: acme-production
spec:
  cluster: production-eu
  namespace: acme
  sources:
    - helm: { chart: charts/shop, release: shop, values: [config/defaults.yaml, config/acme.yaml] }
    - kustomize: overlays/production
    - manifests: manifests/network
  prune: false
  selfHeal: false
  suspend: true
  timeout: 90s
  healAfter: 1h30m
  diffAfter: 250ms
  convergedAfter: 1d
`;
    expect(parse(text)).toMatchObject({
      sources: [
        { kind: 'helm', chart: 'charts/shop', release: 'shop', values: ['config/defaults.yaml', 'config/acme.yaml'] },
        { kind: 'kustomize', folder: 'overlays/production' },
        { kind: 'manifests', path: 'manifests/network' },
      ],
      prune: false,
      selfHeal: false,
      suspend: true,
      freeze: [],
      timeout: 90_000,
      healAfter: 5_400_000,
      diffAfter: 250,
      convergedAfter: 86_400_000,
    });
  });

  it('heals drift, tells it only, or asks about it, and nothing else', () => {
    const said = (value: string) => parse(`${smallest}  selfHeal: ${value}\n`).selfHeal;
    expect(['true', 'false', 'ask', '"ask"'].map(said)).toEqual([true, false, 'ask', 'ask']);
    for (const value of ['Ask', 'yes', '"true"', 'null'])
      expect(problemOf(() => said(value)).message).toBe('spec.selfHeal: expected true, false or ask');
  });

  it('takes durations up to a time that can be written', () => {
    expect(parse(`${smallest}  timeout: 1000000d\n`).timeout).toBe(86_400_000_000_000);
    expect(parse(`${smallest}  healAfter: 0s\n`).healAfter).toBe(0);
    for (const key of ['timeout', 'healAfter', 'diffAfter', 'convergedAfter'])
      expect(problemOf(() => parse(`${smallest}  ${key}: 1000000d1ms\n`)).message).toBe(
        `spec.${key}: expected 1000000d at most`,
      );
  });

  it('asks again after a minute at least', () => {
    expect(parse(`${smallest}  askFor: 1m\n`).askFor).toBe(60_000);
    for (const value of ['59s', '0s'])
      expect(problemOf(() => parse(`${smallest}  askFor: ${value}\n`)).message).toBe(
        'spec.askFor: expected a minute at least',
      );
  });

  it('is suspended until a time with its zone, and says why', () => {
    const spec = (until: string) => `${smallest}  suspendUntil: ${until}\n  suspendReason: moves to another zone\n`;
    for (const until of ['2026-11-30T06:00:00Z', '2026-11-30T06:00Z', '2026-11-30T06:00:00.5+02:00'])
      expect(parse(spec(until))).toMatchObject({ suspendUntil: until, suspendReason: 'moves to another zone' });
    for (const until of [
      'tomorrow',
      '2h',
      '2026-11-30',
      '2026-11-30T06:00:00',
      '2026-02-30T06:00:00Z',
      '1764482400',
      "''",
    ])
      expect(() => parse(spec(until))).toThrow(/environments\/acme-production\.yaml:\d+: spec\.suspendUntil: .*/);
  });

  it.each([['two\\nlines'], ['x'.repeat(201)], ['']])('says why it is suspended in a line that shows', (reason) => {
    expect(() => parse(`${smallest}  suspendReason: "${reason}"\n`)).toThrow(/spec\.suspendReason: /);
  });

  it.each([
    ['in UTF-16', Buffer.from(smallest, 'utf16le').toString('utf8'), /^is not in UTF-8/],
    ['in Latin-1', Buffer.from(`# für\n${smallest}`, 'latin1').toString('utf8'), /^is not in UTF-8/],
    [
      'stored with Git LFS',
      `version https://git-lfs.github.com/spec/v1\noid sha256:${'4d'.repeat(32)}\nsize 1\n`,
      /^is stored with Git LFS/,
    ],
  ])('that is %s is refused by that', (_what, text, said) => {
    expect(problemOf(() => parse(text))).toEqual({ subject: file, message: expect.stringMatching(said) });
  });

  it('may carry labels, by which sinks and reports choose it', () => {
    const labelled = (labels: string) =>
      parse(smallest.replace('acme-production }', `acme-production, labels: ${labels} }`));
    expect(labelled('{ customer: acme, example.com/tier: "" }').labels).toEqual({
      customer: 'acme',
      'example.com/tier': '',
    });
    expect(() => labelled('{ customer: "acme, inc." }')).toThrow('metadata.labels.customer: expected letters, digits');
    expect(() => labelled('{ customer: 7 }')).toThrow('metadata.labels.customer');
    expect(() => labelled(`{ customer: ${'a'.repeat(64)} }`)).toThrow('expected 63 characters at most');
    expect(() => labelled('{ "-x": acme }')).toThrow('metadata.labels.-x');
  });

  it('may leave the definitions of a chart to another release', () => {
    const sourceWith = (crds: string) => withSource(`helm: { chart: charts/op, release: op${crds} }`).sources[0];
    expect(sourceWith(', crds: skip')).toEqual({
      kind: 'helm',
      chart: 'charts/op',
      release: 'op',
      values: [],
      crds: 'skip',
    });
    expect(sourceWith(', crds: apply')).toEqual(sourceWith(''));
    expect(problemOf(() => sourceWith(', crds: maybe')).message).toMatch(/^spec\.sources\.0\.helm\.crds: /);
  });

  it('may ask that what does not become healthy is rolled back', () => {
    expect(withSpec('rollback: { onFailure: revert }').rollback).toEqual({ onFailure: 'revert' });
    expect(withSpec('rollback: {}').rollback).toEqual({ onFailure: 'none' });
    expect(problemOf(() => withSpec('rollback: { onFailure: retry }')).message).toMatch(/^spec\.rollback\.onFailure: /);
  });

  it.each([
    {
      what: 'a verification by nobody',
      line: 'verify: {}',
      message: 'spec.verify: expected allowedSigners, openpgpKeys, or both',
    },
    {
      what: 'allowed signers outside of the repository',
      line: 'verify: { allowedSigners: ../signers }',
      message: 'spec.verify.allowedSigners: expected a path inside the repository, from its root, or the text itself',
    },
    { what: 'an unknown key', line: 'prnue: true', message: 'spec.prnue: unknown key; did you mean prune?' },
    {
      what: 'a duration without a unit',
      line: 'timeout: "5"',
      message: 'spec.timeout: expected a duration like 90s, 5m or 1h30m',
    },
    {
      what: 'a duration with a sign',
      line: 'healAfter: -5m',
      message: 'spec.healAfter: expected a duration like 90s, 5m or 1h30m',
    },
    {
      what: 'a duration with a fraction',
      line: 'diffAfter: 1.5m',
      message: 'spec.diffAfter: expected a duration like 90s, 5m or 1h30m',
    },
    {
      what: 'a number as a duration',
      line: 'timeout: 300',
      message: 'spec.timeout: Invalid input: expected string, received number',
    },
    {
      what: 'a word for a boolean',
      line: 'prune: maybe',
      message: 'spec.prune: Invalid input: expected boolean, received string',
    },
  ])('refuses $what, naming file, line and key', ({ line, message }) => {
    expect(problemOf(() => withSpec(line))).toEqual({ subject: `${file}:9`, message });
  });

  describe('ignores', () => {
    const withPaths = (...paths: string[]) =>
      withSpec(`ignore: [{ target: { kind: Deployment }, paths: ${JSON.stringify(paths)} }]`);

    it('the paths that it names, as they are written and as they are read', () => {
      expect(withPaths('/spec/replicas', '/spec/ports[port=53]').ignore).toEqual([
        {
          target: { kind: 'Deployment' },
          paths: ['/spec/replicas', '/spec/ports[port=53]'],
          fields: [
            [
              { step: 'field', name: 'spec' },
              { step: 'field', name: 'replicas' },
            ],
            [
              { step: 'field', name: 'spec' },
              { step: 'field', name: 'ports' },
              { step: 'item', keys: { port: 53 } },
            ],
          ],
        },
      ]);
    });

    it.each([
      ['spec/replicas', 'expected a JSON pointer, which begins with /'],
      ['/spec/ports[0]', '[0]: expected a selector like [name=web], or ~2 for a [ in a name'],
      ['/metadata/name', 'would cover metadata.name, by which the object is known'],
      ['/metadata', 'would cover metadata.name, by which the object is known'],
      ['/kind', 'would cover kind, by which the object is known'],
      ['/metadata/labels', 'would cover metadata.labels.applyset.kubernetes.io/part-of, by which the object is known'],
      ['/spec/containers[name=web]/name', 'would cover the key by which the item is known'],
    ])('refuses %s, naming file, line and key', (path, message) => {
      expect(problemOf(() => withPaths('/spec/replicas', path))).toEqual({
        subject: `${file}:9`,
        message: `spec.ignore.0.paths.1: ${message}`,
      });
    });
  });

  it('names every further problem after the first', () => {
    const { message } = problemOf(() => parse(`${smallest}  foo: 1\n  bar: 2\n`));
    expect(message).toBe('spec.foo: unknown key; and 1 more: spec.bar: unknown key');
  });

  it.each([
    {
      what: 'two kinds in one source',
      source: '{ kustomize: a, manifests: b }',
      key: 'spec.sources.0: expected exactly one of helm, kustomize, manifests',
    },
    {
      what: 'an empty source',
      source: '{}',
      key: 'spec.sources.0: expected exactly one of helm, kustomize, manifests',
    },
    { what: 'an unknown kind of source', source: 'jsonnet: a', key: 'spec.sources.0.jsonnet: unknown key' },
    {
      what: 'a chart without a release',
      source: 'helm: { chart: charts/shop }',
      key: 'spec.sources.0.helm.release: is missing',
    },
    {
      what: 'a release in capitals',
      source: 'helm: { chart: c, release: Shop }',
      key: 'spec.sources.0.helm.release: expected lower-case letters, digits and dashes',
    },
  ])('refuses $what, naming the line of the source', ({ source, key }) => {
    expect(problemOf(() => withSource(source))).toMatchObject({
      subject: `${file}:8`,
      message: expect.stringContaining(key),
    });
  });

  it.each(['../elsewhere', '/etc', 'a/../../b', './overlays', 'overlays//production', 'overlays/production/', '..'])(
    'refuses the path %s: it is not one from the root of the repository',
    (path) => {
      expect(problemOf(() => withSource(`manifests: ${path}`))).toEqual({
        subject: `${file}:8`,
        message: 'spec.sources.0.manifests: expected a path inside the repository, from its root',
      });
    },
  );

  it('names the mapping where a key is missing', () => {
    expect(problemOf(() => parse(smallest.replace(/  sources:\n.*\n/, '')))).toEqual({
      subject: `${file}:4`,
      message: 'spec.sources: is missing',
    });
  });

  it('refuses an environment without a source', () => {
    expect(problemOf(() => parse(smallest.replace(/  sources:\n.*\n/, '  sources: []\n')))).toEqual({
      subject: `${file}:7`,
      message: 'spec.sources: expected at least one source',
    });
  });

  it.each([
    { what: 'another apiVersion', from: 'converge.dev/v1', to: 'converge.dev/v2', line: 1, key: 'apiVersion' },
    { what: 'another kind', from: 'kind: Environment', to: 'kind: Deployment', line: 2, key: 'kind' },
    {
      what: 'a name too long for a label',
      from: 'name: acme-production',
      to: `name: ${'a'.repeat(54)}`,
      line: 3,
      key: 'metadata.name',
    },
    { what: 'an empty cluster', from: 'cluster: production-eu', to: "cluster: ''", line: 5, key: 'spec.cluster' },
    { what: 'a namespace in capitals', from: 'namespace: acme', to: 'namespace: ACME', line: 6, key: 'spec.namespace' },
  ])('refuses $what', ({ from, to, line, key }) => {
    const refusal = problemOf(() => parse(smallest.replace(from, to)));
    expect(refusal.subject).toBe(`${file}:${line}`);
    expect(refusal.message).toMatch(new RegExp(`^${key}: `));
  });

  it('refuses a name that is not its file’s', () => {
    expect(problemOf(() => parse(smallest, 'environments/globex.yaml')).message).toBe(
      'metadata.name: is acme-production, expected globex: an environment is named as its file',
    );
  });

  it('names the line of a name that is not its file’s', () => {
    expect(problemOf(() => parse(smallest, 'environments/globex.yaml')).subject).toBe('environments/globex.yaml:3');
  });

  it('refuses a file in a folder below', () => {
    const { message } = problemOf(() => parse(smallest, 'environments/old/acme-production.yaml'));
    expect(message).toContain('expected a file directly under environments/');
  });
});

describe('the path of an environment file', () => {
  it('gives its name', () => {
    expect(environmentOfPath('environments/acme-production.yaml')).toBe('acme-production');
  });

  it.each([
    'environments/acme.yml',
    'environments/old/acme.yaml',
    'config/environments/acme.yaml',
    'environments/.yaml',
    'environments/acme.yaml.bak',
  ])('gives none for %s', (path) => {
    expect(environmentOfPath(path)).toBeUndefined();
  });

  it('takes health expressions, for the objects of their target', () => {
    const health = [
      {
        target: { group: 'family.example', kind: 'Tariff' },
        healthy: "status.phase == 'Published'",
        degraded: "status.phase == 'Refused'",
      },
    ];
    expect(withSpec(`health: ${JSON.stringify(health)}`).health).toEqual(health);
  });

  it.for([
    [
      'healthy: "status.phase =="',
      'spec.health.0.healthy: is no CEL expression that can be used: Unexpected token: EOF',
    ],
    [
      'healthy: "true"\n      degraded: "status.conditions.exist(c, true)"',
      "spec.health.0.degraded: is no CEL expression that can be used: found no matching overload for 'dyn.exist(dyn, bool)'",
    ],
    [
      'healthy: "status.phase.matches(\'x\')"',
      'spec.health.0.healthy: is no CEL expression that can be used: matches() is not available, as its cost has no bound',
    ],
  ])('refuses %s', ([expression, message]) => {
    const { subject, message: problem } = problemOf(() =>
      withSpec(`health:\n    - target: { kind: Tariff }\n      ${expression}`),
    );
    expect({ subject, problem }).toEqual({
      subject: `${file}:${expression?.includes('degraded') ? 12 : 11}`,
      problem: message,
    });
  });
});

it('is not named by bytes that are not UTF-8, nor names a path of such', () => {
  expect(environmentOfPath('environments/x\udce9.yaml')).toBeUndefined();
  const text =
    'apiVersion: converge.dev/v1\nkind: Environment\nmetadata: { name: acme }\nspec: { cluster: a, namespace: a, sources: [{ manifests: "config/x\\uDCFCn" }] }\n';
  expect(() => parseEnvironmentFile({ file: 'environments/acme.yaml', text })).toThrow(
    /expected a path inside the repository/,
  );
});
