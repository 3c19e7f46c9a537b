import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ensureProgram } from '../../local/programs.ts';
import { createRenderer } from '../../shared/adapters/renderer.ts';
import type { Renderer, RenderSeed } from '../../shared/ports/renderer.ts';
import { buildMilliseconds, renderSeconds } from '../guards.ts';
import { writeFiles } from '../write-files.ts';

/*
 * Charts whose templates draw random values, read the clock or walk through a map: they render alike every time, or
 * each render would be a change.
 */

const recorded = '2026-11-21T01:02:03.456Z';
const seedOf = (text: string): RenderSeed => ({ seed: Buffer.alloc(32, text).toString('base64'), time: recorded });

/** One line each, so that a key can be left out or come twice. */
const drawn = {
  alphaNum: '{{ randAlphaNum 24 }}',
  alpha: '{{ randAlpha 24 }}',
  numeric: '{{ randNumeric 24 | quote }}',
  ascii: '{{ randAscii 24 | b64enc }}',
  bytes: '{{ randBytes 24 }}',
  integer: '{{ randInt 0 1000000000 | quote }}',
  uuid: '{{ uuidv4 }}',
  shuffled: '{{ shuffle "abcdefghijklmnopqrstuvwxyz" }}',
  hash: '{{ bcrypt "secret" }}',
  user: '{{ htpasswd "olivia" "secret" }}',
  cipher: '{{ encryptAES "key" "plain text" }}',
  rsa: '{{ genPrivateKey "rsa" | b64enc }}',
  ecdsa: '{{ genPrivateKey "ecdsa" | b64enc }}',
  ed25519: '{{ genPrivateKey "ed25519" | b64enc }}',
};
const certificates = [
  '{{- $ca := genCA "family-ca" 365 }}',
  '{{- $web := genSignedCert "web" (list "10.0.0.1") (list "web.acme.svc") 30 $ca }}',
  '{{- $own := genSelfSignedCert "own" nil (list "own.acme.svc") 7 }}',
  '{{- $caOfKey := genCAWithKey "key-ca" 365 (genPrivateKey "ecdsa") }}',
  '{{- $ofKey := genSignedCertWithKey "of-key" nil nil 30 $caOfKey (genPrivateKey "ed25519") }}',
  '{{- $ownOfKey := genSelfSignedCertWithKey "own-of-key" nil nil 7 (genPrivateKey "ecdsa") }}',
  '{{- $custom := buildCustomCert ($ca.Cert | b64enc) ($ca.Key | b64enc) }}',
  '{{- $ofCustom := genSignedCert "of-custom" nil nil 30 $custom }}',
  ...['ca', 'web', 'own', 'caOfKey', 'ofKey', 'ownOfKey', 'ofCustom'].map(
    (name) => `  ${name}: {{ printf "%s%s" $${name}.Cert $${name}.Key | b64enc }}`,
  ),
];

let renderer: Renderer;
let scratch: string;

beforeAll(async () => {
  renderer = createRenderer({ program: await ensureProgram('render') });
  scratch = await mkdtemp(join(tmpdir(), 'converge-seeded-'));
}, buildMilliseconds);
afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
});

function configMap(name: string, lines: readonly string[]): string {
  return ['apiVersion: v1', 'kind: ConfigMap', `metadata: { name: ${name} }`, 'data:', ...lines, ''].join('\n');
}

function valuesOf(expressions: Readonly<Record<string, string>>): string[] {
  return Object.entries(expressions).map(([key, expression]) => `  ${key}: ${expression}`);
}

const dataSchema = z.record(z.string(), z.string());

