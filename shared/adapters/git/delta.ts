/**
 * The object that a delta makes of its base: https://git-scm.com/docs/gitformat-pack#_deltified_representation. Throws
 * `RangeError` for what is no delta of it, or makes more than `mostBytes`.
 */
export function applyDelta({ base, delta, mostBytes }: { base: Buffer; delta: Buffer; mostBytes: number }): Buffer {
  const from = sizeAt(delta, 0);
  const to = sizeAt(delta, from.end);
  if (from.size !== base.length || to.size > mostBytes) throw new RangeError('a delta of another object');
  const made = Buffer.alloc(to.size);
  let [at, length] = [to.end, 0];
  while (at < delta.length) {
    const command = delta.readUInt8(at++);
    if (command === 0) throw new RangeError('an unknown command of a delta');
    const copy = command > 127 ? copyAt(delta, at, command) : { start: at, size: command, end: at + command };
    const source = command > 127 ? base : delta;
    if (copy.start + copy.size > source.length || length + copy.size > to.size)
      throw new RangeError('a delta leaves its object');
    source.copy(made, length, copy.start, copy.start + copy.size);
    length += copy.size;
    at = copy.end;
  }
  if (length !== to.size) throw new RangeError('a delta ends early');
  return made;
}

function sizeAt(delta: Buffer, begin: number): { size: number; end: number } {
  let [at, size, factor] = [begin, 0, 1];
  for (;;) {
    const byte = delta.readUInt8(at++);
    size += (byte & 127) * factor;
    factor *= 128;
    if (byte < 128) return { size, end: at };
  }
}

/** Of four bytes of where, and three of how much, those are there whose bits the command has. */
function copyAt(delta: Buffer, begin: number, command: number): { start: number; size: number; end: number } {
  let [at, start, size] = [begin, 0, 0];
  for (let byte = 0; byte < 4; byte++) if ((command & (1 << byte)) !== 0) start += delta.readUInt8(at++) * 256 ** byte;
  for (let byte = 0; byte < 3; byte++) if ((command & (16 << byte)) !== 0) size += delta.readUInt8(at++) * 256 ** byte;
  return { start, size: size === 0 ? 65_536 : size, end: at };
}
