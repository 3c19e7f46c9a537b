import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readDocument } from '../../../shared/yaml/read-document.ts';
import { refusalOf } from '../../refusal.ts';

const schema = z.strictObject({ shops: z.array(z.strictObject({ name: z.string(), open: z.boolean() })) });
const read = (text: string) => readDocument({ file: 'config/shops.yaml', text, schema, code: 'BadConfiguration' });

function problemOf(text: string): string {
  const refusal = refusalOf(() => read(text));
  expect(refusal).toMatchObject({ code: 'BadConfiguration', disposition: 'refuse' });
  return refusal.message;
}

describe('a YAML document of our own', () => {
  it('is read by its schema', () => {
    expect(read('shops:\n  - { name: web, open: true }\n')).toEqual({ shops: [{ name: 'web', open: true }] });
  });

  it('may use anchors', () => {
    expect(read('shops:\n  - &web { name: web, open: true }\n  - *web\n').shops).toHaveLength(2);
  });

  it.each([
    {
      what: 'a key of a nested item',
      text: 'shops:\n  - name: web\n    open: true\n  - name: app\n    open: soon\n',
      at: ':5: shops.1.open: ',
    },
    {
      what: 'a key of a flow mapping',
      text: '# shops\nshops: [{ name: web, open: true },\n  { name: app, open: 1 }]\n',
      at: ':3: shops.1.open: ',
    },
    { what: 'a missing key by its item', text: 'shops:\n  - name: web\n', at: ':2: shops.0.open: is missing' },
    {
      what: 'an unknown key, before the one that is missing for it',
      text: 'shop: []\n',
      at: ':1: shop: unknown key; did you mean shops?; and 1 more: shops: is missing',
    },
    { what: 'an unknown key', text: 'shops: []\nclosed: []\n', at: ':2: closed: unknown key' },
    {
      what: 'a key after a comment, in a file with CRLF',
      text: 'shops: []\r\n# a note\r\nclosed: []\r\n',
      at: ':3: closed: unknown key',
    },
    {
      what: 'a key behind an alias',
      text: 'shops:\n  - &web { name: web, open: 1 }\n  - *web\n',
      at: ':2: shops.0.open: ',
    },
    { what: 'a document that is a list', text: '- shops\n', at: ':1: document: ' },
  ])('is refused at $what', ({ text, at }) => {
    expect(problemOf(text)).toContain(`config/shops.yaml${at}`);
  });

  it.each([
    { what: 'a key that comes twice', text: 'shops: []\nshops: []\n', at: ':2: ' },
    { what: 'what does not parse', text: 'shops:\n  - name: "web\n', at: ':' },
    { what: 'an alias of nothing', text: 'shops: *none\n', at: ':1: ' },
    { what: 'a tag that would build an object', text: 'shops: !!js/function "f"\n', at: ':1: ' },
    { what: 'a second document, which nobody would read', text: 'shops: []\n---\nshops: []\n', at: ': ' },
    { what: 'an empty file', text: '', at: ': ' },
    { what: 'a file of comments', text: '# nothing yet\n', at: ': ' },
  ])('is refused for $what', ({ text, at }) => {
    expect(problemOf(text)).toContain(`config/shops.yaml${at}`);
  });
});

describe('a document that somebody wrote to hurt', () => {
  const took = (work: () => void): number => {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  };
  const rules = (count: number): string =>
    `shops:\n  - &shop { name: [${Array.from({ length: count }, (_, index) => `a${index}`).join(', ')}], open: true }\n${Array.from({ length: count - 1 }, () => '  - *shop').join('\n')}\n`;

  it.each([
    { what: 'aliases that multiply', text: rules(900), says: 'values with what its aliases stand for' },
    { what: 'more aliases than anybody needs', text: `shops: [&a 1, ${'*a, '.repeat(2000)}]\n`, says: 'alias' },
    {
      what: 'aliases of aliases',
      text: `a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n${Array.from({ length: 9 }, (_, n) => `a${n + 1}: &a${n + 1} [${`*a${n}, `.repeat(10)}]`).join('\n')}\n`,
      says: 'values with what its aliases stand for',
    },
    { what: 'an alias of itself', text: 'shops: &a [*a]\n', says: 'an alias' },
    { what: 'depth', text: `shops: ${'['.repeat(100_000)}\n`, says: ':1' },
    { what: 'length', text: `# ${'x'.repeat(2_000_000)}\n`, says: 'characters' },
    {
      what: 'keys that nobody knows',
      text: `shops: []\n${Array.from({ length: 40_000 }, (_, index) => `a${index}: 1`).join('\n')}\n`,
      says: ':2: a0: unknown key; and 39999 more',
    },
    { what: 'a key that is long', text: `${'x'.repeat(100_000)}: 1\n`, says: 'unknown key' },
  ])('is refused in a moment, and in a few words: $what', ({ text, says }) => {
    let message = '';
    expect(took(() => (message = problemOf(text)))).toBeLessThan(3000);
    expect(message).toContain(says);
    expect(message.length).toBeLessThan(10_000);
  });
});

describe('a key that nobody knows', () => {
  const nested = z.strictObject({
    alerts: z
      .strictObject({ gitHosts: z.array(z.strictObject({ name: z.string().optional() })).default([]) })
      .prefault({}),
    clusters: z.record(z.string(), z.union([z.strictObject({ kubeconfig: z.string() }), z.literal('none')])).optional(),
  });
  const told = (text: string): string => {
    try {
      readDocument({ file: 'f.yaml', text, schema: nested, code: 'BadConfiguration' });
    } catch (error) {
      return String(error);
    }
    return '';
  };

  it.each([
    ['alert: {}', 'alert: unknown key; did you mean alerts?'],
    ['alerts: { git_hosts: [] }', 'alerts.git_hosts: unknown key; did you mean gitHosts?'],
    ['alerts: { gitHosts: [{ nmae: a }] }', 'alerts.gitHosts.0.nmae: unknown key; did you mean name?'],
    ['clusters: { sandbox: { kube_config: a } }', 'kube_config: unknown key; did you mean kubeconfig?'],
  ])('is told with what was meant: %s', (text, message) => {
    expect(told(text)).toContain(message);
  });

  it('is told alone where nothing is like it', () => {
    expect(told('elephants: 1')).not.toContain('did you mean');
  });
});
