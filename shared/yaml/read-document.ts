import { EVENT_ID, YAMLException, load, parseEvents, getScalarValue, type Event } from 'js-yaml';
import type { z } from 'zod';
import { ConvergeError, type ErrorCode } from '../base/errors.ts';
import { meantBy } from '../base/nearest-name.ts';
import { shortened } from '../base/shortened.ts';
import { knownKeys } from './known-keys.ts';

/**
 * Reads one of Converge's own YAML files (environment files, the operator's configuration) by its schema. Manifests are
 * never read here: only Kubernetes' own parser reads them as Kubernetes does.
 *
 * @param document.file name for messages, from the root of the repository
 * Throws `document.code` (refuse) naming file, line and key of the first problem, and how many more there are.
 */
export function readDocument<T>(document: { file: string; text: string; schema: z.ZodType<T>; code: ErrorCode }): T {
  const { file, text, code, schema } = document;
  const read = findProblems(document);
  if ('data' in read) return read.data;
  // A misspelt key is also a missing one: what stands there is named before what does not.
  const [first, ...others] = read.problems;
  const line = lineOf({ text, path: first.path });
  const describe = (problem: Problem): string => describeProblem(problem, schema);
  const told = others.slice(0, mostProblems).map(describe).join('; ');
  const more =
    others.length === 0 ? '' : `; and ${others.length} more: ${told}${others.length > mostProblems ? '; …' : ''}`;
  throw new ConvergeError({
    code,
    subject: `${file}:${line}`,
    message: `${describe(first)}${more}`,
    disposition: 'refuse',
  });
}

/** Something about a document that its schema does not allow: at a key, from the document's root. */
export interface Problem {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  /** Whether it is about a key that is not there. */
  readonly missing: boolean;
  /** The key, where nobody knows it. */
  readonly unknown?: string;
}

/**
 * What a document says, or all that is wrong with it, the misspelt before the missing. Throws as `readDocument` where
 * it is no YAML at all.
 */
export function findProblems<T>({
  file,
  text,
  schema,
  code,
}: {
  file: string;
  text: string;
  schema: z.ZodType<T>;
  code: ErrorCode;
}): { readonly data: T } | { readonly problems: readonly [Problem, ...Problem[]] } {
  let value: unknown;
  if (text.length > longestDocument) {
    throw new ConvergeError({
      code,
      subject: file,
      message: `has ${text.length} characters, and ${longestDocument} are read`,
      disposition: 'refuse',
    });
  }
  try {
    value = load(text, { filename: file, maxAliases: mostAliases });
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const line = error.mark === undefined ? '' : `:${error.mark.line + 1}`;
    throw new ConvergeError({
      code,
      subject: `${file}${line}`,
      message: shortened(error.reason, longestProblem),
      disposition: 'refuse',
    });
  }
  refuseMultiplied({ file, code, value });
  const parsed = schema.safeParse(value);
  if (parsed.success) return { data: parsed.data };
  const problems = parsed.error.issues.flatMap((issue) => describeIssue({ issue, value }));
  const [first, ...others] = problems.sort((a, b) => Number(a.missing) - Number(b.missing));
  if (first === undefined) throw parsed.error;
  return { problems: [first, ...others] };
}

/*
 * What a stranger writes takes time and memory in proportion to its length alone: a valid file of 59 kB, whose aliases
 * multiplied, took 3.2 GB and 80 s. An environment of a hundred sources, and as many rules, has some ten thousand
 * characters.
 */
const longestDocument = 1024 * 1024;
const mostAliases = 1000;
/** Values of a document, each counted as often as it stands there by an alias. */
const mostValues = 50_000;
/** Problems that are told beside the first one, and the characters of each. */
const mostProblems = 20;
const longestProblem = 200;

function refuseMultiplied({ file, code, value }: { file: string; code: ErrorCode; value: unknown }): void {
  const refusal = (message: string) =>
    new ConvergeError({
      code,
      subject: file,
      message,
      remedy: 'write out what the aliases stand for, or leave some of it out',
      disposition: 'refuse',
    });
  const sizes = new Map<object, number>();
  const above = new Set<object>();
  const sizeOf = (node: unknown): number => {
    if (node === null || typeof node !== 'object') return 1;
    const known = sizes.get(node);
    if (known !== undefined) return known;
    if (above.has(node)) throw refusal('an alias stands inside of what it names');
    above.add(node);
    let size = 1;
    for (const child of Object.values(node)) size += sizeOf(child);
    above.delete(node);
    sizes.set(node, size);
    return size;
  };
  const size = sizeOf(value);
  if (size > mostValues)
    throw refusal(`holds ${size} values with what its aliases stand for, and ${mostValues} are read`);
}

function describeProblem({ path, message, unknown }: Problem, schema: z.ZodType): string {
  const said = `${shortened(dotted(path), longestProblem)}: ${shortened(message, longestProblem)}`;
  const meant =
    unknown === undefined ? undefined : meantBy({ name: unknown, among: knownKeys(schema, path.slice(0, -1)) });
  return meant === undefined ? said : `${said}; did you mean ${meant}?`;
}

