import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureProgram } from '../../local/programs.ts';
import { createRenderer } from '../../shared/adapters/renderer.ts';
import type { EnvironmentSource } from '../../shared/environment/environment-file.ts';
import type { Renderer } from '../../shared/ports/renderer.ts';
import { rejectionOf } from '../refusal.ts';
import { buildMilliseconds, renderSeconds } from '../guards.ts';
import { writeFiles } from '../write-files.ts';

/** What no error may quote, not even in part. */
const password = 'hunter2Canary';
const encoded = Buffer.from(password).toString('base64');
/** Of it, of its rest, and of its encoding. */
const traces = /hunt|unter2|canary|aHVudGVy|68756e74|331f1aa1/i;
/** Of passwords that are no one long word. */
const odd = {
  parts: 'p4-9x-q2',
  signs: 'a1!b2@c3#',
  quoted: 'aB3x,xYz9:Qq1z',
  noLetter: '!@#%^&*()',
  shortWords: 'ox fox yak',
};
const oddTraces = /p4-9x|a1!b2|b2@c3|aB3x|xYz9|@#%|ox fox|9,?021/;

interface Way {
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  readonly source: EnvironmentSource;
  /** What the error must tell all the same: where, and what is wrong. */
  readonly tells: RegExp;
}

const helm: EnvironmentSource = { kind: 'helm', chart: 'shop', release: 'shop', values: ['config/acme.yaml'] };
const chartFile = 'apiVersion: v2\nname: shop\nversion: 1.0.0\n';
const secretOf = (value: string): string =>
  `apiVersion: v1\nkind: Secret\nmetadata: { name: login }\nstringData:\n  password: ${value}\n`;

function inValues(values: string | Uint8Array, tells: RegExp): Way {
  return {
    files: {
      'shop/Chart.yaml': chartFile,
      'shop/templates/login.yaml': secretOf('{{ .Values.password }}'),
      'config/acme.yaml': values,
    },
    source: helm,
    tells,
  };
}

function inTemplate(template: string, tells: RegExp, value = password): Way {
  return {
    files: {
      'shop/Chart.yaml': chartFile,
      'shop/templates/login.yaml': template,
      'config/acme.yaml': `password: ${JSON.stringify(value)}\n`,
    },
    source: helm,
    tells,
  };
}

/** What a template makes of the password. */
function piped(expression: string, tells: RegExp, value = password): Way {
  return inTemplate(
    `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: login }\ndata:\n  a: {{ ${expression} }}\n`,
    tells,
    value,
  );
}

function inManifest(manifest: string, tells: RegExp): Way {
  return { files: { 'manifests/login.yaml': manifest }, source: { kind: 'manifests', path: 'manifests' }, tells };
}

function inOverlay(kustomization: string, tells: RegExp, more: Readonly<Record<string, string>> = {}): Way {
  return {
    files: { 'overlay/kustomization.yaml': kustomization, ...more },
    source: { kind: 'kustomize', folder: 'overlay' },
    tells,
  };
}

function inSchema(property: object, tells: RegExp, values = `password: ${password}\n`): Way {
  const way = inValues(values, tells);
  return {
    ...way,
    files: {
      ...way.files,
      'shop/values.schema.json': JSON.stringify({ type: 'object', properties: { password: property } }),
    },
  };
}

