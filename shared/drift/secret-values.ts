import { exactNumber, parseJson } from '../objects/exact-json.ts';
import { mask } from '../objects/mask.ts';

/*
 * The rule of what is hidden of Secrets outside of them, where somebody copied it. A value is what stands in `data`,
 * decoded or not, and `stringData`; each line of it of eight characters or more, and each text of eight or more in it
 * where it is JSON (also in JSON within that, and the password of what Docker keeps as `auth`), count as values, too. Of a value of four characters or more each spelling is hidden: as it is, without
 * blanks at its ends, in JSON, in base64 (with padding and without, also for URLs), and with the escapes of URLs.
 * A spelling of eight characters or more is hidden wherever it stands; a shorter one where it stands as a word, so that
 * no other word loses a part. `true`, `false`, `null` and `none` are nobody's secret.
 */

/** A spelling of so many characters stands nowhere by chance. */
const shortestCopy = 8;
/** What is shorter is in every text. */
export const shortestValue = 4;
const nobodys = new Set(['true', 'false', 'null', 'none']);

/** Whether a value is too common to be hidden. */
export function isNobodys(value: string): boolean {
  return nobodys.has(value.toLowerCase());
}

/** What Secrets hold, as it stands in them. */
export function contentsOf(objects: readonly (object | undefined)[]): string[] {
  return objects.flatMap((secret) =>
    ['data', 'stringData'].flatMap((field) => scalarsOf(Reflect.get(secret ?? {}, field))),
  );
}

/** Every spelling that the rule hides of these contents. */
export function copiesOf(contents: readonly string[]): string[] {
  const all = new Set<string>();
  for (const content of new Set(contents))
    for (const whole of [content, ...read(content)])
      for (const value of [whole, ...partsOf(whole)]) {
        if (value.trim().length < shortestValue || isNobodys(value.trim())) continue;
        for (const spelling of [...spellings(value), ...otherSpellings(value)])
          if (spelling.length >= shortestValue && !isNobodys(spelling)) all.add(spelling);
      }
  return [...all];
}

/** What of a value is a secret by itself. */
function partsOf(value: string): string[] {
  const lines = value.split(/[\r\n]+/).map((line) => line.trim());
  const parts = lines.length > 1 ? lines : [];
  return [...new Set([...parts, ...textsOfJson(value)])].filter(({ length }) => length >= shortestCopy);
}