/** The data of each ConfigMap that a chart of these templates renders, by its name. */
async function render(
  templates: Readonly<Record<string, string>>,
  { seed = 'first', release = 'shop' } = {},
): Promise<Record<string, Record<string, string>>> {
  const root = await mkdtemp(join(scratch, 'repository-'));
  const files = {
    'Chart.yaml': 'apiVersion: v2\nname: shop\nversion: 1.0.0\n',
    'values.yaml': 'b: 2\na: 1\nd: 4\nc: 3\n',
    ...templates,
  };
  await writeFiles(join(root, 'chart'), files);
  const { objects } = await renderer.render({
    root,
    sources: [{ kind: 'helm', chart: 'chart', release, values: [] }],
    namespace: 'acme',
    kubernetesVersion: 'v1.36.3',
    apiVersions: ['v1'],
    absent: [],
    limits: { seconds: renderSeconds, mebibytes: 512 },
    seed: async () => seedOf(seed),
    lookup: undefined,
  });
  return Object.fromEntries(objects.map(({ object }) => [object.metadata.name, dataSchema.parse(object['data'])]));
}

describe('a chart that draws random values', () => {
  const template = { 'templates/drawn.yaml': configMap('drawn', valuesOf(drawn)) };

  it('renders alike every time', async () => {
    const [first, second] = [await render(template), await render(template)];
    expect(Object.keys(first['drawn'] ?? {}).sort()).toEqual(Object.keys(drawn).sort());
    expect(second).toEqual(first);
  });

  it.each([
    ['seed', { seed: 'second' }],
    ['release', { release: 'other' }],
  ])('draws every one anew for another %s', async (_of, other) => {
    const [{ drawn: first = {} }, { drawn: second = {} }] = [await render(template), await render(template, other)];
    expect(Object.keys(drawn).filter((key) => first[key] === second[key])).toEqual([]);
  });

  it('draws values of the form that Helm draws', async () => {
    const { drawn: values } = await render(template);
    expect(values).toMatchObject({
      alphaNum: expect.stringMatching(/^[A-Za-z0-9]{24}$/),
      alpha: expect.stringMatching(/^[A-Za-z]{24}$/),
      numeric: expect.stringMatching(/^[0-9]{24}$/),
      bytes: expect.stringMatching(/^[A-Za-z0-9+/]{32}$/),
      integer: expect.stringMatching(/^[0-9]{1,9}$/),
      uuid: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
      hash: expect.stringMatching(/^\$2a\$10\$.{53}$/),
      user: expect.stringMatching(/^olivia:\$2a\$10\$.{53}$/),
    });
    expect([...(values?.['shuffled'] ?? '')].sort().join('')).toBe('abcdefghijklmnopqrstuvwxyz');
    const kinds = ['rsa', 'ecdsa', 'ed25519'].map((kind) =>
      createPrivateKey(Buffer.from(values?.[kind] ?? '', 'base64')),
    );
    expect(kinds.map((key) => key.asymmetricKeyType)).toEqual(['rsa', 'ec', 'ed25519']);
    expect(kinds[0]?.asymmetricKeyDetails?.modulusLength).toBe(4096);
  });

  it('keeps them where another template, another call or another value is added', async () => {
    const { drawn: before } = await render(template);
    const { drawn: after } = await render({
      'templates/before.yaml': configMap('before', valuesOf(drawn)),
      'templates/drawn.yaml': configMap('drawn', [
        '  new: {{ randAlphaNum 23 }}',
        ...valuesOf(drawn),
        '  newer: {{ randAlphaNum 24 }}',
      ]),
      'values.yaml': 'more: true\n',
    });
    expect(after).toMatchObject(before ?? {});
    expect(after?.['newer']).not.toBe(after?.['alphaNum']);
  });

  it('draws another value at each call, and in each template', async () => {
    const twice = ['  first: {{ randAlphaNum 24 }}', '  second: {{ randAlphaNum 24 }}'];
    const rendered = await render({
      'templates/a.yaml': configMap('a', twice),
      'templates/b.yaml': configMap('b', twice),
    });
    expect(new Set(Object.values(rendered).flatMap((data) => Object.values(data))).size).toBe(4);
  });

  it('takes the checksum of what another template renders to, as it does render', async () => {
    const { secret, web } = await render({
      'templates/secret.yaml': configMap('secret', ['  password: {{ randAlphaNum 24 }}']),
      'templates/web.yaml': configMap('web', [
        '  own: {{ randAlphaNum 24 }}',
        '  included: {{ include (print $.Template.BasePath "/secret.yaml") . | b64enc }}',
        '  after: {{ randAlphaNum 24 }}',
      ]),
    });
    expect(Buffer.from(web?.['included'] ?? '', 'base64').toString('utf8')).toContain(
      `password: ${secret?.['password']}`,
    );
    expect(new Set([web?.['own'], web?.['after'], secret?.['password']]).size).toBe(3);
  });

  it("is told its own mistake, with Helm's line and column", async () => {
    const failing = render({ 'templates/web.yaml': '{{ randAlphaNum 3 }}{{ fail "no tariff" }}{{ randInt 2 1 }}' });
    await expect(failing).rejects.toThrow(
      'chart chart, chart/templates/web.yaml:1: execution error at (shop/templates/web.yaml:1:23): no tariff',
    );
  });
});