const ways: Readonly<Record<string, Way>> = {
  'an alias in values in UTF-16': inValues(
    Buffer.from(`\uFEFFpassword: *${password}\n`, 'utf16le'),
    /config\/acme\.yaml: .*unknown anchor/,
  ),
  'values in broken UTF-16': inValues(
    Buffer.from(`\uFEFFpassword: ${password}\n`, 'utf16le').subarray(0, -1),
    /config\/acme\.yaml: is in UTF-16 \(little endian\), and broken at byte \d+/,
  ),
  'an alias in the values': inValues(`password: *${password}\n`, /config\/acme\.yaml: .*unknown anchor/),
  'a tag in the values': inValues(
    `password: !!int ${password}\n`,
    /config\/acme\.yaml: .*cannot decode !!str `\*\*\*` as a !!int/,
  ),
  'a tag of nobody in the values': inValues(`password: !${password}! x\n`, /config\/acme\.yaml/),
  'a quotation without an end in the values': inValues(
    `password: "${password}\n`,
    /config\/acme\.yaml: .*unexpected end of stream/,
  ),
  'a mapping in the values': inValues(
    `password: ${password}: x\n`,
    /config\/acme\.yaml: .*mapping values are not allowed/,
  ),
  'a directive in the values': inValues(`password:\n%${password}\n`, /config\/acme\.yaml/),
  'a reserved sign in the values': inValues(`password: @${password}\n`, /config\/acme\.yaml: .*cannot start any token/),
  'a list in place of the values': inValues(`- ${password}\n`, /config\/acme\.yaml/),
  'a text in place of the values': inValues(`${password}\n`, /config\/acme\.yaml/),
  'a long number in the values': inValues(
    'password: 123456789012345678901\n',
    /acme\.yaml: password is an integer that Helm's values can't hold/,
  ),
  'a schema that wants another type': inSchema({ type: 'integer' }, /'\/password': got string, want integer/),
  'a schema that wants a pattern': inSchema(
    { type: 'string', pattern: '^[0-9]+$' },
    /'\/password'.*does not match pattern/,
  ),
  'a schema that wants one of some': inSchema({ enum: ['a', 'b'] }, /'\/password': value must be one of/),
  'a schema that wants a constant': inSchema({ const: 'a' }, /'\/password'/),
  'a schema that wants a format': inSchema(
    { format: 'email', type: 'string', maxLength: 3 },
    /'\/password': maxLength/,
  ),
  'an alias that a template rendered': inTemplate(
    secretOf('{{ .Values.password }}'),
    /templates\/login\.yaml: .*unknown anchor/,
    `*${password}`,
  ),
  'a mapping that a template rendered': inTemplate(
    secretOf('{{ .Values.password }}'),
    /templates\/login\.yaml: .*mapping values are not allowed/,
    `a: ${password}: b`,
  ),
  'an alias of an encoded password': inTemplate(
    secretOf('*{{ .Values.password | b64enc | trimAll "=" }}'),
    /templates\/login\.yaml: .*unknown anchor/,
  ),
  'a document that is a text': inTemplate('{{ .Values.password }}\n', /templates\/login\.yaml: document 1/),
  'an author who tells it': piped('fail .Values.password', /templates\/login\.yaml:5: execution error at .*: \*\*\*/),
  'an author who tells it in a sentence': piped(
    'fail (printf "the password %s is too short" .Values.password)',
    /the password \*\*\* is too short/,
  ),
  'a value that is required': piped('required .Values.password nil', /templates\/login\.yaml/),
  'a time': piped('mustToDate "2006-01-02" .Values.password', /templates\/login\.yaml:5.*error calling mustToDate/),
  'a version': piped('semver .Values.password', /error calling semver/),
  'a regular expression': piped('mustRegexMatch .Values.password "a"', /error calling mustRegexMatch/, `[${password}`),
  JSON: piped('mustFromJson .Values.password', /error calling mustFromJson/),
  'a URL': piped('urlParse .Values.password', /error calling urlParse/, `http://${password}%zz`),
  'a template of that name': piped('include .Values.password .', /templates\/login\.yaml:5[^]*no template "\*\*\*"/),
  'a function of that name': piped('tpl .Values.password .', /error calling tpl/, `{{ ${password} }}`),
  'a key of that type': piped('genPrivateKey .Values.password', /error calling genPrivateKey/),
  'a field of it': piped('index .Values.password 0 1', /error calling index/),
  'a decoded password': piped(
    'fail (b64dec .Values.password)',
    /templates\/login\.yaml:5: execution error at .*: \*\*\*/,
    encoded,
  ),
  'a certificate': piped('buildCustomCert .Values.password "b"', /error calling buildCustomCert/),
  decryption: piped('decryptAES "key" .Values.password', /error calling decryptAES/),
  'a duration': piped('ago .Values.password | mustToDate "2006" | quote', /templates\/login\.yaml/),
  'a password of short parts': piped(
    'fail .Values.password',
    /login\.yaml:5: execution error at .*: \*\*\*/,
    odd.parts,
  ),
  'a password of signs in a sentence': piped(
    'fail (printf "the password %s is too short" .Values.password)',
    /the password \*\*\* is too short/,
    odd.signs,
  ),
  'a password that looks like keys in braces': inTemplate(
    `data: [\n{{ fail .Values.password }}`,
    /execution error/,
    odd.quoted,
  ),
  'a password without a letter': piped(
    'fail .Values.password',
    /login\.yaml:5: execution error at .*: \*\*\*/,
    odd.noLetter,
  ),
  'a password without a letter, quoted': piped(
    'fail (printf "%q is weak" .Values.password)',
    /"\*\*\*" is weak/,
    odd.noLetter,
  ),
  'a password of short words': piped(
    'fail (printf "the password %s is too short" .Values.password)',
    /the password \*\*\* is too short/,
    odd.shortWords,
  ),
  'a number that a schema finds too small': inSchema(
    { minimum: 10_000 },
    /'\/password': minimum: got \*\*\*, want 10,000/,
    'password: 9021\n',
  ),
  'an item in lines that looks like keys': {
    ...inTemplate('{{ fail (first .Values.files) }}', /execution error at .*: \*\*\*/),
    files: {
      'shop/Chart.yaml': chartFile,
      'shop/templates/login.yaml': '{{ fail (first .Values.files) }}',
      'config/acme.yaml': `files:\n- |\n  ${password}: 1\n`,
    },
  },
  'a quoted text in lines that looks like keys': {
    ...inTemplate('{{ fail .Values.file }}', /execution error at .*: first \*\*\*/),
    files: {
      'shop/Chart.yaml': chartFile,
      'shop/templates/login.yaml': '{{ fail .Values.file }}',
      'config/acme.yaml': `file: "first\n  ${password}: 1"\n`,
    },
  },
  'an encoded password, told': piped('fail (b64enc .Values.password)', /execution error at .*: \*\*\*/),
  'a password in hexadecimal digits': piped('fail (printf "%x" .Values.password)', /execution error at .*: \*\*\*/),
  'the hash of a password': piped('fail (printf "the hash is %s" (sha256sum .Values.password))', /the hash is \*\*\*/),
  'the beginning of a password': piped(
    'fail (printf "it starts with %s" (trunc 6 .Values.password))',
    /it starts with \*\*\*/,
  ),
  'a password with something behind it': piped(
    'fail (printf "the user is %s" (print .Values.password "tail"))',
    /the user is \*\*\*/,
  ),
  'a text in lines that looks like keys': {
    ...inTemplate('{{ fail .Values.file }}', /execution error at .*: \*\*\*/),
    files: {
      'shop/Chart.yaml': chartFile,
      'shop/templates/login.yaml': '{{ fail .Values.file }}',
      'config/acme.yaml': `file: |\n  ${password}: 1\n`,
    },
  },
  'an alias in a manifest': inManifest(
    secretOf(`*${password}`),
    /manifests\/login\.yaml: document 1: .*unknown anchor/,
  ),
  'a tag in a manifest': inManifest(secretOf(`!!int ${password}`), /manifests\/login\.yaml: document 1/),
  'a mapping in a manifest': inManifest(
    secretOf(`a: ${password}: b`),
    /manifests\/login\.yaml: document 1: .*mapping values/,
  ),
  'a tab in a manifest': inManifest(secretOf(`x\n\t${password}`), /manifests\/login\.yaml: document 1/),
  'a manifest that is its password': inManifest(
    `${password}\n`,
    /manifests\/login\.yaml: document 1: is not an object/,
  ),
  'JSON in a manifest': inManifest(
    `{"apiVersion": "v1", "kind": "Secret", "stringData": {"password": "${password}" "a"}}`,
    /manifests\/login\.yaml/,
  ),
  'annotations that are a text': inManifest(
    `apiVersion: v1\nkind: Secret\nmetadata: { name: login, annotations: ${password} }\n`,
    /Secret login: metadata\.annotations is not an object/,
  ),
  'a literal without a key': inOverlay(
    `secretGenerator: [{ name: login, literals: ["${password}"] }]\n`,
    /invalid literal source/,
  ),
  'a literal of short parts without a key': inOverlay(
    `secretGenerator: [{ name: login, literals: ["${odd.parts}"] }]\n`,
    /invalid literal source/,
  ),
  'a literal among the files': inOverlay(
    `secretGenerator: [{ name: login, files: ["password=${password}"] }]\n`,
    /file sources: .*file does not exist/,
  ),
  'a literal among the files of variables': inOverlay(
    `secretGenerator: [{ name: login, envs: ["password=${password}"] }]\n`,
    /env source files: .*file does not exist/,
  ),
  'a literal that is there twice': inOverlay(
    `secretGenerator: [{ name: login, literals: ["a=${password}", "a=${password}"] }]\n`,
    /overlay overlay: /,
  ),
  'a patch': inOverlay(`resources: [login.yaml]\npatches: [{ patch: "*${password}" }]\n`, /overlay overlay: /, {
    'overlay/login.yaml': secretOf('a'),
  }),
  'a patch of JSON': inOverlay(
    `resources: [login.yaml]\npatches: [{ target: { kind: Secret }, patch: '[{"op": "test", "path": "/stringData/password", "value": "${password}"}]' }]\n`,
    /overlay overlay: /,
    { 'overlay/login.yaml': secretOf('a') },
  ),
  'a resource that does not parse': inOverlay('resources: [login.yaml]\n', /login\.yaml/, {
    'overlay/login.yaml': secretOf(`*${password}`),
  }),
  'a resource that is a text': inOverlay('resources: [login.yaml]\n', /login\.yaml/, {
    'overlay/login.yaml': `${password}\n`,
  }),
  'a key that nobody knows': inOverlay(`secretGenerators: ${password}\n`, /kustomization\.yaml|overlay overlay/),
  'the user of a remote base': inOverlay(
    `resources: ["https://user:${password}@github.com/example/shop"]\n`,
    /remote resources are not supported/,
  ),
};

