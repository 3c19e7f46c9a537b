import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { pack } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { unpackArchive } from '../../../shared/adapters/archive.ts';
import { ConvergeError } from '../../../shared/base/errors.ts';
import { header, padded, record, signed } from '../../tar-blocks.ts';
import { drawsMilliseconds } from '../../guards.ts';

const limits = { files: 20, bytes: 20_000 };

async function* inChunks(bytes: Uint8Array, size: number): AsyncIterable<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

/** What comes out of an archive: the files with their contents, or the refusal. Anything else is thrown. */
async function unpack(packed: Uint8Array, size = 1000): Promise<ReadonlyMap<string, string> | ConvergeError> {
  const contents = new Map<string, string>();
  let most = 0;
  try {
    const files = await unpackArchive({
      format: 'tar.gz',
      packed: inChunks(packed, size),
      limits,
      subject: 'gs://b/a.tgz#1',
      store: async ({ path, bytes, chunks }) => {
        const whole = await buffer(chunks);
        most += whole.length;
        expect(whole.length).toBe(bytes);
        expect(most).toBeLessThanOrEqual(limits.bytes);
        contents.set(path, whole.toString('latin1'));
        return path;
      },
    });
    return new Map(files.map(({ path, blob }) => [path, contents.get(blob) ?? '']));
  } catch (error) {
    if (error instanceof ConvergeError) return error;
    throw error;
  }
}

async function tarOf(entries: readonly { name: string; text: string }[]): Promise<Buffer> {
  const tar = pack();
  for (const { name, text } of entries) tar.entry({ name }, text);
  tar.finalize();
  return buffer(tar);
}

const pax = (records: string) => [
  header({ name: 'PaxHeader', size: Buffer.byteLength(records), typeflag: 'x' }),
  padded(records),
];
const end = Buffer.alloc(1024);

