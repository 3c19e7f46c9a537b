import { Transform } from 'node:stream';
import { invalidArchive } from '../source/archive.ts';

/*
 * Headers of tar that say more about the next entry (its long name, PAX records) hold as many bytes as they say, and a
 * reader keeps them all in memory: a name of 80 MB packs into some hundred bytes.
 * https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html
 */
const block = 512;
const extended = new Set(['x', 'g', 'L', 'K']);
/** A size of it is no content: POSIX lets it tell how much the folder may hold. */
const folder = '5';
const largestExtended = 64 * 1024;

/**
 * Passes a tar stream on, and fails it with `InvalidArchive` where a header is too large or none, or where a file has
 * another size in its PAX records than in its header: readers that believe the one or the other find other files.
 */
export function limitHeaders({ subject }: { subject: string }): Transform {
  let header = Buffer.alloc(0);
  /** Of the entry that is passed on, with its padding. */
  let left = 0;
  /** The PAX records that are passed on, and the size that they give to the next file. */
  let records: { readonly bytes: number; readonly isGlobal: boolean; chunks: Uint8Array[] } | undefined;
  let told: string | undefined;
  const look = (chunk: Uint8Array): void => {
    let at = 0;
    while (at < chunk.length) {
      if (left > 0) {
        const passed = Math.min(left, chunk.length - at);
        records?.chunks.push(chunk.subarray(at, at + passed));
        left -= passed;
        at += passed;
        if (left === 0 && records !== undefined) {
          told = sizeRecord(Buffer.concat(records.chunks).subarray(0, records.bytes)) ?? told;
          if (records.isGlobal && told !== undefined) throw twoSizes(subject);
          records = undefined;
        }
        continue;
      }
      const wanted = block - header.length;
      header = Buffer.concat([header, chunk.subarray(at, at + wanted)]);
      at += wanted;
      if (header.length < block) return;
      const { type, size } = readHeader(header, subject);
      header = Buffer.alloc(0);
      if (extended.has(type)) {
        if (type === 'x' || type === 'g') records = { bytes: size, isGlobal: type === 'g', chunks: [] };
      } else {
        if (told !== undefined && told !== String(size)) throw twoSizes(subject);
        told = undefined;
      }
      left = type === folder ? 0 : Math.ceil(size / block) * block;
    }
  };
  return new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      try {
        look(chunk);
        done(null, chunk);
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)));
      }
    },
  });
}

/** Two blocks of zeros end an archive; what follows is none of it. */
function readHeader(header: Buffer, subject: string): { readonly type: string; readonly size: number } {
  if (header.every((byte) => byte === 0)) return { type: '', size: 0 };
  const type = String.fromCharCode(header[156] ?? 0);
  const size = numberAt(header, 124, 12);
  if (numberAt(header, 148, 8) !== sumOf(header) || size === undefined)
    throw invalidArchive({ subject, message: 'is no whole gzip archive of tar format', remedy: 'upload it again' });
  if (extended.has(type) && size > largestExtended) {
    throw invalidArchive({
      subject,
      message: `says ${size} bytes about one of its files, more than ${largestExtended}`,
      remedy: 'shorten its name, or pack it without extended attributes',
    });
  }
  return { type, size };
}

/** The last `size` of PAX records, each `<length> <key>=<value>` and a line feed; undefined where there is none. */
function sizeRecord(records: Buffer): string | undefined {
  let size: string | undefined;
  for (let at = 0; at < records.length;) {
    const blank = records.indexOf(0x20, at);
    const length = Number.parseInt(records.toString('latin1', at, blank === -1 ? at : blank), 10);
    if (!(length > 0)) break;
    const [key, value] = records
      .toString('latin1', blank + 1, Math.min(at + length - 1, records.length))
      .split(/=(.*)/s);
    if (key === 'size') size = value ?? '';
    at += length;
  }
  return size;
}

function twoSizes(subject: string): Error {
  return invalidArchive({ subject, message: 'says two sizes of one file', remedy: 'pack it anew with tar' });
}

/** Octal digits, or the base-256 form of GNU tar for what they do not hold. */
function numberAt(header: Buffer, at: number, length: number): number | undefined {
  const first = header[at] ?? 0;
  if ((first & 0x80) !== 0) {
    let value = first === 0xff ? -1 : first & 0x7f;
    for (let index = at + 1; index < at + length; index++) value = value * 256 + (header[index] ?? 0);
    return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  }
  const digits = header
    .toString('latin1', at, at + length)
    .replace(/\0[^]*$/, '')
    .trim();
  return /^[0-7]*$/.test(digits) ? Number.parseInt(digits === '' ? '0' : digits, 8) : undefined;
}

/** With the checksum itself taken for blanks. */
function sumOf(header: Buffer): number {
  let sum = 8 * 0x20;
  for (let index = 0; index < block; index++) if (index < 148 || index >= 156) sum += header[index] ?? 0;
  return sum;
}
