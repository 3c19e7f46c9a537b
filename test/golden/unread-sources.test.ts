import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { pack, type Header } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureProgram } from '../../local/programs.ts';
import { createRenderer } from '../../shared/adapters/renderer.ts';
import type { EnvironmentSource } from '../../shared/environment/environment-file.ts';
import type { ConvergeError } from '../../shared/base/errors.ts';
import type { Render, Renderer } from '../../shared/ports/renderer.ts';
import type { AbsentEntry } from '../../shared/ports/git.ts';
import { rejectionOf } from '../refusal.ts';
import { buildMilliseconds, renderSeconds } from '../guards.ts';

/*
 * What could not be read is never absence: each file here is read whole, or refused by its path and the reason. None
 * comes to fewer objects.
 */

type Content = string | Uint8Array | { readonly link: string };
type Files = Readonly<Record<string, Content>>;

let renderer: Renderer;
let scratch: string;

beforeAll(async () => {
  renderer = createRenderer({ program: await ensureProgram('render') });
  scratch = await mkdtemp(join(tmpdir(), 'converge-unread-'));
}, buildMilliseconds);

afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
});

const configMap = (name: string, more = '') => `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\n${more}`;
const chartFile = 'apiVersion: v2\nname: shop\nversion: 1.0.0\n';
const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'4d'.repeat(32)}\nsize 12345\n`;
const kustomization = 'resources: [a.yaml]\n';

const manifests: EnvironmentSource[] = [{ kind: 'manifests', path: 'm' }];
const overlay: EnvironmentSource[] = [{ kind: 'kustomize', folder: 'k' }];
const chart: EnvironmentSource[] = [{ kind: 'helm', chart: 'c', release: 'shop', values: [] }];

/** Each way by which a document comes to a cluster: the files around it, and where it stands. */
const ways: readonly {
  readonly way: string;
  readonly sources: EnvironmentSource[];
  readonly around: Files;
  readonly at: string;
}[] = [
  { way: 'manifests', sources: manifests, around: { 'm/z.yaml': configMap('z') }, at: 'm/a.yaml' },
  {
    way: 'an overlay',
    sources: overlay,
    around: { 'k/kustomization.yaml': 'resources: [a.yaml, z.yaml]\n', 'k/z.yaml': configMap('z') },
    at: 'k/a.yaml',
  },
  {
    way: 'the templates of a chart',
    sources: chart,
    around: { 'c/Chart.yaml': chartFile, 'c/templates/z.yaml': configMap('z') },
    at: 'c/templates/a.yaml',
  },
  {
    way: 'the definitions of a chart',
    sources: chart,
    around: { 'c/Chart.yaml': chartFile, 'c/templates/z.yaml': configMap('z') },
    at: 'c/crds/a.yaml',
  },
  {
    way: 'the templates of a subchart',
    sources: chart,
    around: {
      'c/Chart.yaml': chartFile,
      'c/charts/sub/Chart.yaml': 'apiVersion: v2\nname: sub\nversion: 1.0.0\n',
      'c/templates/z.yaml': configMap('z'),
    },
    at: 'c/charts/sub/templates/a.yaml',
  },
];

/** In UTF-16 and UTF-32, either byte order, with the byte order mark and without. */
const encodings = ([2, 4] as const).flatMap((width) =>
  (['LE', 'BE'] as const).flatMap((order) =>
    [true, false].map((marked) => ({
      encoding: `UTF-${width * 8}${order}${marked ? '' : ' without a mark'}`,
      encode: (text: string) => encoded(text, { width, order, marked }),
    })),
  ),
);

function encoded(
  text: string,
  { width, order, marked }: { width: 2 | 4; order: 'LE' | 'BE'; marked: boolean },
): Buffer {
  const all = marked ? `\uFEFF${text}` : text;
  const units =
    width === 2
      ? Array.from({ length: all.length }, (_, index) => all.charCodeAt(index))
      : Array.from(all, (character) => character.codePointAt(0) ?? 0);
  const bytes = Buffer.alloc(units.length * width);
  for (const [index, unit] of units.entries()) {
    if (order === 'LE') bytes.writeUIntLE(unit, index * width, width);
    else bytes.writeUIntBE(unit, index * width, width);
  }
  return bytes;
}

describe.each(encodings)('a file in $encoding', ({ encode }) => {
  it.each(ways)('is read with every document, in $way', async ({ sources, around, at }) => {
    const text = [configMap('a', 'data: { price: "5 €, 𝄞" }\n'), configMap('b'), configMap('c')].join('---\n');
    const { objects } = await render({ sources, files: { ...around, [at]: encode(text) } });
    expect(objects.map(({ object }) => object.metadata.name ?? '').toSorted()).toEqual(['a', 'b', 'c', 'z']);
    expect(objects.find(({ object }) => object.metadata.name === 'a')?.object['data']).toEqual({ price: '5 €, 𝄞' });
  });

  it('is read as values, as Chart.yaml, as a kustomization, as a patch and as variables', async () => {
    const files: Files = {
      'c/Chart.yaml': encode(chartFile),
      'c/values.yaml': encode('own: 1\n---\nnext: 2\n'),
      'acme.yaml': encode('acme: 3\n---\nlast: 4\n'),
      'c/templates/a.yaml': configMap('values', 'data: { all: {{ .Values | toJson | quote }} }\n'),
      'k/kustomization.yaml': encode(
        'resources: [a.yaml]\npatches: [{ path: p.yaml }]\nconfigMapGenerator: [{ name: v, envs: [v.env], options: { disableNameSuffixHash: true } }]\n',
      ),
      'k/a.yaml': [configMap('a'), configMap('b')].join('---\n'),
      'k/p.yaml': encode(
        [configMap('a', 'data: { x: patched }\n'), configMap('b', 'data: { x: patched }\n')].join('---\n'),
      ),
      'k/v.env': encode('ONE=1\nTWO=2\n'),
    };
    const { objects } = await render({
      sources: [{ kind: 'helm', chart: 'c', release: 'shop', values: ['acme.yaml'] }, ...overlay],
      files,
    });
    expect(objects.map(({ object }) => [object.metadata.name, object['data']])).toEqual([
      ['values', { all: '{"acme":3,"last":4,"next":2,"own":1}' }],
      ['a', { x: 'patched' }],
      ['b', { x: 'patched' }],
      ['v', { ONE: '1', TWO: '2' }],
    ]);
  });
});

it('keeps the bytes of what a generator or .Files takes as it is', async () => {
  const bytes = encoded('price: €\n', { width: 2, order: 'LE', marked: true });
  const files: Files = {
    'k/kustomization.yaml':
      'configMapGenerator: [{ name: page, files: [page.txt, other=page.txt], options: { disableNameSuffixHash: true } }]\n',
    'k/page.txt': bytes,
    'c/Chart.yaml': chartFile,
    'c/files/page.txt': bytes,
    'c/templates/a.yaml': configMap('a', 'binaryData: { page: {{ .Files.Get "files/page.txt" | b64enc }} }\n'),
  };
  const { objects } = await render({ sources: [...overlay, ...chart], files });
  const base64 = bytes.toString('base64');
  expect(objects.map(({ object }) => object['binaryData'])).toEqual([
    { 'page.txt': base64, other: base64 },
    { page: base64 },
  ]);
});

/** Text that no reader may pass over, with what is said of it. */
const texts: readonly { readonly what: string; readonly text: Content; readonly said: RegExp }[] = [
  {
    what: 'a second document after an end mark',
    text: `${configMap('a')}...\n${configMap('b')}`,
    said: /another document follows/,
  },
  {
    what: 'documents whose lines end with CR',
    text: `${configMap('a')}---\n${configMap('b')}`.replaceAll('\n', '\r'),
    said: /another document follows/,
  },
  {
    what: 'documents parted by a line separator',
    text: `${configMap('a')}\u2028---\u2028${configMap('b')}`,
    said: /another document follows/,
  },
  {
    what: 'a document after an empty one and an end mark',
    text: `null\n...\n${configMap('b')}`,
    said: /another document follows/,
  },
  {
    what: 'a flow mapping after another',
    text: '{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n',
    said: /another document follows/,
  },
  {
    what: 'JSON after JSON that is read as YAML',
    text: `# JSON\n${'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}'.repeat(2)}\n`,
    said: /another document follows/,
  },
  { what: 'a NUL byte', text: `${configMap('a')}# \0\n`, said: /NUL byte on line 4/ },
  {
    what: 'half a character of UTF-16',
    text: encoded(configMap('a'), { width: 2, order: 'LE', marked: true }).subarray(0, -1),
    said: /UTF-16 \(little endian\), and broken at byte \d+/,
  },
  {
    what: 'half a pair of UTF-16',
    text: encoded(configMap('a', '# \uD83D\n'), { width: 2, order: 'BE', marked: true }),
    said: /UTF-16 \(big endian\), and broken/,
  },
  {
    what: 'no character of UTF-32',
    text: Buffer.concat([encoded('a: 1\n', { width: 4, order: 'LE', marked: true }), Buffer.from([0, 0, 0, 0x80])]),
    said: /UTF-32 \(little endian\), and broken/,
  },
  {
    what: 'YAML in Latin-1',
    text: Buffer.from(configMap('a', 'data: { x: "grün" }\n'), 'latin1'),
    said: /line 4 holds bytes that are not UTF-8/,
  },
  {
    what: 'JSON in Latin-1',
    text: Buffer.from('{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"x":"grün"}}', 'latin1'),
    said: /line 1 holds bytes that are not UTF-8/,
  },
  { what: 'a pointer of Git LFS', text: pointer, said: /stored with Git LFS.*git lfs migrate export/ },
  { what: 'a pointer of Git LFS with CRLF', text: pointer.replaceAll('\n', '\r\n'), said: /stored with Git LFS/ },
  {
    what: 'a list of no list',
    text: 'apiVersion: v1\nkind: NotAList\nitems: []\n',
    said: /NotAList has items and no metadata\.name/,
  },
  {
    what: 'other objects in a list of no list',
    text: `apiVersion: v1\nkind: NotAList\nitems:\n- ${configMap('a').replaceAll('\n', '\n  ')}\n`,
    said: /NotAList has items and no metadata\.name.*item 1 is not of kind NotA/,
  },
  {
    what: 'a Pod in a list of ConfigMaps',
    text: 'apiVersion: v1\nkind: ConfigMapList\nitems: [{ apiVersion: v1, kind: Pod, metadata: { name: a } }]\n',
    said: /item 1 is not of kind ConfigMap/,
  },
  { what: 'a list without items', text: 'apiVersion: v1\nkind: List\nitem: []\n', said: /List: items is missing/ },
  {
    what: 'items of another kind without a name',
    text: 'apiVersion: example.com/v1\nkind: Basket\nitems: [{ apiVersion: v1, kind: ConfigMap, metadata: { name: a } }]\n',
    said: /name/,
  },
  { what: 'a text', text: 'hello\n', said: /is not an object|metadata/ },
  { what: 'a sequence', text: '- a\n', said: /is not an object|metadata/ },
];