describe('an archive', () => {
  it(
    'comes back whole, however it arrives',
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(
            fc.record({
              name: fc.stringMatching(/^[a-z]{1,8}(\/[a-z]{1,8}){0,3}$/),
              text: fc.string({ maxLength: 500 }).map((text) => Buffer.from(text).toString('latin1')),
            }),
            { selector: ({ name }) => name, maxLength: 10 },
          ),
          fc.integer({ min: 1, max: 3000 }),
          async (entries, size) => {
            const packed = gzipSync(
              await tarOf(entries.map(({ name, text }) => ({ name, text: Buffer.from(text, 'latin1').toString() }))),
              { level: 1 },
            );
            const unpacked = await unpack(packed, size);
            if (unpacked instanceof ConvergeError) throw unpacked;
            expect([...unpacked.keys()].toSorted()).toEqual(entries.map(({ name }) => name).toSorted());
          },
        ),
        { numRuns: 40 },
      );
    },
    drawsMilliseconds,
  );

  it(
    'that is damaged anywhere is refused or read, and never ends the process or hangs',
    async () => {
      const tar = await tarOf([
        { name: 'a/one', text: 'x'.repeat(700) },
        { name: 'b', text: '' },
        { name: 'long/'.repeat(40).concat('name'), text: 'y' },
      ]);
      const damage = fc.array(fc.record({ at: fc.nat(), byte: fc.nat(255) }), { minLength: 1, maxLength: 8 });
      await fc.assert(
        fc.asyncProperty(damage, fc.boolean(), fc.nat(), async (damages, isInside, cut) => {
          const bytes = Buffer.from(isInside ? tar : gzipSync(tar));
          for (const { at, byte } of damages) bytes[at % bytes.length] = byte;
          const whole = isInside ? gzipSync(bytes) : bytes;
          const result = await unpack(whole.subarray(0, cut % 3 === 0 ? cut % whole.length : whole.length));
          if (result instanceof ConvergeError) expect(['InvalidArchive', 'UnsafePath']).toContain(result.code);
          else for (const path of result.keys()) expect(path).not.toMatch(/(^|\/)\.\.?(\/|$)|^\//);
        }),
        { numRuns: 200 },
      );
    },
    drawsMilliseconds,
  );

  it(
    'of any bytes is refused',
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), fc.boolean(), async (bytes, isZipped) => {
          const result = await unpack(isZipped ? gzipSync(bytes) : bytes);
          if (!(result instanceof ConvergeError)) expect(result.size).toBe(0);
        }),
        { numRuns: 200 },
      );
    },
    drawsMilliseconds,
  );

  const text = padded('content');
  it.each<[string, () => Buffer, string, RegExp]>([
    [
      'an old GNU sparse file',
      () => Buffer.concat([header({ name: 'a', size: 7, typeflag: 'S' }), text, end]),
      'InvalidArchive',
      /is neither a file nor a folder/,
    ],
    [
      'a PAX sparse file',
      () =>
        Buffer.concat([
          ...pax(record('GNU.sparse.major', '1')),
          header({ name: 'a', size: 7, typeflag: '0' }),
          text,
          end,
        ]),
      'InvalidArchive',
      /is a sparse file/,
    ],
    [
      'a PAX path that leaves',
      () =>
        Buffer.concat([...pax(record('path', '../../up')), header({ name: 'a', size: 7, typeflag: '0' }), text, end]),
      'UnsafePath',
      /has a part \.\./,
    ],
    [
      'a PAX size beyond all',
      () =>
        Buffer.concat([
          ...pax(record('size', '99999999999999999999')),
          header({ name: 'a', size: 7, typeflag: '0' }),
          text,
          end,
        ]),
      'InvalidArchive',
      /two sizes/,
    ],
    [
      'a PAX size that is no number',
      () => Buffer.concat([...pax(record('size', 'many')), header({ name: 'a', size: 7, typeflag: '0' }), text, end]),
      'InvalidArchive',
      /two sizes/,
    ],
    [
      'a GNU long name into .git',
      () =>
        Buffer.concat([
          header({ name: '././@LongLink', size: 12, typeflag: 'L' }),
          padded('.GIT/config\0'),
          header({ name: 'a', size: 7, typeflag: '0' }),
          text,
          end,
        ]),
      'UnsafePath',
      /reaches into \.git/,
    ],
    [
      'a device',
      () => Buffer.concat([header({ name: 'a', size: 0, typeflag: '3' }), end]),
      'InvalidArchive',
      /is a character-device/,
    ],
    [
      'a FIFO',
      () => Buffer.concat([header({ name: 'a', size: 0, typeflag: '6' }), end]),
      'InvalidArchive',
      /is a fifo/,
    ],
    [
      'a hard link',
      () => Buffer.concat([header({ name: 'a', size: 0, typeflag: '1' }), end]),
      'InvalidArchive',
      /is a link/,
    ],
  ])('that holds %s is refused', async (_what, tar, code, problem) => {
    expect(await unpack(gzipSync(tar()))).toMatchObject({ code, problem: expect.stringMatching(problem) });
  });

  it.each([1, 7, 100_000])(
    'of several gzip members is one stream, and refused where other bytes follow, in chunks of %i',
    async (size) => {
      const tar = await tarOf([
        { name: 'a', text: 'one' },
        { name: 'b', text: 'two' },
      ]);
      const packed = Buffer.concat([gzipSync(tar.subarray(0, 700)), gzipSync(tar.subarray(700))]);
      expect(await unpack(packed, size)).toEqual(
        new Map([
          ['a', 'one'],
          ['b', 'two'],
        ]),
      );
      expect(await unpack(Buffer.concat([packed, Buffer.from('trailing')]), size)).toMatchObject({
        code: 'InvalidArchive',
      });
    },
  );

  it('in an archive is a file', async () => {
    const inner = gzipSync(await tarOf([{ name: '../up', text: 'x' }]));
    const tar = pack();
    tar.entry({ name: 'inner.tgz' }, inner);
    tar.finalize();
    expect(await unpack(gzipSync(await buffer(tar)))).toEqual(new Map([['inner.tgz', inner.toString('latin1')]]));
  });

  it('fails for what is wrong here as that, and not as a broken archive', async () => {
    const packed = gzipSync(await tarOf([{ name: 'a', text: 'one' }]));
    const store = async () => Promise.reject(new Error('no space left'));
    await expect(
      unpackArchive({ format: 'tar.gz', packed: inChunks(packed, 1000), limits, subject: 'x', store }),
    ).rejects.toThrow('no space left');
  });
});

