import { dump, load, loadAll } from 'js-yaml';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editYaml, UneditableYaml, type YamlEdit } from '../../../shared/yaml/edit-yaml.ts';

const file = `# Production of ACME
apiVersion: converge.dev/v1 # ours
kind: Environment
metadata:
    name: acme-production   # as the file
    labels: { tier: gold, "team": 'shop' }
spec:
    cluster:   gke-1
    # what it is made of
    sources:
    - helm:
        chart: charts/shop
        values: [a.yaml, b.yaml] # both
    - manifests: extra
    suspendReason: "moves: now"

    verify:
        allowedSigners: |
            a b c

# the end
`;

const set = (text: string, path: YamlEdit['path'], value: unknown, document = 0): string =>
  editYaml(text, [{ path, value }], { document });

describe('an edit of YAML in place', () => {
  it.each<[string, YamlEdit['path'], unknown, string, string]>([
    ['a scalar, with what stands around it', ['spec', 'cluster'], 'gke-2', '  gke-1\n', '  gke-2\n'],
    ['a scalar in its quotes', ['spec', 'suspendReason'], 'done "so"', '"moves: now"', String.raw`"done \"so\""`],
    ['a scalar that another kind of value replaces', ['spec', 'suspendReason'], true, '"moves: now"', 'true'],
    ['a text that looks like another value', ['spec', 'cluster'], '0777', 'gke-1', "'0777'"],
    ['a value before a comment', ['metadata', 'name'], 'acme', 'acme-production   #', 'acme   #'],
    ['a value in braces', ['metadata', 'labels', 'tier'], 'a, b', 'gold', '"a, b"'],
    ['a quoted key in braces', ['metadata', 'labels', 'team'], 'x', "'shop'", 'x'],
    ['a key that is new in braces', ['metadata', 'labels', 'k'], 1, "'shop' }", "'shop', k: 1 }"],
    ['a key that goes from braces', ['metadata', 'labels', 'tier'], undefined, 'tier: gold, ', ''],
    ['the last one that goes from braces', ['metadata', 'labels', 'team'], undefined, `, "team": 'shop'`, ''],
    ['an item in brackets', ['spec', 'sources', 0, 'helm', 'values', 2], 'c.yaml', 'b.yaml]', 'b.yaml, c.yaml]'],
    [
      'a list where a word was',
      ['spec', 'cluster'],
      ['a', 'b'],
      'cluster:   gke-1\n',
      'cluster:\n      - a\n      - b\n',
    ],
    ['a new key of an item', ['spec', 'sources', 1, 'x'], 1, 'extra\n', 'extra\n      x: 1\n'],
    ['a new item', ['spec', 'sources', 2], { manifests: 'more' }, 'extra\n', 'extra\n    - manifests: more\n'],
    ['an item that goes', ['spec', 'sources', 1], undefined, '    - manifests: extra\n', ''],
    ['a key that goes, with its comment', ['kind'], undefined, 'kind: Environment\n', ''],
    ['the only key of a mapping', ['spec', 'sources', 1, 'manifests'], undefined, 'manifests: extra', '{}'],
    ['a new key of the document', ['more', 'deep'], 1, 'a b c\n', 'a b c\nmore:\n  deep: 1\n'],
    ['a new key behind a text', ['spec', 'verify', 'x'], 1, 'a b c\n', 'a b c\n        x: 1\n'],
  ])('changes %s, and nothing else', (_name, path, value, from, to) => {
    expect(set(file, path, value)).toBe(file.replace(from, to));
  });

  it('replaces a text of several lines where it stands', () => {
    const after = set(file, ['spec', 'verify', 'allowedSigners'], 'x\ny\n');
    expect(after.replace(/allowedSigners: \|\n( +)x\n\1y\n/, 'X')).toBe(
      file.replace('allowedSigners: |\n            a b c\n', 'X'),
    );
  });

  it('leaves a text alone that says so already, whatever it is quoted', () => {
    expect(set(file, ['spec', 'suspendReason'], 'moves: now')).toBe(file);
    expect(set(file, ['spec', 'suspend'], undefined)).toBe(file);
    expect(set(file, ['a', 'b'], undefined)).toBe(file);
  });

  it('keeps line ends, and a last line without one', () => {
    expect(set('a: 1\r\nb:\r\n  c: 2', ['b', 'd'], 'x')).toBe('a: 1\r\nb:\r\n  c: 2\r\n  d: x');
    expect(set('a: 1\r\nb: 2\r\n', ['a'], undefined)).toBe('b: 2\r\n');
    expect(set('\uFEFFa: 1\n', ['b'], 2)).toBe('\uFEFFa: 1\nb: 2\n');
  });

  it('puts a mapping where nothing stood', () => {
    expect(set('a:\nb: 1\n', ['a', 'x', 'z'], 1)).toBe('a:\n  x:\n    z: 1\nb: 1\n');
    expect(set('a: null # none\nb: 1\n', ['a', 'x'], 1)).toBe('a: # none\n  x: 1\nb: 1\n');
    expect(set('a: {}\n', ['a', 'x'], [1])).toBe('a: {x: [1]}\n');
    expect(set('a:\n', ['a'], 'v')).toBe('a: v\n');
  });

  it('takes the first key of an item away, and leaves the next one at the dash', () => {
    expect(set('- a: 1 # one\n  b: 2\n', [0, 'a'], undefined)).toBe('- b: 2\n');
    expect(set('a:\n  b: 1\nc: 2\n', ['a', 'b'], undefined)).toBe('a: {}\nc: 2\n');
  });

  it('leaves JSON to be JSON', () => {
    expect(set('{"a":{"b":1}}', ['a', 'c'], ['x'])).toBe('{"a":{"b":1, "c": ["x"]}}');
  });

  it('edits the document that is meant', () => {
    expect(set('a: 1\n---\na: 1\n...\n---\na: 1\n', ['a'], 2, 1)).toBe('a: 1\n---\na: 2\n...\n---\na: 1\n');
    expect(set('a: 1\n---\na: 1\n', ['b'], 2, 0)).toBe('a: 1\nb: 2\n---\na: 1\n');
  });

  it('replaces of two mappings what differs', () => {
    const text = 'a:\n  x: 1 # kept\n  y: 2 # changed\n  z: 3\n';
    expect(set(text, ['a'], { x: 1, y: 5, w: 4 })).toBe('a:\n  x: 1 # kept\n  y: 5 # changed\n  w: 4\n');
  });

  it.each<[string, string, YamlEdit['path'], unknown, string]>([
    ['what an alias stands for elsewhere', 'a: &x 1\nb: *x\n', ['a'], 2, '*x stands elsewhere for what is there'],
    ['a key of it', 'a: &x\n  c: 1\nb: *x\n', ['a', 'd'], 2, '*x stands elsewhere for what is there'],
    ['a key of it that is there', 'a: &x\n  c: 1\nb: *x\n', ['a', 'c'], 2, 'more than that would change'],
    ['something below an alias', 'a: &x {c: 1}\nb: *x\n', ['b', 'c'], 2, '*x stands there for what is elsewhere'],
    ['what is merged', 'a: &x {c: 1}\nb:\n  <<: *x\n', ['b', 'c'], 2, 'it may come from what <<: merges there'],
    ['a key below a text', 'a: text\n', ['a', 'b'], 1, 'what it would stand in is no mapping and no list'],
    ['a document that is not there', 'a: 1\n', ['a'], 1, 'there is no document 3'],
  ])('refuses %s', (_name, text, path, value, why) => {
    const edit = (): string => set(text, path, value, why.endsWith('3') ? 3 : 0);
    expect(edit).toThrow(UneditableYaml);
    expect(edit).toThrow(`${path.join('.')} cannot be changed in place: ${why}`);
  });

  it('refuses a key that stands twice, and what is no YAML', () => {
    expect(() => set('a: 1\na: 2\n', ['a'], 3)).toThrow('it is no YAML: duplicated mapping key');
    expect(() => set('a: [', ['a'], 3)).toThrow(UneditableYaml);
  });

  it('knows a key behind a question mark', () => {
    expect(set('? a\n: 1\n? b\n: 2\n', ['a'], undefined)).toBe('? b\n: 2\n');
    expect(set('? a\n: 1\n', ['a'], 3)).toBe('? a\n: 3\n');
  });

  it('may replace an alias, and an anchor that nothing refers to', () => {
    expect(set('a: &x 1\nb: *x # it\n', ['b'], 2)).toBe('a: &x 1\nb: 2 # it\n');
    expect(set('a: &x 1\n', ['a'], 2)).toBe('a: &x 2\n');
  });

  it('changes what was asked for and no line of another, whatever stands there', () => {
    const key = fc.constantFrom('a', 'b', 'c', 'dd', 'e f', 'on', '1');
    const scalar = fc.oneof(
      fc.constantFrom<unknown>(
        'x',
        'yes',
        '12',
        'a: b',
        '# c',
        '',
        'two\nlines\n',
        ' lead',
        'it\'s "q"',
        '2026-11-30',
        '\t',
      ),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
    );
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        scalar,
        fc.dictionary(key, tie('tree'), { maxKeys: 4, noNullPrototype: true }),
        fc.array(tie('tree'), { maxLength: 3 }),
      ),
    }));
    const root = fc.dictionary(key, tree, { minKeys: 1, maxKeys: 4, noNullPrototype: true });
    const style = fc.record({
      seqNoIndent: fc.boolean(),
      indent: fc.constantFrom(2, 4),
      flowLevel: fc.constantFrom(-1, -1, 1, 2),
      quoteStyle: fc.constantFrom<'single' | 'double'>('single', 'double'),
      eol: fc.constantFrom('\n', '\r\n'),
      comments: fc.boolean(),
    });
    fc.assert(
      fc.property(
        root,
        style,
        fc.array(fc.nat(9), { minLength: 1, maxLength: 4 }),
        fc.oneof(tree, fc.constant(undefined)),
        fc.constantFrom('after', 'before'),
        (value, { eol, comments, ...how }, steps, wanted, side) => {
          const written = dump(value, { lineWidth: -1, ...how });
          const plain = comments ? written.replace(/^(\w+:.*[\w'"}\]])$/gm, '$1 # said') : written;
          const own = (side === 'after' ? `${plain}---\n- other\n` : `- other # o\n---\n${plain}`).replaceAll(
            '\n',
            eol,
          );
          const document = side === 'after' ? 0 : 1;
          const path = pathIn(value, steps);
          const after = set(own, path, wanted, document);
          const expected: unknown[] = loadAll(own);
          expected[document] = edited(load(plain), path, wanted);
          expect(loadAll(after)).toEqual(expected);
          const [left, right] = [own.split(eol), after.split(eol)];
          expect(right).toContain(side === 'after' ? '- other' : '- other # o');
          const top = String(path[0]);
          for (const line of left)
            if (!line.startsWith(`${top}:`) && /^\w+: \S/.test(line)) expect(right).toContain(line);
        },
      ),
      { numRuns: Number(process.env['CONVERGE_CASES'] ?? 300) },
    );
  });
});

/** A path of keys that are there, and at its end one that may not be. */
function pathIn(root: unknown, steps: readonly number[]): (string | number)[] {
  const path: (string | number)[] = [];
  let at = root;
  for (const step of steps) {
    if (Array.isArray(at)) {
      const index = step % (at.length + 1);
      path.push(index);
      at = at[index];
    } else if (at !== null && typeof at === 'object') {
      const keys = [...Object.keys(at), 'new'];
      const next = keys[step % keys.length] ?? 'new';
      path.push(next);
      at = Reflect.get(at, next);
    } else break;
    if (at === undefined) break;
  }
  return path;
}

/** What is wanted, by another way: in a copy. */
function edited(root: unknown, path: readonly (string | number)[], value: unknown): unknown {
  const copy: unknown = structuredClone(root);
  let at = copy;
  for (const step of path.slice(0, -1)) at = Reflect.get(Object(at), step);
  const last = path.at(-1) ?? '';
  if (value !== undefined) Reflect.set(Object(at), last, value);
  else if (Array.isArray(at)) at.splice(Number(last), 1);
  else Reflect.deleteProperty(Object(at), last);
  return copy;
}
