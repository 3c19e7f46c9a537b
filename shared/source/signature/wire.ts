/**
 * Reads the data types of SSH (RFC 4251, section 5) from front to back. Every read throws a `RangeError` where the
 * bytes end too early.
 */
export interface WireReader {
  bytes(count: number): Buffer;
  byte(): number;
  uint32(): number;
  /** Bytes behind their length. */
  string(): Buffer;
  text(): string;
  /** Throws a `RangeError` where something is left. */
  end(): void;
}

export function readWire(source: Uint8Array): WireReader {
  const buffer = Buffer.from(source);
  let offset = 0;
  const bytes = (count: number): Buffer => {
    if (count > buffer.length - offset) throw new RangeError('the bytes end too early');
    offset += count;
    return buffer.subarray(offset - count, offset);
  };
  const uint32 = (): number => bytes(4).readUInt32BE();
  const string = (): Buffer => bytes(uint32());
  return {
    bytes,
    uint32,
    string,
    byte: () => bytes(1).readUInt8(),
    text: () => string().toString('latin1'),
    end: () => {
      if (offset !== buffer.length) throw new RangeError('something follows the end');
    },
  };
}

/** Bytes behind their length. */
export function wireString(content: Uint8Array | string): Buffer {
  const bytes = Buffer.from(content);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** A positive number without the zeros before it, as many bytes wide. Throws a `RangeError` where it is wider. */
export function fixedWidth(number: Uint8Array, width: number): Buffer {
  let start = 0;
  while (start < number.length && number[start] === 0) start += 1;
  const digits = number.subarray(start);
  if (digits.length > width) throw new RangeError('a number is too large');
  return Buffer.concat([Buffer.alloc(width - digits.length), digits]);
}