describe.each(ways)('in $way', ({ sources, around, at }) => {
  it.each(texts)('$what is refused by its path', async ({ text, said }) => {
    const error = await failureOf({ sources, files: { ...around, [at]: text } });
    expect(error).toMatchObject({ code: 'RenderFailed', disposition: 'refuse' });
    expect(error.message).toContain(at.split('/').at(-1));
    expect(error.message).toMatch(said);
  });

  it('a link to nowhere is refused by its path', async () => {
    const error = await failureOf({ sources, files: { ...around, [at]: { link: 'gone/file.yaml' } } });
    expect(error.message).toContain(`${at}: leads to nowhere: the symbolic link ${at} names gone/file.yaml`);
  });

  it('a link through a file is refused by its path', async () => {
    const error = await failureOf({
      sources,
      files: {
        ...around,
        'plain.txt': '',
        [at]: { link: `${'../'.repeat(at.split('/').length - 1)}plain.txt/a.yaml` },
      },
    });
    expect(error.message).toContain(`${at}: leads to nowhere`);
  });

  it.each(['submodule', 'folder', 'file', 'symlink'] as const)(
    'an absent %s is refused by its path and its reason',
    async (kind) => {
      const error = await failureOf({ sources, files: around, absent: [{ path: at, kind, reason: 'is not here' }] });
      expect(error.message).toContain(`${at}: is not here`);
    },
  );

  it('an absent folder above is refused by its path and its reason', async () => {
    const folder = dirname(at);
    const files = Object.fromEntries(Object.entries(around).filter(([path]) => !path.startsWith(`${folder}/`)));
    const error = await failureOf({
      sources,
      files,
      absent: [{ path: folder, kind: 'submodule', reason: 'is a submodule' }],
    });
    expect(error.message).toContain(`${folder}`);
    expect(error.message).toContain('is a submodule');
  });

  it('what nobody reads stops nobody', async () => {
    const files = {
      ...around,
      [at]: configMap('a'),
      'elsewhere/a.yaml': pointer,
      'elsewhere/b': { link: 'gone' },
      'elsewhere/c.yaml': Buffer.from([0xff, 0xfe, 0]),
    };
    const { objects } = await render({
      sources,
      files,
      absent: [{ path: 'elsewhere/module', kind: 'submodule', reason: 'is a submodule' }],
    });
    expect(objects.map(({ object }) => object.metadata.name ?? '').toSorted()).toEqual(['a', 'z']);
  });

  it('a text that speaks of Git LFS is none of its pointers', async () => {
    const { objects } = await render({
      sources,
      files: {
        ...around,
        [at]: `# ${pointer.replaceAll('\n', '\n# ')}\n${configMap('a', `data: { x: ${JSON.stringify(pointer)} }\n`)}`,
      },
    });
    expect(objects.find(({ object }) => object.metadata.name === 'a')?.object['data']).toEqual({ x: pointer });
  });
});