const validating = `{{- define "shop.validate" -}}
{{- if not .Values.architecture -}}
shop: architecture
    Invalid architecture selected. Valid values are "standalone" and
    "replication". Please set a valid architecture
{{- end -}}
{{- end -}}
`;

const mistakes: Readonly<Record<string, Way>> = {
  'a function that nobody defined': piped('qoute .Values.password', /function "qoute" not defined/),
  'a template that nobody defined': piped(
    'include "shop.labls" .',
    /no template "shop\.labls" associated with template "gotpl"/,
  ),
  'a sentence in a variable': inTemplate(
    '{{ $told := "Only one of ingress and gateway may be enabled" }}{{ fail $told }}',
    /Only one of ingress and gateway may be enabled/,
  ),
  'a sentence with a place for a word': piped(
    'required (printf "%s.password is required for database %s" "shop" "main") nil',
    /password is required for database/,
  ),
  'a validation of many sentences': {
    ...piped(
      'include "shop.validate" . | fail',
      /Invalid architecture selected\. Valid values are "standalone" and\s+"replication"\. Please set a valid architecture/,
    ),
    files: { ...piped('include "shop.validate" . | fail', /./).files, 'shop/templates/_helpers.tpl': validating },
  },
  'an operation that no patch has': inOverlay(
    `resources: [login.yaml]\npatches:\n- target: { kind: Secret }\n  patch: |\n    - op: replce\n      path: /stringData/password\n      value: b\n`,
    /Unexpected kind: replce/,
    { 'overlay/login.yaml': secretOf('a') },
  ),
  'a patch of a field that is not there': inOverlay(
    `resources: [login.yaml]\npatches:\n- target: { kind: Secret }\n  patch: |\n    - op: replace\n      path: /data/nowhere/x\n      value: b\n`,
    /doc is missing path: \/data\/nowhere\/x/,
    { 'overlay/login.yaml': secretOf('a') },
  ),
  'a replacement from a field that is not there': inOverlay(
    'resources: [login.yaml]\nreplacements:\n- source: { kind: Secret, name: login, fieldPath: data.hostname }\n  targets: [{ select: { kind: Secret }, fieldPaths: [data.host] }]\n',
    /fieldPath `data\.hostname` is missing/,
    { 'overlay/login.yaml': secretOf('a') },
  ),
  'a resource that is named twice': inOverlay(
    'resources: [login.yaml, login.yaml]\n',
    /merging resources from 'login\.yaml': may not add resource with an already registered id: Secret/,
    { 'overlay/login.yaml': secretOf('a') },
  ),
  'a file that is not there': inOverlay(
    'secretGenerator: [{ name: login, files: [tls.key=certs/tls.ky] }]\n',
    /overlay\/certs\/tls\.ky: file does not exist/,
  ),
  'a merge of what is not there': inOverlay(
    'configMapGenerator: [{ name: login, behavior: merge, literals: [a=b] }]\n',
    /Version:"v1", Kind:"ConfigMap".*Name:"login".*does not exist/,
  ),
};

