import { YAMLException, dump, loadAll } from 'js-yaml';
import {
  yamlTrees,
  type Entry,
  type Item,
  type MappingPlace,
  type SequencePlace,
  type YamlPlace,
} from './yaml-tree.ts';

/** A value that is set, or removed where it is undefined. The path goes from the root of the document. */
export interface YamlEdit {
  readonly path: readonly (string | number)[];
  readonly value: unknown;
}

/** An edit that cannot be made in place. The message says why, for people. */
export class UneditableYaml extends Error {
  override readonly name = 'UneditableYaml';
}

/**
 * Edits YAML in place: what is not edited stays as it is, byte for byte, with its comments, order, anchors and line ends.
 * The edits are made one after another. A key that is not there is added behind the last one of its mapping, with what
 * of its path is missing; the index behind the last item of a list adds one. What has no such key is left as it is.
 *
 * @param options.document which one of several, from 0
 * Throws `UneditableYaml` where more than the edit would change, or the text is no YAML.
 */
export function editYaml(text: string, edits: readonly YamlEdit[], options: { document?: number } = {}): string {
  const document = options.document ?? 0;
  return edits.reduce(
    (before, { path, value }) =>
      leavesOf(path, valueAt(valuesOf(before)[document], path), value).reduce(
        (written, edit) => editOnce(written, edit, document),
        before,
      ),
    text,
  );
}