describe('an object of a kind that ends in List', () => {
  const allowList =
    'apiVersion: example.com/v1\nkind: AllowList\nmetadata: { name: office }\nitems: [{ metadata: { name: a } }]\n';

  it.each(ways.filter(({ sources }) => sources !== overlay))(
    'is one object where it has a name, in $way',
    async ({ sources, around, at }) => {
      const { objects } = await render({ sources, files: { ...around, [at]: allowList } });
      expect(objects.map(({ object }) => object.kind).sort()).toEqual(['AllowList', 'ConfigMap']);
    },
  );

  it.each([allowList, `apiVersion: v1\nkind: List\nitems:\n- ${allowList.replaceAll('\n', '\n  ')}\n`])(
    'is refused where Kustomize would take it apart (%#)',
    async (text) => {
      const error = await failureOf({
        sources: overlay,
        files: { 'k/kustomization.yaml': kustomization, 'k/a.yaml': text },
      });
      expect(error.message).toMatch(
        /k\/a\.yaml: document 1: .*AllowList office has items, and Kustomize would take it for a list/,
      );
    },
  );

  it('is a list where its items say so', async () => {
    const { objects } = await render({
      sources: manifests,
      files: {
        'm/a.yaml':
          'apiVersion: example.com/v1\nkind: TariffList\nitems: [{ apiVersion: example.com/v1, kind: Tariff, metadata: { name: a } }]\n',
      },
    });
    expect(objects.map(({ object }) => object.kind)).toEqual(['Tariff']);
  });
});

