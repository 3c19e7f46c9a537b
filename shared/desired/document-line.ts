import type { ObjectId } from '../objects/object-id.ts';

/**
 * The line (from 1) at which a YAML file begins to declare an object: of the one document whose kind, group, namespace
 * and name, as they are written, are the object's. Undefined where none or several say so, and of what is not written
 * in block style (a `List`, JSON): nothing is guessed. What a manifest means is read by the renderer alone.
 *
 * @param namespace of objects that say none
 */
export function documentLine({
  text,
  id,
  namespace,
}: {
  text: string;
  id: ObjectId;
  namespace: string | undefined;
}): number | undefined {
  const found = documentsOf(text.replace(/^\uFEFF/, '')).filter(({ lines }) => isOf(lines, id, namespace));
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

function isOf(lines: readonly string[], id: ObjectId, namespace: string | undefined): boolean {
  const top = lines.filter((line) => /^[^\s#]/.test(line));
  if (top.filter((line) => keyOf(line) === 'kind').length !== 1) return false;
  if (valueOf(top, 'kind') !== id.kind) return false;
  const version = valueOf(top, 'apiVersion');
  if (version !== undefined && (version.includes('/') ? version.split('/')[0] : '') !== id.group) return false;
  const begin = lines.findIndex((line) => keyOf(line) === 'metadata' && valueOf([line], 'metadata') === '');
  const below = begin === -1 ? [] : lines.slice(begin + 1);
  const end = below.findIndex((line) => /^\S/.test(line));
  const metadata = end === -1 ? below : below.slice(0, end);
  const indent = /^ +/.exec(metadata[0] ?? '')?.[0];
  if (indent === undefined) return false;
  const own = metadata.flatMap((line) => (line.startsWith(indent) ? [line.slice(indent.length)] : []));
  if (valueOf(own, 'name') !== id.name) return false;
  // What has none in the cluster may say one all the same.
  if (id.namespace === undefined) return true;
  return (own.some((line) => keyOf(line) === 'namespace') ? valueOf(own, 'namespace') : namespace) === id.namespace;
}

const keyAt = /^(["']?)([A-Za-z]+)\1\s*:(?=\s|$)/;

function keyOf(line: string): string | undefined {
  return keyAt.exec(line.slice(0, longestLine))?.[2];
}

/** The value of a key on its line, plain or in quotes, without its anchor or tag; empty where it is below. */
function valueOf(lines: readonly string[], key: string): string | undefined {
  const line = lines.find((one) => keyOf(one) === key);
  if (line === undefined || line.length > longestLine) return undefined;
  const written = line
    .replace(keyAt, '')
    .replace(/\s#.*$/, '')
    .trim();
  return written.replace(/^(?:[&!]\S*(?:\s+|$))+/, '').replace(/^(["'])(.*)\1$/, '$2');
}