describe('a name in an archive', () => {
  it.each([
    [
      'in Latin-1',
      [
        header({ name: 'plain', size: 0, typeflag: '0' }),
        (() => {
          const block = header({ name: 'x', size: 0, typeflag: '0' });
          block[0] = 0xfc;
          return signed(block);
        })(),
      ],
    ],
    [
      'of PAX in Latin-1',
      [
        header({ name: 'PaxHeader', size: 12, typeflag: 'x' }),
        Buffer.concat([Buffer.from('12 path=a'), Buffer.from([0xfc]), Buffer.from('b\n'), Buffer.alloc(500)]),
        header({ name: 'a', size: 0, typeflag: '0' }),
      ],
    ],
    [
      'of GNU in Latin-1',
      [
        header({ name: '././@LongLink', size: 4, typeflag: 'L' }),
        Buffer.concat([Buffer.from([0x61, 0xfc, 0x62, 0]), Buffer.alloc(508)]),
        header({ name: 'a', size: 0, typeflag: '0' }),
      ],
    ],
  ])('that is not UTF-8 is refused, and not changed: %s', async (_what, blocks) => {
    const refused = await unpack(gzipSync(Buffer.concat([...blocks, end])));
    expect(refused).toMatchObject({ code: 'InvalidArchive', problem: expect.stringContaining('is not UTF-8') });
  });

  it('that is longer than any disk holds is refused before it is held', async () => {
    const refused = await unpack(
      gzipSync(
        Buffer.concat([header({ name: 'PaxHeader', size: 200_000, typeflag: 'x' }), Buffer.alloc(200_192, 'a'), end]),
      ),
    );
    expect(refused).toMatchObject({
      code: 'InvalidArchive',
      problem: expect.stringMatching(/says 200000 bytes about one of its files|unpacks to more/),
    });
  });
});

describe('a header of an archive', () => {
  const oldHeader = ({ name, size, typeflag }: Parameters<typeof header>[0]): Buffer =>
    signed(Buffer.concat([header({ name, size, typeflag }).subarray(0, 257), Buffer.alloc(255)]));

  it('is read as tar wrote it before its formats had names', async () => {
    const blocks = [
      oldHeader({ name: 'deep/', size: 0, typeflag: '\0' }),
      oldHeader({ name: 'deep/a', size: 3, typeflag: '0' }),
      padded('one'),
      end,
    ];
    expect(await unpack(gzipSync(Buffer.concat(blocks)))).toEqual(new Map([['deep/a', 'one']]));
  });

  it('of a folder has no content behind it, whatever its size', async () => {
    const blocks = [
      header({ name: 'deep/', size: 4096, typeflag: '5' }),
      header({ name: 'deep/a', size: 3, typeflag: '0' }),
      padded('one'),
      end,
    ];
    expect(await unpack(gzipSync(Buffer.concat(blocks)))).toEqual(new Map([['deep/a', 'one']]));
  });

  it('may say its size in a PAX record, too', async () => {
    const blocks = [
      ...pax(record('path', 'long/a') + record('size', '3')),
      header({ name: 'a', size: 3, typeflag: '0' }),
      padded('one'),
      end,
    ];
    expect(await unpack(gzipSync(Buffer.concat(blocks)))).toEqual(new Map([['long/a', 'one']]));
  });

  it.each([
    ['x', '512'],
    ['g', '512'],
    ['x', '0x3'],
    ['x', '-1'],
  ])('that says two sizes is refused: readers would not find the same files (%s, %s)', async (typeflag, size) => {
    const hidden = Buffer.concat([header({ name: 'hidden', size: 3, typeflag: '0' }), padded('one')]);
    const records = record('size', size);
    const blocks = [
      header({ name: 'PaxHeader', size: records.length, typeflag }),
      padded(records),
      ...(typeflag === 'g' ? pax(record('path', 'b')) : []),
      header({ name: 'a', size: hidden.length, typeflag: '0' }),
      hidden,
      end,
    ];
    expect(await unpack(gzipSync(Buffer.concat(blocks)))).toMatchObject({
      code: 'InvalidArchive',
      problem: expect.stringContaining('two sizes'),
    });
  });

  it('of no known type is told so', async () => {
    expect(
      await unpack(gzipSync(Buffer.concat([header({ name: 'volume', size: 0, typeflag: 'V' }), end]))),
    ).toMatchObject({
      code: 'InvalidArchive',
      problem: expect.stringContaining('"volume" is neither a file nor a folder'),
    });
  });
});