/** The line (from 1) of a key of a document that parses; where it is missing, of the mapping that should hold it. */
export function lineOf({ text, path }: { text: string; path: readonly PropertyKey[] }): number {
  const lines = linesOf(text);
  return lines.get(pathKey(path)) ?? nearestLine(lines, path);
}

/** The lines of several keys, of which the document is looked through once. */
export function linesAt({ text, paths }: { text: string; paths: readonly (readonly PropertyKey[])[] }): number[] {
  const lines = paths.length === 0 ? new Map<string, number>() : linesOf(text);
  return paths.map((path) => lines.get(pathKey(path)) ?? nearestLine(lines, path));
}

function describeIssue({ issue, value }: { issue: z.core.$ZodIssue; value: unknown }): Problem[] {
  const { path } = issue;
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({ path: [...path, key], message: 'unknown key', missing: false, unknown: key }));
  if (issue.code === 'invalid_union') {
    // Of several forms the one is meant whose own keys are wrong, not the one that is another type altogether.
    const meant = issue.errors.find((problems) =>
      problems.some((problem) => problem.path.length > 0 || problem.code === 'unrecognized_keys'),
    );
    if (meant !== undefined)
      return meant.flatMap((problem) =>
        describeIssue({ issue: { ...problem, path: [...path, ...problem.path] }, value }),
      );
  }
  const missing = path.length > 0 && valueAt({ value, path }) === undefined;
  if (missing && issue.code !== 'custom') return [{ path, message: 'is missing', missing }];
  return [{ path, message: shapeMessage({ issue, found: valueAt({ value, path }) }) ?? issue.message, missing }];
}

/** A list where a map belongs, and the other way round, in the words of YAML; undefined of any other issue. */
function shapeMessage({ issue, found }: { issue: z.core.$ZodIssue; found: unknown }): string | undefined {
  const is = shapeOf(found);
  if (issue.code !== 'invalid_type' || is === undefined) return undefined;
  if (issue.expected === 'array') return `expected a list (\`- …\` or \`[…]\`), and this is ${is}`;
  const isMap = issue.expected === 'record' || issue.expected === 'object';
  return isMap ? `expected a map (\`key: value\`), and this is ${is}` : undefined;
}

function shapeOf(value: unknown): string | undefined {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return 'a text';
  return value !== null && typeof value === 'object' ? 'a map' : undefined;
}

function valueAt({ value, path }: { value: unknown; path: readonly PropertyKey[] }): unknown {
  return path.reduce<unknown>(
    (at, key) => (at !== null && typeof at === 'object' ? Reflect.get(at, key) : undefined),
    value,
  );
}

function dotted(path: readonly PropertyKey[]): string {
  return path.length === 0 ? 'document' : path.map(String).join('.');
}

function pathKey(path: readonly PropertyKey[]): string {
  return JSON.stringify(path.map(String));
}

/** A key that is missing has no line: the line of the mapping that should hold it is named instead. */
function nearestLine(lines: ReadonlyMap<string, number>, path: readonly PropertyKey[]): number {
  for (let length = path.length - 1; length > 0; length--) {
    const line = lines.get(pathKey(path.slice(0, length)));
    if (line !== undefined) return line;
  }
  return 1;
}

/** The line (from 1) of every key and list item of the first document. */
function linesOf(text: string): Map<string, number> {
  const lines = new Map<string, number>();
  const events = parseEvents(text, {});
  let at = 0;
  const starts = [0];
  for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', end + 1)) starts.push(end + 1);
  const lineAt = (offset: number): number => {
    let [low, high] = [0, starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };

  function startOf(event: Event): number {
    if (event.type === EVENT_ID.SCALAR) return event.valueStart;
    if (event.type === EVENT_ID.MAPPING || event.type === EVENT_ID.SEQUENCE) return event.start;
    return event.type === EVENT_ID.ALIAS ? event.anchorStart : 0;
  }

  function walk(path: readonly string[]): void {
    const event = events[at++];
    if (event === undefined) return;
    if (event.type === EVENT_ID.MAPPING) {
      while (events[at] !== undefined && events[at]?.type !== EVENT_ID.POP) {
        const key = events[at++];
        if (key?.type !== EVENT_ID.SCALAR) return;
        const child = [...path, getScalarValue(text, key)];
        lines.set(pathKey(child), lineAt(key.valueStart));
        walk(child);
      }
      at++;
    } else if (event.type === EVENT_ID.SEQUENCE) {
      for (let index = 0; events[at] !== undefined && events[at]?.type !== EVENT_ID.POP; index++) {
        const child = [...path, String(index)];
        const item = events[at];
        if (item !== undefined) lines.set(pathKey(child), lineAt(startOf(item)));
        walk(child);
      }
      at++;
    }
  }

  if (events[at]?.type === EVENT_ID.DOCUMENT) at++;
  walk([]);
  return lines;
}