const deep = await packaged({
  'deep/Chart.yaml': chartFile,
  'deep/templates/s.yaml': { type: 'link', linkname: 'deep/Chart.yaml' },
});

describe('a chart', () => {
  const around: Files = { 'c/Chart.yaml': chartFile, 'c/templates/a.yaml': configMap('a') };
  const speaking = {
    'c/templates/b.yaml': configMap('b', 'data: { page: {{ .Files.Get "files/page.txt" | quote }} }\n'),
  };

  it.each<[string, Files]>([
    ['templates', { 'c/Chart.yaml': chartFile, 'c/crds/z.yaml': configMap('z') }],
    ['crds', around],
    ['charts', around],
    ['Chart.lock/x', around],
    ['values.yaml/x', around],
    ['values.schema.json/x', around],
    ['charts/sub/templates', { ...around, 'c/charts/sub/Chart.yaml': chartFile.replace('shop', 'sub') }],
    ['charts/sub/values.yaml/x', { ...around, 'c/charts/sub/Chart.yaml': chartFile.replace('shop', 'sub') }],
  ])('with %s in the place of something else is refused', async (name, files) => {
    const error = await failureOf({ sources: chart, files: { ...files, [`c/${name}`]: 'x' } });
    expect(error.message).toContain(`c/${name}: is where Helm looks for something else`);
  });

  it.each(['Chart.yaml', 'Chart.lock'])('whose %s holds two documents is refused', async (name) => {
    const error = await failureOf({
      sources: chart,
      files: { ...around, [`c/${name}`]: `${chartFile}---\nkubeVersion: ">= 99"\n` },
    });
    expect(error.message).toContain(`c/${name}: holds several documents, of which Helm reads the first only`);
  });

  it('may end Chart.yaml with a mark, as begin it', async () => {
    expect(
      (await render({ sources: chart, files: { ...around, 'c/Chart.yaml': `---\n${chartFile}---\n` } })).objects,
    ).toHaveLength(1);
  });

  it.each<[string, Files, AbsentEntry[]]>([
    ['a pointer of Git LFS', { 'c/files/page.txt': pointer }, []],
    ['a link to nowhere', { 'c/files/page.txt': { link: 'gone' } }, []],
    ['a submodule', {}, [{ path: 'c/files', kind: 'submodule', reason: 'is a submodule' }]],
  ])(
    'with %s in its files is refused where a template can ask for it, and not where none can',
    async (_what, files, absent) => {
      const error = await failureOf({ sources: chart, files: { ...around, ...speaking, ...files }, absent });
      expect(error.message).toContain('c/files');
      expect(error.message).toContain('.helmignore');
      const inValues = await failureOf({
        sources: [{ kind: 'helm', chart: 'c', release: 'shop', values: ['v.yaml'] }],
        files: { ...around, ...files, 'v.yaml': 'page: "{{ .Files.Get `files/page.txt` }}"\n' },
        absent,
      });
      expect(inValues.message).toContain('c/files');
      expect((await render({ sources: chart, files: { ...around, ...files }, absent })).objects).toHaveLength(1);
      expect(
        (
          await render({
            sources: chart,
            files: { ...around, ...speaking, ...files, 'c/.helmignore': 'files\n' },
            absent,
          })
        ).objects,
      ).toHaveLength(2);
    },
  );

  it.each([
    ['charts/sub', 'submodule'],
    ['charts/sub-1.0.0.tgz', 'file'],
    ['charts', 'submodule'],
    ['templates', 'submodule'],
    ['crds', 'submodule'],
    ['values.yaml', 'file'],
    ['.helmignore', 'file'],
  ] as const)('without its %s is refused, a template or none', async (name, kind) => {
    const files = Object.fromEntries(
      Object.entries({ ...around, 'c/crds.txt': '' }).filter(([path]) => !path.startsWith(`c/${name}/`)),
    );
    const error = await failureOf({
      sources: chart,
      files,
      absent: [{ path: `c/${name}`, kind, reason: 'is not here' }],
    });
    expect(error.message).toContain(`c/${name}: is not here`);
  });

  it('passes over in charts/ what Helm passes over', async () => {
    const absent: AbsentEntry[] = [{ path: 'c/charts/_old', kind: 'submodule', reason: 'is a submodule' }];
    expect(
      (await render({ sources: chart, files: { ...around, 'c/charts/.notes': pointer }, absent })).objects,
    ).toHaveLength(1);
  });

  it('that is a folder or a subchart package, or no package, is told apart', async () => {
    const sub = await packaged({
      'sub/Chart.yaml': chartFile.replace('shop', 'sub'),
      'sub/templates/s.yaml': configMap('s'),
    });
    expect(
      (await render({ sources: chart, files: { ...around, 'c/charts/sub-1.0.0.tgz': sub } })).objects.map(
        ({ object }) => object.metadata.name,
      ),
    ).toEqual(['s', 'a']);
    for (const name of ['sub.tar.gz', 'README.md'])
      expect((await failureOf({ sources: chart, files: { ...around, [`c/charts/${name}`]: sub } })).message).toContain(
        `c/charts/${name}: is no chart`,
      );
    expect((await failureOf({ sources: chart, files: { ...around, 'c/charts/sub.tgz': pointer } })).message).toContain(
      'c/charts/sub.tgz: is stored with Git LFS',
    );
    expect(
      (await failureOf({ sources: chart, files: { ...around, 'c/charts/sub.tgz': 'nonsense' } })).message,
    ).toContain('c/charts/sub.tgz: is not a packaged chart');
  });

  it.each<[string, Record<string, Content | Partial<Header>>, RegExp]>([
    [
      'a link',
      { 'sub/templates/s.yaml': { type: 'symlink', linkname: '../s.yaml' } },
      /holds sub\/templates\/s\.yaml, which is neither a file nor a folder/,
    ],
    ['a pointer of Git LFS', { 'sub/templates/s.yaml': pointer }, /templates\/s\.yaml.*is stored with Git LFS/],
    [
      'a broken text',
      { 'sub/templates/s.yaml': encoded('a', { width: 2, order: 'LE', marked: true }).subarray(0, 3) },
      /templates\/s\.yaml.*UTF-16/,
    ],
    ['a link two packages deep', { 'sub/charts/deep.tgz': deep }, /charts\/deep\.tgz.*holds deep\/templates\/s\.yaml/],
  ])('with %s in a package is refused, as a source and as a subchart', async (_what, content, said) => {
    const sub = await packaged({ 'sub/Chart.yaml': chartFile.replace('shop', 'sub'), ...content });
    const within = await failureOf({ sources: chart, files: { ...around, 'c/charts/sub.tgz': sub } });
    expect(within.message).toMatch(said);
    expect(within.message).toContain('c/charts/sub.tgz');
    expect(
      (
        await failureOf({
          sources: [{ kind: 'helm', chart: 'sub.tgz', release: 'shop', values: [] }],
          files: { 'sub.tgz': sub },
        })
      ).message,
    ).toMatch(said);
  });

  it('may be a package in UTF-16', async () => {
    const sub = await packaged({
      'sub/Chart.yaml': chartFile,
      'sub/templates/s.yaml': encoded([configMap('a'), configMap('b')].join('---\n'), {
        width: 2,
        order: 'LE',
        marked: true,
      }),
    });
    expect(
      (
        await render({
          sources: [{ kind: 'helm', chart: 'sub.tgz', release: 'shop', values: [] }],
          files: { 'sub.tgz': sub },
        })
      ).objects,
    ).toHaveLength(2);
  });
});

