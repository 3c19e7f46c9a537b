/**
 * Lines of Git's protocols: four hexadecimal digits of length, then the line; three lengths below four have meanings of
 * their own.
 */
export type Packet = Buffer | 'flush' | 'delimiter' | 'end';

export const flush = Buffer.from('0000');
export const delimiter = Buffer.from('0001');

export function packet(line: string): Buffer {
  const content = Buffer.from(line);
  return Buffer.concat([Buffer.from((content.length + 4).toString(16).padStart(4, '0')), content]);
}

/** Throws `RangeError` for what is no sequence of whole packets. */
export function* readPackets(bytes: Buffer): Generator<Packet> {
  for (let at = 0; at < bytes.length;) {
    const digits = bytes.toString('latin1', at, at + 4);
    const length = /^[0-9a-f]{4}$/i.test(digits) ? Number.parseInt(digits, 16) : undefined;
    if (length === undefined || length === 3 || at + length > bytes.length)
      throw new RangeError(`no packet at byte ${at}`);
    if (length < 4) {
      yield length === 0 ? 'flush' : length === 1 ? 'delimiter' : 'end';
      at += 4;
    } else {
      yield bytes.subarray(at + 4, at + length);
      at += length;
    }
  }
}