describe('a chart that makes certificates', () => {
  const template = { 'templates/certificates.yaml': configMap('certificates', certificates) };

  it('makes the same bytes every time', async () => {
    expect(await render(template)).toEqual(await render(template));
  });

  it('makes them valid from the recorded time, for the days asked for, signed by whom it says', async () => {
    const { certificates: made = {} } = await render(template);
    const read = (name: string) => {
      const pem = Buffer.from(made[name] ?? '', 'base64').toString('utf8');
      const certificate = new X509Certificate(pem);
      expect(certificate.checkPrivateKey(createPrivateKey(pem.slice(pem.indexOf('-----BEGIN', 20))))).toBe(true);
      const days = (certificate.validToDate.getTime() - certificate.validFromDate.getTime()) / 86_400_000;
      return {
        certificate,
        from: certificate.validFromDate.toISOString(),
        days,
        subject: certificate.subject,
        names: certificate.subjectAltName,
        ca: certificate.ca,
      };
    };
    const from = '2026-11-21T01:02:03.000Z';
    const ca = read('ca');
    expect(ca).toMatchObject({ from, days: 365, subject: 'CN=family-ca', ca: true });
    expect(ca.certificate.verify(ca.certificate.publicKey)).toBe(true);
    const web = read('web');
    expect(web).toMatchObject({
      from,
      days: 30,
      subject: 'CN=web',
      names: 'DNS:web.acme.svc, IP Address:10.0.0.1',
      ca: false,
    });
    expect(web.certificate.verify(ca.certificate.publicKey) && web.certificate.checkIssued(ca.certificate)).toBe(true);
    expect(read('ofCustom').certificate.verify(ca.certificate.publicKey)).toBe(true);
    const own = read('own');
    expect(own).toMatchObject({ from, days: 7, subject: 'CN=own', names: 'DNS:own.acme.svc' });
    expect(own.certificate.verify(own.certificate.publicKey)).toBe(true);
    expect(read('ofKey').certificate.verify(read('caOfKey').certificate.publicKey)).toBe(true);
    expect(read('ownOfKey')).toMatchObject({ from, days: 7 });
  });
});

describe('a chart that reads the clock or walks through a map', () => {
  it('finds the recorded time, in UTC, and the keys in order', async () => {
    const { clock } = await render({
      'templates/clock.yaml': configMap('clock', [
        '  now: {{ now | date "2006-01-02T15:04:05Z07:00" | quote }}',
        '  later: {{ now | dateModify "24h" | htmlDate | quote }}',
        '  zone: {{ dateInZone "15:04" now "Europe/Berlin" | quote }}',
        '  nonsense: {{ htmlDate "no date" | quote }}',
        '  ago: {{ ago (now | dateModify "-90s") }}',
        '  keys: {{ keys .Values | join "," }}',
        '  values: {{ values .Values | join "," | quote }}',
      ]),
    });
    expect(clock).toEqual({
      now: '2026-11-21T01:02:03Z',
      later: '2026-11-22',
      zone: '02:02',
      nonsense: '2026-11-21',
      ago: '1m30s',
      keys: 'a,b,c,d',
      values: '1,2,3,4',
    });
  });
});