describe('two subcharts of one name', () => {
  const chartOf = (folder: string, version: string, name: string): Files => ({
    [`c/charts/${folder}/Chart.yaml`]: `apiVersion: v2\nname: sub\nversion: ${version}\n`,
    [`c/charts/${folder}/templates/s.yaml`]: configMap(name),
  });
  const around: Files = { 'c/Chart.yaml': chartFile };

  it('are refused: the templates of one would replace those of the other', async () => {
    const error = await failureOf({
      sources: chart,
      files: { ...around, ...chartOf('a', '1.0.0', 'one'), ...chartOf('b', '2.0.0', 'two') },
    });
    expect(error.message).toContain(
      'c/charts: holds two charts named sub (versions 1.0.0 and 2.0.0): remove one of them',
    );
  });

  it('do no harm where they are the same, or have names of their own', async () => {
    expect(
      (
        await render({
          sources: chart,
          files: { ...around, ...chartOf('a', '1.0.0', 'one'), ...chartOf('b', '1.0.0', 'one') },
        })
      ).objects,
    ).toHaveLength(1);
    const aliases = `${chartFile}dependencies: [{ name: sub, version: 1.0.0, alias: left }, { name: sub, version: 1.0.0, alias: right }]\n`;
    expect(
      (
        await render({
          sources: chart,
          files: { 'c/Chart.yaml': aliases, ...chartOf('a', '1.0.0', '{{ .Chart.Name }}') },
        })
      ).objects.map(({ object }) => object.metadata.name),
    ).toEqual(['left', 'right']);
  });
});