/** Of two mappings, or lists of one length, what differs: the rest stays as it is written. What is added comes first. */
function leavesOf(path: YamlEdit['path'], from: unknown, to: unknown): readonly YamlEdit[] {
  if (Array.isArray(from) && Array.isArray(to) && from.length === to.length && to.length > 0)
    return to.flatMap((value: unknown, index) => leavesOf([...path, index], from[index], value));
  if (!isMapping(from) || !isMapping(to) || Object.keys(to).length === 0)
    return isSame(from, to) ? [] : [{ path, value: to }];
  const removed = Object.keys(from).filter((key) => !Object.hasOwn(to, key));
  return [
    ...Object.entries(to).flatMap(([key, value]) =>
      leavesOf([...path, key], Object.hasOwn(from, key) ? from[key] : undefined, value),
    ),
    ...removed.map((key) => ({ path: [...path, key], value: undefined })),
  ];
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function valueAt(value: unknown, path: YamlEdit['path']): unknown {
  return path.reduce<unknown>(
    (at, step) =>
      at !== null && typeof at === 'object' && Object.hasOwn(at, step) ? (Reflect.get(at, step) as unknown) : undefined,
    value,
  );
}

interface Splice {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

function editOnce(before: string, { path, value }: YamlEdit, document: number): string {
  const values = valuesOf(before);
  if (!(document in values)) throw uneditable(path, `there is no document ${document}`);
  const wanted = values.map((root, index) => (index === document ? withEdit(root, path, value) : root));
  if (isSame(values, wanted)) return before;
  const [first, ...rest] = path;
  const root = yamlTrees(before)[document];
  if (first === undefined || root === undefined) throw uneditable(path, 'the whole document is not set in place');
  const splices = spliceAt({ text: before, path, value, roots: yamlTrees(before) }, root, [first, ...rest]);
  const after = splices
    .toSorted((a, b) => b.from - a.from)
    .reduce((text, { from, to, text: put }) => text.slice(0, from) + put + text.slice(to), before);
  if (!isSame(valuesAfter(after, path), wanted)) throw uneditable(path, 'more than that would change');
  return after;
}

interface Editing {
  readonly text: string;
  readonly path: readonly (string | number)[];
  readonly value: unknown;
  readonly roots: readonly YamlPlace[];
}

/** Walks to the place of an edit. */
function spliceAt(
  editing: Editing,
  place: YamlPlace,
  [step, ...rest]: readonly [string | number, ...(string | number)[]],
): readonly Splice[] {
  const { path } = editing;
  if (place.kind === 'alias') throw uneditable(path, `*${place.of} stands there for what is elsewhere`);
  if (place.kind === 'scalar') throw uneditable(path, 'what it would stand in is no mapping and no list');
  const [next, ...further] = rest;
  const found =
    place.kind === 'mapping'
      ? place.entries.find(({ key }) => key === String(step))
      : typeof step === 'number'
        ? place.items[step]
        : undefined;
  if (found === undefined)
    return [addition(editing, place, step, rest.length === 0 ? editing.value : nested(editing, rest))];
  if (next !== undefined && !(found.value.kind === 'scalar' && isNothing(editing, found.value)))
    return spliceAt(editing, found.value, [next, ...further]);
  if (next === undefined && editing.value === undefined) {
    refuseReferred(editing, found.value);
    return removal(editing, place, found);
  }
  return replacements(editing, place, found, next === undefined ? editing.value : nested(editing, rest));
}

/** `key:` and `key: null` hold a mapping as soon as something is put into it. */
function isNothing({ text }: Editing, { start, end }: YamlPlace): boolean {
  return ['', '~', 'null', 'Null', 'NULL'].includes(text.slice(start, end));
}

/** The value with what of its path is not there. */
function nested({ path, value }: Editing, rest: readonly (string | number)[]): unknown {
  return rest.reduceRight<unknown>((below, step) => {
    if (typeof step === 'string') return { [step]: below };
    if (step !== 0) throw uneditable(path, `there is no list of ${step} items`);
    return [below];
  }, value);
}

function replacements(
  editing: Editing,
  parent: MappingPlace | SequencePlace,
  { mark, value: place }: Entry | Item,
  value: unknown,
): readonly Splice[] {
  refuseReferred(editing, place);
  const { text, path } = editing;
  if (mark === -1) throw uneditable(path, 'a key without a colon stands there');
  if (parent.isFlow) {
    const glue = place.start === mark && parent.kind === 'mapping' ? ' ' : '';
    return [{ from: place.start, to: place.end, text: `${glue}${flowText(value)}` }];
  }
  const indent = indentOf(editing, parent);
  const isOneLine = (written: string): boolean => !written.includes('\n');
  if (place.kind === 'scalar' && (place.style === 'plain' || place.style === 'single' || place.style === 'double')) {
    const style = typeof value === 'string' ? place.style : 'plain';
    const written = scalarText(value, style);
    if (written !== undefined && isOneLine(written)) return [{ from: place.start, to: place.end, text: written }];
  }
  const isList = parent.kind === 'sequence';
  const [line = '', ...further] = blockLines(isList ? [value] : { k: value }, indent);
  const end = Math.max(mark, place.end);
  // A comment behind a value stays on its first line; one in a mapping or a list goes with it.
  const isBlock = (place.kind === 'mapping' || place.kind === 'sequence') && !place.isFlow;
  const comment = isBlock ? '' : text.slice(end, lineEnd(text, end));
  // An anchor that nothing refers to goes with the value.
  const first = `${line.slice(indent.length + (isList ? 1 : 2))}${comment}`;
  return [{ from: mark, to: lineEnd(text, end), text: [first, ...further].join(eolOf(text)) }];
}

function addition(
  editing: Editing,
  parent: MappingPlace | SequencePlace,
  step: string | number,
  value: unknown,
): Splice {
  const { text, path } = editing;
  const children = parent.kind === 'mapping' ? parent.entries : parent.items;
  if (parent.kind === 'sequence' && step !== children.length) throw uneditable(path, `the list has no item ${step}`);
  if (parent.kind === 'mapping' && parent.entries.some(({ key }) => key === '<<'))
    throw uneditable(path, 'it may come from what <<: merges there');
  refuseReferred(editing, { ...parent, anchor: parent.anchor }, 'itself');
  const last = children.at(-1);
  if (parent.isFlow) {
    // Where keys are quoted it is JSON, and stays that.
    const write = text[children[0]?.start ?? -1] === '"' ? (one: unknown) => JSON.stringify(one) : flowText;
    const own = parent.kind === 'mapping' ? `${write(String(step))}: ${write(value)}` : write(value);
    if (last !== undefined) return { from: last.value.end, to: last.value.end, text: `, ${own}` };
    const inside = text.indexOf(parent.kind === 'mapping' ? '{' : '[', parent.start) + 1;
    return { from: inside, to: inside, text: own };
  }
  const indent = indentOf(editing, parent);
  const lines = blockLines(parent.kind === 'mapping' ? { [String(step)]: value } : [value], indent);
  const eol = eolOf(text);
  const end = lineEnd(text, parent.end);
  return { from: end, to: end, text: lines.map((line) => `${eol}${line}`).join('') };
}

function removal(editing: Editing, parent: MappingPlace | SequencePlace, child: Entry | Item): readonly Splice[] {
  const { text, path } = editing;
  const children: readonly (Entry | Item)[] = parent.kind === 'mapping' ? parent.entries : parent.items;
  const index = children.indexOf(child);
  const end = Math.max(child.value.end, child.mark);
  if (parent.isFlow) {
    const [previous, next] = [children[index - 1], children[index + 1]];
    if (next !== undefined) return [{ from: child.start, to: next.start, text: '' }];
    return [{ from: previous === undefined ? child.start : previous.value.end, to: end, text: '' }];
  }
  indentOf(editing, parent);
  const lineStart = text.lastIndexOf('\n', child.start - 1) + 1;
  const before = text.slice(lineStart, child.start);
  const until = Math.min(text.length, lineEnd(text, end) + (text.startsWith('\r\n', lineEnd(text, end)) ? 2 : 1));
  if (children.length === 1) {
    const empty = parent.kind === 'mapping' ? '{}' : '[]';
    // On a line of its own it goes where the value of its parent begins.
    const above = text.slice(0, lineStart).trimEnd();
    if (before.trim() !== '' || lastLineOf(above).includes('#') || above === '')
      return [{ from: child.start, to: end, text: empty }];
    return above.endsWith(':')
      ? [
          { from: above.length, to: above.length, text: ` ${empty}` },
          { from: lineStart, to: until, text: '' },
        ]
      : [{ from: child.start, to: end, text: empty }];
  }
  if (before.trim() === '') return [{ from: lineStart, to: until, text: '' }];
  // The first one of an item, on the line of its dash: what follows takes its place there.
  if (index !== 0 || /[^\s-]/.test(before)) throw uneditable(path, 'it stands on a line with something else');
  const following = until + (/^[ \t]*/.exec(text.slice(until))?.[0].length ?? 0);
  return [{ from: child.start, to: following, text: '' }];
}

/** The white space before the keys of a block mapping, or the dashes of a list. */
function indentOf({ text, path }: Editing, parent: MappingPlace | SequencePlace): string {
  const [first] = parent.kind === 'mapping' ? parent.entries : parent.items;
  if (first === undefined) throw uneditable(path, 'nothing stands there');
  const before = text.slice(text.lastIndexOf('\n', first.start - 1) + 1, first.start).replace(/^\uFEFF/, '');
  if (/[^ -]/.test(before) || /\S-|-\S/.test(before)) throw uneditable(path, `it stands behind ${before.trim()}`);
  return ' '.repeat(before.length);
}

/** Of YAML in block style each line, indented. */
function blockLines(value: unknown, indent: string): string[] {
  return dump(value, { lineWidth: -1, noRefs: true })
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => (line === '' ? '' : `${indent}${line}`));
}

/** A scalar as it was quoted before, or as it has to be; undefined for what is none. */
function scalarText(value: unknown, style: 'plain' | 'single' | 'double'): string | undefined {
  if (value !== null && typeof value === 'object') return undefined;
  const quotes = style === 'plain' ? {} : { forceQuotes: true, quoteStyle: style };
  return dump(value, { lineWidth: -1, ...quotes }).replace(/\n$/, '');
}

/** In braces and brackets: JSON is YAML, and a plain word stays one. */
function flowText(value: unknown): string {
  if (typeof value === 'string' && /^[A-Za-z][\w./-]*$/.test(value) && scalarText(value, 'plain') === value)
    return value;
  if (Array.isArray(value)) return `[${value.map(flowText).join(', ')}]`;
  if (value !== null && typeof value === 'object')
    return `{${Object.entries(value)
      .map(([key, below]) => `${flowText(key)}: ${flowText(below)}`)
      .join(', ')}}`;
  return typeof value === 'string' ? escaped(value) : (scalarText(value, 'plain') ?? 'null');
}

/** In double quotes, on one line. */
function escaped(value: string): string {
  return JSON.stringify(value).replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function refuseReferred({ roots, path }: Editing, place: YamlPlace, extent: 'below' | 'itself' = 'below'): void {
  const referred = new Set(
    roots.flatMap((root) => placesOf(root)).flatMap((one) => (one.kind === 'alias' ? [one.of] : [])),
  );
  const places = extent === 'below' ? placesOf(place) : [place];
  const anchor = places.map((one) => one.anchor).find((name) => name !== undefined && referred.has(name));
  if (anchor !== undefined) throw uneditable(path, `*${anchor} stands elsewhere for what is there`);
}

function placesOf(place: YamlPlace): readonly YamlPlace[] {
  if (place.kind === 'mapping') return [place, ...place.entries.flatMap(({ value }) => placesOf(value))];
  if (place.kind === 'sequence') return [place, ...place.items.flatMap(({ value }) => placesOf(value))];
  return [place];
}

function withEdit(root: unknown, path: readonly (string | number)[], value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  if (Array.isArray(root)) {
    const items: unknown[] = [...root];
    const index = Number(step);
    const below = withEdit(items[index], rest, value);
    if (below === undefined) return index < items.length ? items.toSpliced(index, 1) : items;
    items[index] = below;
    return items;
  }
  if (root === undefined || root === null) {
    const below = withEdit(undefined, rest, value);
    if (below === undefined) return root;
    return typeof step === 'number' ? [below] : { [step]: below };
  }
  // Where a scalar stands, nothing is found for an edit to go to.
  if (typeof root !== 'object') return withEdit(undefined, rest, value) === undefined ? root : { [step]: value };
  const entries = new Map(Object.entries(root));
  const below = withEdit(entries.get(String(step)), rest, value);
  if (below === undefined) entries.delete(String(step));
  else entries.set(String(step), below);
  return Object.fromEntries(entries);
}

function isSame(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (one === null || other === null || typeof one !== 'object' || typeof other !== 'object') return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const [entries, others] = [Object.entries(one), new Map(Object.entries(other))];
  return (
    entries.length === others.size && entries.every(([key, value]) => others.has(key) && isSame(value, others.get(key)))
  );
}

function valuesOf(text: string): readonly unknown[] {
  try {
    return loadAll(text, { maxAliases: mostAliases });
  } catch (error) {
    if (error instanceof YAMLException) throw new UneditableYaml(`it is no YAML: ${error.reason}`);
    throw error;
  }
}

/** An edit that would leave something else than YAML behind is none. */
function valuesAfter(text: string, path: readonly (string | number)[]): readonly unknown[] {
  try {
    return valuesOf(text);
  } catch (error) {
    if (error instanceof UneditableYaml) throw uneditable(path, 'it cannot be written there');
    throw error;
  }
}

const mostAliases = 1000;

function uneditable(path: readonly (string | number)[], why: string): UneditableYaml {
  return new UneditableYaml(`${path.join('.')} cannot be changed in place: ${why}`);
}

function eolOf(text: string): string {
  return /\r?\n/.exec(text)?.[0] ?? '\n';
}

/** Where the line ends that an offset is on, before its line end. */
function lineEnd(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  if (end === -1) return text.length;
  return text[end - 1] === '\r' && end > from ? end - 1 : end;
}

function lastLineOf(text: string): string {
  return text.slice(text.lastIndexOf('\n') + 1);
}
