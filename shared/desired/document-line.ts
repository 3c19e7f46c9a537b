/**
 * The line (from 1) at which a YAML file begins to declare an object: of the one document whose kind and name, as they
 * are written, are the object's. Undefined where none or several say so, and of what is not written in block style (a
 * `List`, JSON): nothing is guessed. What a manifest means is read by the renderer alone.
 */
export function documentLine({ text, kind, name }: { text: string; kind: string; name: string }): number | undefined {
  const found = documentsOf(text).filter(({ lines }) => isOf(lines, kind, name));
  return found.length === 1 ? found[0]?.first : undefined;
}

/** Names end long before. */
const longestLine = 400;

interface Document {
  /** Of its first line that is neither empty nor a comment. */
  readonly first: number;
  readonly lines: readonly string[];
}

function documentsOf(text: string): readonly Document[] {
  const documents: { first: number; lines: string[] }[] = [{ first: 0, lines: [] }];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (/^---(\s|$)/.test(line)) documents.push({ first: 0, lines: [] });
    const last = documents.at(-1);
    if (last === undefined || /^---(\s|$)|^\s*(#|$)/.test(line)) continue;
    if (last.first === 0) last.first = index + 1;
    last.lines.push(line);
  }
  return documents;
}

function isOf(lines: readonly string[], kind: string, name: string): boolean {
  const top = lines.filter((line) => /^[^\s#]/.test(line));
  if (top.filter((line) => line.startsWith('kind:')).length !== 1) return false;
  if (valueOf(top, 'kind') !== kind) return false;
  const begin = lines.findIndex((line) => /^metadata:\s*(#.*)?$/.test(line));
  const below = begin === -1 ? [] : lines.slice(begin + 1);
  const end = below.findIndex((line) => /^\S/.test(line));
  const metadata = end === -1 ? below : below.slice(0, end);
  const indent = /^ +/.exec(metadata[0] ?? '')?.[0];
  return indent !== undefined && valueOf(metadata, `${indent}name`) === name;
}

/** The value of a key on its line, plain or in quotes. */
function valueOf(lines: readonly string[], key: string): string | undefined {
  const line = lines.find((one) => one.startsWith(`${key}:`));
  const value =
    line === undefined || line.length > longestLine
      ? undefined
      : /^:\s+(.*?)\s*(\s#.*)?$/.exec(line.slice(key.length))?.[1];
  return value === undefined ? undefined : value.replace(/^(["'])(.*)\1$/, '$2');
}
