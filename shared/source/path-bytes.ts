/*
 * Git's paths are bytes, ours are strings. A byte that belongs to no UTF-8 character stands in a string as the lone
 * surrogate U+DC00 plus itself, which no UTF-8 decodes to (PEP 383): two names are never one, and every name can be
 * written back.
 */
const lone = 0xdc00;

/** The string of a path or name, whatever its bytes are. `pathBytes` gives those back. */
export function pathFromBytes(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const text = buffer.toString('utf8');
  if (!text.includes('\ufffd')) return text;
  const parts: string[] = [];
  let begin = 0;
  for (let at = 0; at < buffer.length;) {
    const length = characterLength(buffer, at);
    if (length === 0) {
      parts.push(buffer.toString('utf8', begin, at), String.fromCharCode(lone + (buffer[at] ?? 0)));
      begin = at + 1;
    }
    at += length === 0 ? 1 : length;
  }
  return [...parts, buffer.toString('utf8', begin)].join('');
}

/** Bytes of the UTF-8 character that begins there (Unicode 16, table 3-7), or 0 where none does. */
function characterLength(buffer: Buffer, at: number): number {
  const [first = 0, second = 0] = buffer.subarray(at, at + 2);
  if (first < 0x80) return 1;
  const length = first < 0xc2 || first > 0xf4 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  const [low, high] = [
    first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80,
    first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf,
  ];
  if (length === 0 || at + length > buffer.length || second < low || second > high) return 0;
  return buffer.subarray(at + 2, at + length).every((byte) => byte >= 0x80 && byte <= 0xbf) ? length : 0;
}

/** The bytes of a path as Git holds them. */
export function pathBytes(path: string): Buffer {
  if (path.isWellFormed()) return Buffer.from(path);
  return Buffer.concat(
    Array.from(path, (character) =>
      isByte(character) ? Buffer.of(character.charCodeAt(0) - lone) : Buffer.from(character),
    ),
  );
}

/** For people: a path that is UTF-8 as it is, any other in quotes, as git shows it: `"config/x\374n.txt"`. */
export function shownPath(path: string): string {
  if (path.isWellFormed()) return path;
  const escaped = Array.from(path, (character) => {
    if (isByte(character)) return `\\${(character.charCodeAt(0) - lone).toString(8).padStart(3, '0')}`;
    return character === '"' || character === '\\' ? `\\${character}` : character.toWellFormed();
  });
  return `"${escaped.join('')}"`;
}

function isByte(character: string): boolean {
  const code = character.charCodeAt(0);
  return character.length === 1 && code >= lone + 0x80 && code <= lone + 0xff;
}