let renderer: Renderer;
let scratch: string;

beforeAll(async () => {
  renderer = createRenderer({ program: await ensureProgram('render') });
  scratch = await mkdtemp(join(tmpdir(), 'converge-discretion-'));
}, buildMilliseconds);

afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
});

async function messageOf({ files, source }: Way): Promise<string> {
  const root = await mkdtemp(join(scratch, 'repository-'));
  await writeFiles(root, files);
  const seed = async () => ({ seed: Buffer.alloc(32, 'seed').toString('base64'), time: '2026-11-21T01:02:03.456Z' });
  const request = {
    root,
    sources: [source],
    namespace: 'acme',
    kubernetesVersion: 'v1.36.3',
    apiVersions: ['v1'],
    absent: [],
    limits: { seconds: renderSeconds, mebibytes: 512 },
    seed,
    lookup: undefined,
  };
  return (await rejectionOf(renderer.render(request))).message;
}

describe('an error of a render', () => {
  it.each(Object.entries(ways))('tells where and what, and quotes no password: %s', async (_name, way) => {
    const message = await messageOf(way);
    expect(message).not.toMatch(traces);
    expect(message).not.toMatch(oddTraces);
    expect(message).toMatch(way.tells);
  });

  it.each(Object.entries(mistakes))('tells what a person needs to mend it: %s', async (_name, way) => {
    expect(await messageOf(way)).toMatch(way.tells);
  });

  it('is told in the same words each time', async () => {
    const way = inSchema(
      { type: 'integer' },
      /additional properties 'a', 'b', 'c', 'd', 'e' not allowed/,
      `password: ${password}\nb: 1\nd: 1\na: 1\ne: 1\nc: 1\n`,
    );
    const schema = JSON.stringify({
      type: 'object',
      properties: { password: { type: 'integer', minLength: 99, pattern: '^[0-9]+$' }, other: {} },
      additionalProperties: false,
      minProperties: 99,
    });
    const strict = { ...way, files: { ...way.files, 'shop/values.schema.json': schema } };
    const told = await Promise.all(Array.from({ length: 6 }, async () => messageOf(strict)));
    expect(told[0]).toMatch(way.tells);
    expect(new Set(told).size).toBe(1);
  });
});
