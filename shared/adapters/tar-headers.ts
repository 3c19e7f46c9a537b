import { Transform } from 'node:stream';
import { invalidArchive } from '../source/archive.ts';

/*
 * Headers of tar that say more about the next entry (its long name, PAX records) hold as many bytes as they say, and a reader keeps them all
 * in memory: a name of 80 MB packs into some hundred bytes. https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html
 */
const block = 512;
const extended = new Set(['x', 'g', 'L', 'K']);
const largestExtended = 64 * 1024;

/** Passes a tar stream on, and fails it with `InvalidArchive` where a header is too large or none. */
export function limitHeaders({ subject }: { subject: string }): Transform {
  let header = Buffer.alloc(0);
  /** Of the entry that is passed on, with its padding. */
  let left = 0;
  const look = (chunk: Uint8Array): void => {
    let at = 0;
    while (at < chunk.length) {
      if (left > 0) {
        const passed = Math.min(left, chunk.length - at);
        left -= passed;
        at += passed;
        continue;
      }
      const wanted = block - header.length;
      header = Buffer.concat([header, chunk.subarray(at, at + wanted)]);
      at += wanted;
      if (header.length < block) return;
      left = sizeOf(header, subject);
      header = Buffer.alloc(0);
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

/** The bytes up to the next header. Two blocks of zeros end an archive; what follows is none of it. */
function sizeOf(header: Buffer, subject: string): number {
  if (header.every((byte) => byte === 0)) return 0;
  const size = numberAt(header, 124, 12);
  if (numberAt(header, 148, 8) !== sumOf(header) || size === undefined) throw invalidArchive({ subject, message: 'is no whole gzip archive of tar format', remedy: 'upload it again' });
  if (extended.has(String.fromCharCode(header[156] ?? 0)) && size > largestExtended) {
    throw invalidArchive({ subject, message: `says ${size} bytes about one of its files, more than ${largestExtended}` });
  }
  return Math.ceil(size / block) * block;
}

/** Octal digits, or the base-256 form of GNU tar for what they do not hold. */
function numberAt(header: Buffer, at: number, length: number): number | undefined {
  const first = header[at] ?? 0;
  if ((first & 0x80) !== 0) {
    let value = first === 0xff ? -1 : first & 0x7f;
    for (let index = at + 1; index < at + length; index++) value = value * 256 + (header[index] ?? 0);
    return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  }
  const digits = header.toString('latin1', at, at + length).replace(/\0[^]*$/, '').trim();
  return /^[0-7]*$/.test(digits) ? Number.parseInt(digits === '' ? '0' : digits, 8) : undefined;
}

/** With the checksum itself taken for blanks. */
function sumOf(header: Buffer): number {
  let sum = 8 * 0x20;
  for (let index = 0; index < block; index++) if (index < 148 || index >= 156) sum += header[index] ?? 0;
  return sum;
}
