/** SSH's wire format (RFC 4251, section 5): a string is its length in four bytes, then its bytes. */
export interface WireReader {
  uint32(): number;
  string(): Buffer;
  /** What is left. */
  rest(): Buffer;
}

/** Throws `RangeError` where the bytes end before what is read. */
export function readWire(bytes: Buffer): WireReader {
  let at = 0;
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw new RangeError('it ends too early');
    at += length;
    return bytes.subarray(at - length, at);
  };
  const uint32 = (): number => take(4).readUInt32BE();
  return { uint32, string: () => take(uint32()), rest: () => take(bytes.length - at) };
}

export function wireUint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function wireString(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([wireUint32(bytes.length), bytes]);
}

/** A positive number as SSH writes it: no zeros in front but the one that keeps it positive. */
export function wireNumber(value: Uint8Array): Buffer {
  let start = 0;
  while (start < value.length - 1 && value[start] === 0) start += 1;
  const bytes = Buffer.from(value.subarray(start));
  return wireString((bytes[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.alloc(1), bytes]) : bytes);
}

/** Such a number without the zero in front. */
export function unsignedNumber(value: Buffer): Buffer {
  let start = 0;
  while (start < value.length - 1 && value[start] === 0) start += 1;
  return value.subarray(start);
}