describe('definitions that are left out', () => {
  const files: Files = {
    'c/Chart.yaml': chartFile,
    'c/crds/d.yaml': configMap('definition'),
    'c/charts/sub/Chart.yaml': chartFile.replace('shop', 'sub'),
    'c/charts/sub/crds/d.yaml': configMap('definition-of-the-subchart'),
    'c/templates/a.yaml': configMap('{{ .Release.Name }}'),
  };

  it('let two releases of a chart render beside each other', async () => {
    const { objects, madeBy } = await render({
      sources: [...chart, { kind: 'helm', chart: 'c', release: 'other', values: [], crds: 'skip' }],
      files,
    });
    expect(objects.map(({ object }) => object.metadata.name)).toEqual([
      'definition-of-the-subchart',
      'definition',
      'shop',
      'other',
    ]);
    expect(madeBy).toEqual({ objects: [0, 0, 0, 1], hooks: [] });
  });

  it('need not be readable', async () => {
    const sources: EnvironmentSource[] = [{ kind: 'helm', chart: 'c', release: 'shop', values: [], crds: 'skip' }];
    expect((await render({ sources, files: { ...files, 'c/crds/d.yaml': pointer } })).objects).toHaveLength(1);
  });
});

describe('an overlay', () => {
  it.each<[string, Files, AbsentEntry[], RegExp]>([
    [
      'a key given twice',
      { 'k/kustomization.yaml': `${kustomization}resources: [b.yaml]\n`, 'k/b.yaml': configMap('b') },
      [],
      /k\/kustomization\.yaml: .*key "resources" is already set/,
    ],
    [
      'two documents',
      { 'k/kustomization.yaml': `${kustomization}---\nresources: [b.yaml]\n`, 'k/b.yaml': configMap('b') },
      [],
      /k\/kustomization\.yaml: holds several documents/,
    ],
    [
      'a kustomization that leads to nowhere beside another',
      { 'k/kustomization.yaml': { link: 'gone' }, 'k/kustomization.yml': kustomization },
      [],
      /k\/kustomization\.yaml: leads to nowhere/,
    ],
    [
      'a kustomization that is a folder beside another',
      { 'k/kustomization.yaml/x': '', 'k/kustomization.yml': kustomization },
      [],
      /k\/kustomization\.yaml: is a folder/,
    ],
    [
      'a kustomization that is not on disk beside another',
      { 'k/kustomization.yml': kustomization },
      [{ path: 'k/kustomization.yaml', kind: 'file', reason: 'is not here' }],
      /k\/kustomization\.yaml: is not here/,
    ],
    [
      'a component that is a submodule',
      { 'k/kustomization.yaml': `${kustomization}components: [module]\n` },
      [{ path: 'k/module', kind: 'submodule', reason: 'is a submodule' }],
      /k\/module: is a submodule/,
    ],
    [
      'a base below a submodule',
      { 'k/kustomization.yaml': 'resources: [../module/base]\n' },
      [{ path: 'module', kind: 'submodule', reason: 'is a submodule' }],
      /module\/base: module is a submodule/,
    ],
    ['a component that is a file', { 'k/kustomization.yaml': 'components: [a.yaml]\n' }, [], /k\/a\.yaml/],
    ['a base without a kustomization', { 'k/kustomization.yaml': 'resources: [b]\n', 'k/b/.keep': '' }, [], /k\/b/],
    [
      'a pointer in a generator',
      { 'k/kustomization.yaml': 'secretGenerator: [{ name: s, files: [key=s.txt] }]\n', 'k/s.txt': pointer },
      [],
      /k\/s\.txt: is stored with Git LFS/,
    ],
    [
      'a folder in a generator',
      { 'k/kustomization.yaml': 'configMapGenerator: [{ name: s, files: [s] }]\n', 'k/s/t': '' },
      [],
      /k\/s: is a folder/,
    ],
    [
      'a submodule in a generator',
      { 'k/kustomization.yaml': 'configMapGenerator: [{ name: s, files: [s/t] }]\n' },
      [{ path: 'k/s', kind: 'submodule', reason: 'is a submodule' }],
      /k\/s\/t: k\/s is a submodule/,
    ],
    [
      'a line of variables that ends the reading',
      {
        'k/kustomization.yaml': 'configMapGenerator: [{ name: s, envs: [s.env] }]\n',
        'k/s.env': `A=1\nB=${'x'.repeat(70_000)}\nC=3\n`,
      },
      [],
      /k\/s\.env: line 2 is longer/,
    ],
    [
      'a pointer as a patch',
      { 'k/kustomization.yaml': `${kustomization}patches: [{ path: p.yaml }]\n`, 'k/p.yaml': pointer },
      [],
      /k\/p\.yaml: is stored with Git LFS/,
    ],
    [
      'a patch of two documents in one',
      {
        'k/kustomization.yaml': `${kustomization}patches: [{ path: p.yaml }]\n`,
        'k/p.yaml': `${configMap('a')}...\n${configMap('a')}`,
      },
      [],
      /k\/p\.yaml: document 1: another document follows/,
    ],
    [
      'a text in UTF-16 that is content, too',
      {
        'k/kustomization.yaml': `${kustomization}configMapGenerator: [{ name: s, files: [a.yaml] }]\n`,
        'k/a.yaml': encoded(configMap('a'), { width: 2, order: 'LE', marked: true }),
      },
      [],
      /k\/a\.yaml: is in UTF-16.*save it as UTF-8/,
    ],
  ])('with %s is refused', async (_what, files, absent, said) => {
    expect(
      (await failureOf({ sources: overlay, files: { 'k/a.yaml': configMap('a'), ...files }, absent })).message,
    ).toMatch(said);
  });

  it('in place of a folder, or manifests that are none, is refused', async () => {
    expect((await failureOf({ sources: overlay, files: { k: kustomization } })).message).toMatch(
      /'k': file is not directory/,
    );
    expect(
      (
        await failureOf({
          sources: [{ kind: 'helm', chart: 'c', release: 'shop', values: ['v'] }],
          files: { 'c/Chart.yaml': chartFile, 'v/x': '' },
        })
      ).message,
    ).toMatch(/v: is a folder/);
  });
});