/** Each text in JSON, and in JSON that stands there as a text, or in base64. */
function textsOfJson(value: string): string[] {
  if (!/^\s*[[{"]/.test(value)) return [];
  let texts: string[];
  try {
    texts = scalarsOf(parseJson(value));
  } catch {
    return [];
  }
  return texts.flatMap((text) => [
    ...[text, ...textsOfJson(text)],
    ...read(text).flatMap((decoded) => [...passwordsOf(decoded), ...textsOfJson(decoded)]),
  ]);
}

/** Of `user:password`. https://kubernetes.io/docs/tasks/configure-pod-container/pull-image-private-registry/ */
function passwordsOf(decoded: string): string[] {
  const [, password] = /^[^:\s]+:(.+)$/s.exec(decoded) ?? [];
  return password === undefined ? [] : [password];
}

/** Hides spellings in a text. Its time is that of the text, however many there are. */
export function copiesHider(copies: readonly string[]): (text: string) => string {
  const long = byBeginning(copies, { from: shortestCopy, to: Number.POSITIVE_INFINITY });
  const short = byBeginning(copies, { from: shortestValue, to: shortestCopy - 1 });
  if (long.size + short.size === 0) return (text) => text;
  const find = (text: string): [number, number][] => {
    const found: [number, number][] = [];
    for (let at = 0; at + shortestValue <= text.length; at++) {
      const one = lengthAt(text, at, long.get(text.slice(at, at + shortestCopy)), () => true);
      const word = lengthAt(text, at, short.get(text.slice(at, at + shortestValue)), (copy) =>
        isWordAt(text, { at, copy }),
      );
      const length = Math.max(one, word);
      const last = found.at(-1);
      if (length === 0) continue;
      if (last !== undefined && at <= last[1]) last[1] = Math.max(last[1], at + length);
      else found.push([at, at + length]);
    }
    return found;
  };
  return (text) => {
    const read = withoutEscaped(text, (part) => find(part).length > 0);
    let [hidden, from] = ['', 0];
    for (const [start, end] of find(read)) {
      hidden += `${read.slice(from, start)}${mask}`;
      from = end;
    }
    return hidden + read.slice(from);
  };
}

/** Of one length. */
type Alike = ReadonlySet<string>;
/** So few are compared one by one, which ends at the first sign that differs. */
const fewAlike = 4;

/** The length of the longest that stands there and counts; 0 where none does. All lines of a file may begin alike. */
function lengthAt(
  text: string,
  at: number,
  alike: readonly (readonly [number, Alike])[] = [],
  counts: (copy: string) => boolean,
): number {
  for (const [length, copies] of alike) {
    if (copies.size <= fewAlike) {
      for (const copy of copies) if (text.startsWith(copy, at) && counts(copy)) return length;
    } else {
      const found = text.slice(at, at + length);
      if (copies.has(found) && counts(found)) return length;
    }
  }
  return 0;
}

/** By their first characters, and their length, the longest first. */
function byBeginning(
  copies: readonly string[],
  { from, to }: { from: number; to: number },
): ReadonlyMap<string, readonly (readonly [number, Alike])[]> {
  const found = new Map<string, Map<number, Set<string>>>();
  for (const copy of copies) {
    if (copy.length < from || copy.length > to) continue;
    const beginning = copy.slice(0, from);
    const lengths = found.get(beginning) ?? new Map<number, Set<string>>();
    found.set(beginning, lengths);
    const alike = lengths.get(copy.length);
    if (alike === undefined) lengths.set(copy.length, new Set([copy]));
    else alike.add(copy);
  }
  return new Map([...found].map(([beginning, lengths]) => [beginning, [...lengths].sort(([a], [b]) => b - a)]));
}

/** `redis` is none in `redis-0` and `redis.example.com`, and is one in `redis:6379` and at the end of a sentence. */
function isWordAt(text: string, { at, copy }: { at: number; copy: string }): boolean {
  const before = text.slice(Math.max(0, at - 3), at).replace(/\\[nrt]$/, ' ');
  const after = text.slice(at + copy.length, at + copy.length + 3);
  return (
    !(/^[\p{L}\p{N}_]/u.test(copy) && joinedBefore.test(before)) &&
    !(/[\p{L}\p{N}_]$/u.test(copy) && joinedAfter.test(after))
  );
}

const joinedBefore = /[\p{L}\p{N}_][-.]?$/u;
const joinedAfter = /^[-.]?[\p{L}\p{N}_]/u;

/** Without the parts of URLs that hold a value once their `%40` are read: each library escapes other characters. */
function withoutEscaped(text: string, holdsValue: (part: string) => boolean): string {
  return text.replaceAll(escapedPart, (part) => {
    if (!part.includes('%')) return part;
    return [part, part.replaceAll('+', ' ')].flatMap(unescaped).some(holdsValue) ? mask : part;
  });
}

const escapedPart = /[\w%.~!$&'()*+,;=:@-]+/g;

function unescaped(part: string): string[] {
  try {
    return [decodeURIComponent(part)];
  } catch {
    return [];
  }
}

/** Every text and number in a value, wherever it stands: what is refused may have any shape. */
function scalarsOf(value: unknown): string[] {
  const number = exactNumber(value);
  if (number !== undefined) return [number];
  if (value === null || value === undefined || typeof value === 'boolean') return [];
  if (typeof value === 'object') return Object.values(value).flatMap(scalarsOf);
  return typeof value === 'string' || typeof value === 'number' ? [String(value)] : [];
}

/** As it is, encoded and decoded, and each in JSON. */
export function spellings(value: string): string[] {
  const encoded = Buffer.from(value, 'utf8').toString('base64');
  const all = [value, encoded, ...read(value)];
  const quoted = all.map((text) => JSON.stringify(text).slice(1, -1));
  return [...all, ...quoted].filter((text) => text !== '');
}

function read(value: string): string[] {
  const decoded = Buffer.from(value, 'base64').toString('utf8');
  return Buffer.from(decoded, 'utf8').toString('base64') === value ? [decoded] : [];
}

/**
 * How others write it: `echo password | base64` keeps a line's end, which no copy has; base64 for URLs has other signs and
 * no padding; Go's JSON writes `<` as `\u003c`, and Python's `ü` as `\u00fc`; YAML doubles `'` in quotes.
 */
export function otherSpellings(value: string): string[] {
  const trimmed = [value, ...read(value)].map((text) => text.trim());
  const encoded = [value, ...[value, ...trimmed].map((text) => Buffer.from(text, 'utf8').toString('base64'))];
  const forUrls = encoded.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'));
  const unpadded = [...encoded, ...forUrls].map((text) => text.replace(/=+$/, ''));
  const quotedByGo = trimmed.map((text) =>
    JSON.stringify(text)
      .slice(1, -1)
      .replaceAll(/[<>&]/g, (sign) => `\\u00${sign.charCodeAt(0).toString(16)}`),
  );
  const inAscii = trimmed
    .filter((text) => /[^ -~]/.test(text))
    .map((text) =>
      JSON.stringify(text)
        .slice(1, -1)
        .replaceAll(/[\u007f-\uffff]/g, escapedUnit),
    );
  const inYaml = trimmed.filter((text) => text.includes("'")).map((text) => text.replaceAll("'", "''"));
  return [...trimmed, ...encoded, ...forUrls, ...unpadded, ...quotedByGo, ...inAscii, ...inYaml].filter(
    (text) => text !== '',
  );
}

function escapedUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
