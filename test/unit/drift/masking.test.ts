import { describe, expect, it } from 'vitest';
import { maskCopies, maskFields, maskText, textMasker } from '../../../shared/drift/masking.ts';
import { mask } from '../../../shared/objects/mask.ts';

const fields = [
  {
    path: '/data/password',
    desired: 'b2xk',
    observed: 'c3RvbGVu',
    manager: 'kubectl-patch',
    changedBefore: '2026-11-21T01:01:58Z',
  },
  { path: '/data/added', observed: { deep: ['c3RvbGVu'] } },
  { path: '/data/removed', desired: 'b2xk' },
  {
    path: '/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration',
    observed: '{"data":{"password":"b2xk"}}',
  },
];

describe('the fields of a Secret', () => {
  const masked = maskFields({ id: { group: '', kind: 'Secret' }, fields });

  it('hold no value', () => {
    expect(JSON.stringify(masked)).not.toMatch(/b2xk|c3RvbGVu/);
    expect(masked[0]).toEqual({ ...fields[0], desired: mask, observed: mask });
  });

  it('still tell on which side a value is', () => {
    expect(masked[1]).toEqual({ path: '/data/added', observed: mask });
    expect(masked[2]).toEqual({ path: '/data/removed', desired: mask });
  });
});

describe('the fields of any other kind', () => {
  it.each([
    { group: '', kind: 'ConfigMap' },
    { group: 'example.com', kind: 'Secret' },
  ])('are told: $kind of $group', (id) => {
    expect(maskFields({ id, fields })).toEqual(fields);
  });
});

describe('what the API server says of a Secret', () => {
  const canary = 'kanarienvogel-4711';
  const encoded = Buffer.from(canary).toString('base64');
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'card' },
    data: { number: encoded, pin: 'MTI=' },
  };
  const hide = (text: string, object: { apiVersion: string; kind: string } = secret) =>
    maskText({ text, objects: [object] });

  it.each([
    ['as it was sent', `data[number]: Invalid value: "${encoded}"`, 'data[number]: Invalid value: "***"'],
    ['decoded', `denied the request: ${canary} is weak`, 'denied the request: *** is weak'],
    [
      'cut off',
      `json: error in ...|"number":"${encoded.slice(0, 11)}|..., bigger context`,
      'json: error in ...|"number":"***|..., bigger context',
    ],
    ['a short one, where it stands alone', 'pin: 12 is weak, and so is x12', 'pin: *** is weak, and so is x12'],
  ])('holds no value %s', (_how, text, masked) => {
    expect(hide(text)).toBe(masked);
  });

  it('holds none where it is refused for its shape', () => {
    expect(hide(`expected map, got &{${canary}}`, { ...secret, data: canary } as never)).toBe(
      'expected map, got &{***}',
    );
    expect(hide('unable to convert 47110815', { ...secret, stringData: { number: 47110815 } } as never)).toBe(
      'unable to convert ***',
    );
    expect(hide(`cannot use ["${canary}"]`, { ...secret, stringData: { number: [canary] } } as never)).toBe(
      'cannot use ["***"]',
    );
  });

  it.each([
    ['Secret "card" is invalid: data: Forbidden: field is immutable when `immutable` is set'],
    ['Secret "card" is invalid: type: Invalid value: "kubernetes.io/tls": field is immutable'],
    [
      "Secret \"card\" is invalid: data[a b]: Invalid value: \"a b\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name', or 'KEY_NAME', regex used for validation is '[-._a-zA-Z0-9]+')",
    ],
    ['secrets "card" already exists'],
  ])('stays readable where a whole file is secret: %s', (text) => {
    const file = `route: { name: some, type: data, key: valid }\n# the field is immutable and must be invalid when the value exists already, kubernetes card or alphanumeric characters\npassword: ${canary}\n`;
    const whole = { ...secret, data: { 'config.yaml': Buffer.from(file).toString('base64') } };
    expect(hide(text, whole)).toBe(text);
    expect(hide(`${text}: ${canary}`, whole)).toBe(`${text}: ***`);
  });

  it('holds no beginning and no end of a value whose words are short', () => {
    const short = { ...secret, stringData: { password: 'a1!b2@c3#d4' } };
    expect(hide('password "a1!b2@c…" is weak', short)).toBe('password "***…" is weak');
    expect(hide('password "…@c3#d4" is weak', short)).toBe('password "…***" is weak');
    expect(
      hide('a word of the API that is a value: immutable', {
        ...secret,
        stringData: { password: 'immutable' },
      } as never),
    ).toBe('a word of the API that is a value: ***');
  });

  it.for([
    ['ab1\ncd2\nef3', 'ab1 cd2 ef3'],
    ['ab1\r\n\tcd2\n', 'ab1 cd2'],
    ['q7z\n', 'q7z'],
  ])('holds none that a message has in one line: %j', ([pin = '', said = '']) => {
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'pin' } };
    for (const fields of [{ stringData: { pin } }, { data: { pin: Buffer.from(pin).toString('base64') } }])
      expect(maskText({ text: `exec failed: ${said} is no pin`, objects: [{ ...secret, ...fields }] })).toBe(
        'exec failed: *** is no pin',
      );
  });

  it('is told otherwise, and so is what it says of any other kind', () => {
    expect(hide('Secret "card" is invalid: data[number]: Required value')).toBe(
      'Secret "card" is invalid: data[number]: Required value',
    );
    expect(hide(`Invalid value: "${encoded}"`, { ...secret, kind: 'ConfigMap' })).toContain(encoded);
  });
});

describe('a value that somebody copied in another spelling', () => {
  const value = 'p@ss/w:rd&<xyz>#1 é>>>???';
  const base64 = Buffer.from(`${value}\n`).toString('base64');
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'db' }, data: { password: base64 } };
  const goJson = JSON.stringify(value).replace(/[<>&]/g, (sign) => `\\u00${sign.charCodeAt(0).toString(16)}`);

  it.each([
    ['without the end of its line', value],
    ['in a URL', encodeURIComponent(value)],
    ['in a URL, in small letters', encodeURIComponent(value).replace(/%../g, (escape) => escape.toLowerCase())],
    ['in a form', new URLSearchParams({ a: value }).toString().slice(2)],
    ['in base64 for URLs', Buffer.from(value).toString('base64url')],
    ['in base64 of what it is without its line', Buffer.from(value).toString('base64')],
    ['in JSON of Go', goJson.slice(1, -1)],
  ])('is hidden in texts and fields: %s', (_, copy) => {
    expect(maskText({ text: `cannot dial db://app:${copy}@db now`, objects: [secret] })).not.toContain(copy);
    expect(maskCopies({ value: { url: `db://app:${copy}@db` }, objects: [secret] })).toEqual({
      url: expect.not.stringContaining(copy),
    });
  });

  it('hides no other escape, and none that is broken', () => {
    for (const text of ['100%', 'a%20b', 'see %zz and %E0%A4%A', 'https://host/a%2Fb?c=d%26e'])
      expect(maskText({ text, objects: [secret] })).toBe(text);
  });

  it('is spelt once for many texts, however much the Secrets hold', () => {
    const words = (n: number) => Array.from({ length: 5_000 }, (_, index) => `word${n}x${index}`).join(' ');
    const large = Array.from({ length: 5 }, (_, n) => ({
      ...secret,
      data: { file: Buffer.from(words(n)).toString('base64') },
    }));
    const hide = textMasker(large);
    const began = performance.now();
    for (let n = 0; n < 300; n++) hide(`Back-off restarting failed container web in pod web-${n}`);
    expect(performance.now() - began).toBeLessThan(5_000);
  });
});