describe('a generator that is an object of its own', () => {
  const generator = 'apiVersion: builtin\nkind: SecretGenerator\nmetadata: { name: s }\nfiles: [s.bin]\n';
  const bytes = Buffer.from([0, 0xff, 0xfe, 0]);

  it.each<[string, Files]>([
    ['in a file', { 'k/kustomization.yaml': 'generators: [g.yaml]\n', 'k/g.yaml': generator }],
    ['in the kustomization', { 'k/kustomization.yaml': `generators: [${JSON.stringify(generator)}]\n` }],
  ])('%s keeps the bytes of its files', async (_what, files) => {
    const { objects } = await render({ sources: overlay, files: { ...files, 'k/s.bin': bytes } });
    expect(objects.map(({ object }) => object['data'])).toEqual([{ 's.bin': bytes.toString('base64') }]);
  });

  it('is no other plugin, whose files may be read either way and must be UTF-8', async () => {
    const plugin = 'apiVersion: builtin\nkind: PatchTransformer\nmetadata: { name: p }\npath: p.yaml\n';
    const files = {
      'k/kustomization.yaml': `${kustomization}transformers: [t.yaml]\n`,
      'k/a.yaml': configMap('a'),
      'k/t.yaml': plugin,
    };
    expect(
      (await render({ sources: overlay, files: { ...files, 'k/p.yaml': configMap('a', 'data: { x: patched }\n') } }))
        .objects[0]?.object['data'],
    ).toEqual({ x: 'patched' });
    const error = await failureOf({
      sources: overlay,
      files: { ...files, 'k/p.yaml': encoded(configMap('a'), { width: 2, order: 'LE', marked: true }) },
    });
    expect(error.message).toContain('k/p.yaml: is in UTF-16 (little endian)');
  });
});

