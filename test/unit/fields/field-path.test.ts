import { describe, expect, it } from 'vitest';
import { lastPart, parsePath, pointer, type FieldPath } from '../../../shared/fields/field-path.ts';

function read(text: string): FieldPath {
  const parsed = parsePath(text);
  if ('problem' in parsed) throw new Error(parsed.problem);
  return parsed.path;
}
const field = (name: string): FieldPath => [{ step: 'field', name }];
const item = (keys: Record<string, unknown>): FieldPath => [...field('ports'), { step: 'item', keys }];

describe('a path that an alert shows', () => {
  it.each<{ text: string; path: FieldPath }>([
    { text: '/spec/replicas', path: [...field('spec'), ...field('replicas')] },
    {
      text: '/metadata/annotations/example.com~1owner',
      path: [...field('metadata'), ...field('annotations'), ...field('example.com/owner')],
    },
    { text: '/a~0b', path: field('a~b') },
    { text: '/a~01', path: field('a~1') },
    { text: '/a~2b]', path: field('a[b]') },
    { text: '/', path: field('') },
    { text: '/ports[port=53,protocol=UDP]', path: item({ port: 53, protocol: 'UDP' }) },
    { text: '/ports[name="53"]', path: item({ name: '53' }) },
    { text: '/ports[ready=true]', path: item({ ready: true }) },
    { text: '/ports[ready="true"]', path: item({ ready: 'true' }) },
    { text: '/ports[mountPath=/etc/a[b/c]/x', path: [...item({ mountPath: '/etc/a[b/c' }), ...field('x')] },
    { text: '/ports[key="a,b]\\"=c"]', path: item({ key: 'a,b]"=c' }) },
    { text: '/ports[key=""]', path: item({ key: '' }) },
    { text: '/ports[key=a=b]', path: item({ key: 'a=b' }) },
    { text: '/ports[number=9007199254740993]', path: item({ number: 9007199254740992 }) },
    { text: '/finalizers[="a/b"]', path: [...field('finalizers'), { step: 'member', value: 'a/b' }] },
    { text: '/numbers[=5]', path: [...field('numbers'), { step: 'member', value: 5 }] },
  ])('can be pasted as an ignored one: $text', ({ text, path }) => {
    if (!text.includes('9007')) expect(pointer(path)).toBe(text);
    expect(read(text)).toEqual(path);
  });

  it('of a place in an atomic list is read as the name of a field, and written the same', () => {
    expect(pointer([...field('args'), { step: 'index', index: 1 }])).toBe('/args/1');
    expect(pointer(read('/args/1'))).toBe('/args/1');
  });

  // Seeded: any name and any value that Kubernetes could hold survive.
  it('is read back whatever stands in its names and keys', () => {
    const characters = ['a', '/', '~', '[', ']', ',', '=', '"', '\\', '0', '1', '2', ' ', 'é', '-', '.'];
    let state = 7;
    const next = (below: number) => (state = (state * 1103515245 + 12345) % 2147483648) % below;
    const text = () => Array.from({ length: next(6) }, () => characters[next(characters.length)] ?? '').join('');
    for (let round = 0; round < 3000; round++) {
      const keys = Object.fromEntries(['name', 'port'].map((key) => [key, next(3) === 0 ? next(99) : text()]));
      const path: FieldPath = [
        ...field(text()),
        { step: 'item', keys },
        ...field(text()),
        { step: 'member', value: text() },
      ];
      expect(read(pointer(path)), pointer(path)).toEqual(path);
    }
  });
});

describe('what is no path is refused by what is wrong with it', () => {
  it.each([
    ['spec/replicas', 'expected a JSON pointer, which begins with /'],
    ['[name=web]', 'expected a JSON pointer, which begins with /'],
    ['/spec/a~3', 'a~3: expected ~0 for ~, ~1 for / and ~2 for ['],
    ['/spec/a~', 'a~: expected ~0 for ~, ~1 for / and ~2 for ['],
    ['/spec/ports[0]', '[0]: expected a selector like [name=web], or ~2 for a [ in a name'],
    ['/spec/ports[]', '[]: expected a selector like [name=web], or ~2 for a [ in a name'],
    ['/spec/ports[port=53', '[port=53: expected a selector like [name=web], or ~2 for a [ in a name'],
    ['/spec/ports[port=53,]', '[port=53,]: expected a selector like [name=web], or ~2 for a [ in a name'],
    ['/spec/ports[port=53,port=54]', '[port=53,port=54]: expected a selector like [name=web], or ~2 for a [ in a name'],
    ['/spec/ports[name=web]image', 'expected a JSON pointer, which begins with /'],
  ])('%s', (text, problem) => {
    expect(parsePath(text)).toEqual({ problem });
  });
});

describe('the last part of a path', () => {
  it.each([
    ['/spec/template/spec/containers[name=web]/image', 'image'],
    ['/spec/ports[port=53,protocol=UDP]', 'ports[port=53,protocol=UDP]'],
    ['/spec/volumeMounts[mountPath=/etc/config]', 'volumeMounts[mountPath=/etc/config]'],
    ['/metadata/annotations/example.com~1owner', 'example.com/owner'],
    ['/metadata/finalizers[="a/b"]', 'finalizers[="a/b"]'],
  ])('of %s is %s', (path, part) => {
    expect(lastPart(path)).toBe(part);
  });
});
