import { linesOfKeys, type Document } from './documents.ts';
import { at, dotted, kindOf, nameOf, type Fields, type KeyPath } from './values.ts';

/** An object as overlays make it: its document, and the patches that changed it, in their order. */
export interface Built {
  readonly value: Fields;
  readonly layers: readonly [Document, ...Document[]];
}

/** What is said of one key of one object. */
export interface Finding {
  readonly file: string;
  readonly line: number;
  readonly kind: string;
  readonly name: string;
  readonly key: string;
  readonly message: string;
  readonly remedy: string;
}

/** What needs no equal, and why: once for all objects that say it. */
export interface Settled {
  readonly key: string;
  readonly count: number;
  readonly message: string;
}

/** What to do about a file that is no YAML, or too much of it. */
export const mendFile = 'mend it, or render it first where it is a template: what it holds is not here';

export interface Said {
  readonly message: string;
  readonly remedy: string;
}

/** What is otherwise here where an object says nothing: once for all objects that leave it out. */
export type Default = Settled;

/** What was found out of the objects of one checkout; each thing is kept once, however many clusters share the object. */
export interface Findings {
  /** It has no equal: whoever moves has to do something. */
  missing(object: Built, path: KeyPath, said: Said): void;
  /** It was carried over, and is another thing than it was, or was guessed. */
  note(object: Built, path: KeyPath, said: Said): void;
  /** Of a file that is none of these objects. */
  missingIn(place: Omit<Finding, 'kind' | 'name' | 'key'> & Partial<Finding>): void;
  noteIn(place: Omit<Finding, 'kind' | 'name' | 'key'> & Partial<Finding>): void;
  settled(key: string, message: string): void;
  /** It is not said, and what then holds here may not be what is meant. */
  byDefault(key: string, message: string): void;
  result(): { missing: Finding[]; notes: Finding[]; defaults: Default[]; settled: Settled[] };
}

interface Pending extends Said {
  readonly object: Built;
  readonly path: KeyPath;
}

export function createFindings(): Findings {
  const pending = { missing: [] as Pending[], note: [] as Pending[] };
  const placed = { missing: [] as Finding[], note: [] as Finding[] };
  const counts = { settled: new Map<string, Settled>(), defaults: new Map<string, Default>() };
  const placeOf = (place: Omit<Finding, 'kind' | 'name' | 'key'> & Partial<Finding>): Finding => ({
    ...{ kind: '', name: '', key: '' },
    ...place,
  });
  const all = (weight: 'missing' | 'note'): Finding[] => inOrder([...located(pending[weight]), ...placed[weight]]);
  return {
    missing: (object, path, said) => void pending.missing.push({ object, path, ...said }),
    note: (object, path, said) => void pending.note.push({ object, path, ...said }),
    missingIn: (place) => void placed.missing.push(placeOf(place)),
    noteIn: (place) => void placed.note.push(placeOf(place)),
    settled: (key, message) => count(counts.settled, { key, message }),
    byDefault: (key, message) => count(counts.defaults, { key, message }),
    result: () => ({
      missing: all('missing'),
      notes: all('note'),
      defaults: byKey(counts.defaults),
      settled: byKey(counts.settled),
    }),
  };
}

function count(counts: Map<string, Settled>, { key, message }: { key: string; message: string }): void {
  counts.set(key, { key, message, count: (counts.get(key)?.count ?? 0) + 1 });
}

const byKey = (counts: ReadonlyMap<string, Settled>): Settled[] =>
  [...counts.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1));

function located(pending: readonly Pending[]): Finding[] {
  const wanted = pending.map(({ object, path }) => ({ document: layerOf(object, path), path }));
  const lines = linesOfKeys(wanted);
  return pending.map(({ object, path, message, remedy }, index) => ({
    ...{ file: wanted[index]?.document.file ?? '', line: lines[index] ?? 1 },
    ...{ kind: kindOf(object.value), name: nameOf(object.value), key: dotted(path), message, remedy },
  }));
}

/** The last patch that says the key, else the document itself. */
function layerOf({ layers }: Built, path: KeyPath): Document {
  return layers.findLast((layer) => at(layer.value, path) !== undefined) ?? layers[0];
}

function inOrder(findings: readonly Finding[]): Finding[] {
  const once = new Map(findings.map((finding) => [JSON.stringify(finding), finding]));
  const order = ({ file, line, key }: Finding): string => `${file}\0${String(line).padStart(9, '0')}\0${key}`;
  return [...once.values()].toSorted((a, b) => (order(a) < order(b) ? -1 : 1));
}

/**
 * What becomes of each key of a map: `carried` by code; needless here, for a reason; or missing, with what to do
 * instead. A key that is not in the table is missing, too: nothing is passed over in silence.
 */
export type Verdict =
  | 'carried'
  | { readonly needless: string }
  | ({ readonly missing: string } & { readonly remedy: string });
/** Why no key of either tool for further attempts has an equal. */
export const triedAgain = 'what failed is tried again after 1, 2, 4, … minutes, 30 at the most';
export type Verdicts = Readonly<Record<string, Verdict>>;

export function judgeKeys(
  findings: Findings,
  { object, path, verdicts }: { object: Built; path: KeyPath; verdicts: Verdicts },
): void {
  const fields = at(object.value, path);
  if (fields === null || typeof fields !== 'object') return;
  for (const key of Object.keys(fields)) {
    const verdict = Object.hasOwn(verdicts, key) ? verdicts[key] : undefined;
    if (verdict === 'carried') continue;
    if (verdict === undefined)
      findings.missing(object, [...path, key], {
        message: 'is a key that this command does not know',
        remedy: 'look up what it does, and whether it is needed here',
      });
    else if ('needless' in verdict)
      findings.settled(`${kindOf(object.value)} ${dotted([...path, key])}`, verdict.needless);
    else findings.missing(object, [...path, key], { message: verdict.missing, remedy: verdict.remedy });
  }
}