describe('JSON', () => {
  const [a, b] = ['a', 'b'].map((name) => JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } }));

  it('after JSON is read in manifests, as kubectl reads it, and refused in an overlay, where Kustomize would pass it over', async () => {
    for (const between of ['', '\n', '\r\n', '\n---\n']) {
      expect(
        (await render({ sources: manifests, files: { 'm/a.json': `${a}${between}${b}\n` } })).objects,
      ).toHaveLength(2);
      const overlaid = {
        sources: overlay,
        files: { 'k/kustomization.yaml': 'resources: [a.json]\n', 'k/a.json': `${a}${between}${b}\n` },
      };
      if (between.includes('---')) expect((await render(overlaid)).objects).toHaveLength(2);
      else expect((await failureOf(overlaid)).message).toMatch(/k\/a\.json: document 1: another document follows/);
    }
  });
});

describe('a folder of manifests', () => {
  it('without one is empty, and a file of another ending is none', async () => {
    const { objects } = await render({
      sources: [...manifests, { kind: 'manifests', path: 'n' }],
      files: { 'm/a.yaml': configMap('a'), 'n/.gitkeep': '', 'n/notes.txt': pointer },
    });
    expect(objects).toHaveLength(1);
  });

  it('that is a link to the repository itself depends on all of it', async () => {
    const { objects, reads } = await render({
      sources: [{ kind: 'manifests', path: '.own' }],
      files: { '.own/all': { link: '..' }, 'm/a.yaml': configMap('a') },
    });
    expect(objects).toHaveLength(1);
    expect(reads).toContain('');
  });

  it('leaves alone what is not on disk and would be passed over', async () => {
    const absent: AbsentEntry[] = [
      { path: 'm/.hidden', kind: 'submodule', reason: 'is a submodule' },
      { path: 'm/notes.txt', kind: 'file', reason: 'is not here' },
    ];
    expect((await render({ sources: manifests, files: { 'm/a.yaml': configMap('a') }, absent })).objects).toHaveLength(
      1,
    );
  });
});

async function render({
  sources,
  files,
  absent = [],
}: {
  sources: readonly EnvironmentSource[];
  files: Files;
  absent?: readonly AbsentEntry[];
}): Promise<Render> {
  const root = await mkdtemp(join(scratch, 'repository-'));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    if (typeof content === 'object' && 'link' in content) await symlink(content.link, join(root, path));
    else await writeFile(join(root, path), content);
  }
  for (const { path } of absent) await mkdir(dirname(join(root, path)), { recursive: true });
  return await renderer.render({
    ...{ root, absent, sources, namespace: 'acme', kubernetesVersion: 'v1.36.3', apiVersions: ['v1'] },
    limits: { seconds: renderSeconds, mebibytes: 512 },
    seed: async () => expect.unreachable('nothing is drawn'),
    lookup: undefined,
  });
}

async function failureOf(request: Parameters<typeof render>[0]): Promise<ConvergeError> {
  return await rejectionOf(render(request));
}

async function packaged(files: Readonly<Record<string, Content | Partial<Header>>>): Promise<Buffer> {
  const archive = pack();
  for (const [name, content] of Object.entries(files)) {
    if (typeof content === 'string' || content instanceof Uint8Array) archive.entry({ name }, Buffer.from(content));
    else archive.entry({ name, ...content });
  }
  archive.finalize();
  return gzipSync(await buffer(archive));
}
