import { CORE_SCHEMA, load, mergeTag, YAMLException } from 'js-yaml';
import { linesAt } from '../../shared/yaml/read-document.ts';
import { isFields, kindOf, type Fields, type KeyPath } from './values.ts';

/** One object of a file; of a `List` each item is one. */
export interface Document {
  readonly file: string;
  readonly value: Fields;
  /** The text that it was read from, and how many lines of the file stand before it. */
  readonly text: string;
  readonly linesBefore: number;
  /** Where in that text it stands. */
  readonly within: KeyPath;
}

export interface Unread {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

/** What a stranger's file may hold: `docs/limits.md`. Characters, aliases, and values with what the aliases stand for. */
const longestText = 8 * 1024 * 1024;
const mostAliases = 1000;
const mostValues = 500_000;

const schema = CORE_SCHEMA.withTags(mergeTag);

/** The objects of a file in YAML or JSON, and what of it cannot be read. A document that is no map is passed over. */
export function readDocuments({ file, text }: { file: string; text: string }): {
  documents: readonly Document[];
  unread: readonly Unread[];
} {
  if (text.length > longestText)
    return {
      documents: [],
      unread: [{ file, line: 1, message: `has ${text.length} characters, and ${longestText} are read` }],
    };
  const documents: Document[] = [];
  const unread: Unread[] = [];
  for (const part of partsOf(text.replace(/^\uFEFF/, ''))) {
    const read = readOne({ file, ...part });
    if ('message' in read) unread.push(read);
    else documents.push(...read.documents);
  }
  return { documents, unread };
}

function readOne({
  file,
  text,
  linesBefore,
}: {
  file: string;
  text: string;
  linesBefore: number;
}): { documents: readonly Document[] } | Unread {
  let value: unknown;
  try {
    value = load(text, { schema, maxAliases: mostAliases });
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    return { file, line: linesBefore + (error.mark?.line ?? 0) + 1, message: error.reason };
  }
  if (!isSmall(value))
    return {
      file,
      line: linesBefore + 1,
      message: `holds more than ${mostValues} values with what its aliases stand for`,
    };
  if (!isFields(value)) return { documents: [] };
  const { items } = value;
  if (!kindOf(value).endsWith('List') || !Array.isArray(items))
    return { documents: [{ file, value, text, linesBefore, within: [] }] };
  return {
    documents: items.flatMap((item: unknown, index) =>
      isFields(item) ? [{ file, value: item, text, linesBefore, within: ['items', index] }] : [],
    ),
  };
}

/** `---` in the first column parts documents wherever it stands, in a block of text, too (YAML 1.2.2, 9.1.2). */
function partsOf(text: string): { text: string; linesBefore: number }[] {
  const parts: { text: string; linesBefore: number }[] = [];
  let lines: string[] = [];
  let linesBefore = 0;
  const end = (next: number): void => {
    if (lines.some((line) => line.trim() !== '' && !/^[#%]/.test(line)))
      parts.push({ text: lines.join('\n'), linesBefore });
    lines = [];
    linesBefore = next;
  };
  for (const [number, line] of text.split(/\r\n|\n|\r/).entries()) {
    if (/^(---|\.\.\.)(\s|$)/.test(line)) {
      end(number);
      lines.push(`   ${line.slice(3)}`);
    } else lines.push(line.startsWith('%') && lines.length === 0 ? '' : line);
  }
  end(0);
  return parts;
}

/** Whether a value, each alias counted as often as it stands there, is one that can be walked; a loop is not. */
function isSmall(value: unknown): boolean {
  const sizes = new Map<object, number>();
  const above = new Set<object>();
  const sizeOf = (node: unknown): number => {
    if (node === null || typeof node !== 'object') return 1;
    const known = sizes.get(node);
    if (known !== undefined) return known;
    if (above.has(node)) return Number.POSITIVE_INFINITY;
    above.add(node);
    const size = Object.values(node).reduce<number>((sum, child) => sum + sizeOf(child), 1);
    above.delete(node);
    sizes.set(node, size);
    return size;
  };
  return sizeOf(value) <= mostValues;
}

/** The lines (from 1) of keys of documents in their files; of one that is not there, of what should hold it. */
export function linesOfKeys(wanted: readonly { readonly document: Document; readonly path: KeyPath }[]): number[] {
  const byText = Map.groupBy(wanted, ({ document }) => document.text);
  const lines = new Map<object, number>();
  for (const [text, keys] of byText) {
    const found = linesAt({ text, paths: keys.map(({ document, path }) => [...document.within, ...path]) });
    for (const [index, key] of keys.entries()) lines.set(key, key.document.linesBefore + (found[index] ?? 1));
  }
  return wanted.map((key) => lines.get(key) ?? 1);
}
