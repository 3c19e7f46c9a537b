import { z } from 'zod';
import type { Caller } from '../../shared/access/people.ts';
import { ConvergeError } from '../../shared/base/errors.ts';
import { pageOf, pageParameters, type Order } from './page.ts';

/** What stands in the braces of a path, decoded. */
export type PathParameters = Readonly<Record<string, string>>;

/** One call of a route, as it came. */
export interface RawCall {
  readonly path: PathParameters;
  /** By name: a text, or several where it was given more than once. */
  readonly query: Readonly<Record<string, unknown>>;
  readonly caller: Caller;
  /** By its name in small letters; undefined where the call has none. */
  readonly header: (name: string) => string | undefined;
  /** What was posted. Throws `UnsupportedMediaType`, `BadRequest`, `TooLarge`, `UnreadableBody` (refuse), `Overloaded` (retry). */
  readonly json: () => Promise<unknown>;
}

interface Call<Q extends z.ZodObject> {
  readonly path: PathParameters;
  readonly query: z.output<Q>;
  readonly caller: Caller;
}

export interface Answer {
  readonly status: 200 | 503;
  readonly body: object;
  /** What is the same as long as nothing that is told has changed; absent: the body, byte by byte. */
  readonly essence?: object | undefined;
  /** The cursor of the page after; null: there is none. */
  readonly next: string | null;
}

/** One row of the table of a function, from which calls are answered and its OpenAPI document is made. */
export interface Route {
  /** What its calls and answers are called in the OpenAPI document. */
  readonly name: string;
  /** `/v1/environments/{class}/{name}` */
  readonly path: string;
  readonly summary: string;
  readonly method: 'GET' | 'POST';
  readonly query: z.ZodObject;
  /** What is posted; absent: nothing is. */
  readonly body?: z.ZodType;
  /** Headers that it heeds, and what each is for. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly answer: z.ZodType;
  /** Of an answer that is a list in pages: what one entry is. */
  readonly entry?: z.ZodType;
  /** The statuses of problems that it may have beside those that every route may. */
  readonly problems: readonly number[];
  /** Whether its calls are not counted: they cost nothing. */
  readonly isFree: boolean;
  /** Throws `BadRequest` (refuse) for a parameter, and what its stage throws. */
  readonly respond: (call: RawCall) => Promise<Answer>;
}

type Said<Q extends z.ZodObject> = Pick<Route, 'name' | 'path' | 'summary'> & {
  readonly query: Q;
  readonly problems?: readonly number[];
  readonly isFree?: boolean;
};

/** A route that answers one thing. */
export function route<Q extends z.ZodObject, A extends z.ZodType<object>>({
  handle,
  statusOf = () => 200,
  essenceOf,
  answer,
  query,
  problems = [],
  isFree = false,
  ...said
}: Said<Q> & {
  readonly answer: A;
  readonly handle: (call: Call<Q>) => Promise<z.output<A>>;
  readonly statusOf?: (body: z.output<A>) => Answer['status'];
  readonly essenceOf?: (body: z.output<A>) => object;
}): Route {
  return {
    ...{ ...said, method: 'GET', answer, query, problems, isFree },
    async respond(call) {
      const body = await handle({ ...call, query: parametersOf(query, call.query) });
      return { status: statusOf(body), body, essence: essenceOf?.(body), next: null };
    },
  };
}

/** A route that something is posted to. */
export function postRoute<B extends z.ZodType, A extends z.ZodType<object>>({
  handle,
  body,
  problems = [],
  ...said
}: Pick<Route, 'name' | 'path' | 'summary' | 'headers'> & {
  readonly body: B;
  readonly answer: A;
  readonly problems?: readonly number[];
  readonly handle: (
    call: Pick<RawCall, 'path' | 'caller' | 'header'> & { readonly body: z.output<B> },
  ) => Promise<z.output<A>>;
}): Route {
  const query = z.strictObject({});
  return {
    ...{ ...said, method: 'POST', query, body, problems, isFree: false },
    async respond(call) {
      parametersOf(query, call.query);
      const value = await call.json();
      const parsed = body.safeParse(value);
      if (!parsed.success) throw badBody(parsed.error, value);
      return { status: 200, body: await handle({ ...call, body: parsed.data }), next: null };
    },
  };
}

/** Names the key that is wrong, and says what is expected in its place. */
function badBody({ issues: [issue] }: z.ZodError, body: unknown): ConvergeError {
  if (issue === undefined) return badParameter('body', 'is not understood');
  const at = (keys: readonly PropertyKey[]): string => keys.map(String).join('.');
  if (issue.code === 'unrecognized_keys')
    return badParameter(at([...issue.path, issue.keys[0] ?? '']), 'is no key of what is asked here');
  const said = expectedBy(issue) ?? issue.message;
  if (issue.path.length === 0) return badParameter('body', said);
  return badParameter(at(issue.path), isThere(body, issue.path) ? said : `is missing: ${said}`);
}

/** Undefined where a schema says it in words of its own. */
function expectedBy(issue: z.core.$ZodIssue): string | undefined {
  if (issue.code === 'invalid_type') return `expected ${issue.expected}`;
  // Of a union that is told apart by a key. Its type does not have them.
  if (issue.code !== 'invalid_union' || !('options' in issue) || !Array.isArray(issue.options)) return undefined;
  return `expected ${issue.options.map((option) => `'${String(option)}'`).join(' | ')}`;
}

function isThere(value: unknown, [key, ...below]: readonly PropertyKey[]): boolean {
  if (key === undefined) return value !== undefined;
  return value !== null && typeof value === 'object' && isThere(Reflect.get(value, key), below);
}

/** A route that answers a list in pages. */
export function listRoute<Q extends z.ZodRawShape, I extends z.ZodType, B extends z.ZodRawShape>({
  list,
  entry,
  beside,
  parameters,
  position,
  isNewestFirst,
  handle,
  problems = [],
  ...said
}: Omit<Said<z.ZodObject>, 'query' | 'name' | 'isFree'> &
  Order<z.output<I>> & {
    /** The key of the list in the answer. */
    readonly list: string;
    readonly entry: I;
    /** What every page says beside it. */
    readonly beside: B;
    readonly parameters: Q;
    readonly handle: (call: Call<z.ZodObject<Q>>) => Promise<{
      readonly entries: readonly z.output<I>[];
      readonly beside: z.output<z.ZodObject<B>>;
    }>;
  }): Route {
  const own = z.strictObject(parameters);
  const paging = z.object(pageParameters);
  return {
    ...{ ...said, method: 'GET', name: list, entry, problems, isFree: false },
    query: z.strictObject({ ...parameters, ...pageParameters }),
    answer: z.object({
      [list]: z.array(entry),
      ...beside,
      next: z.string().nullable().describe('The `cursor` of the page after; null: this is the last'),
    }),
    async respond({ query: { limit, cursor, ...query }, ...call }) {
      const asked = parametersOf(paging, { limit, cursor });
      const found = await handle({ ...call, query: parametersOf(own, query) });
      const { entries, next } = pageOf(found.entries, { ...asked, name: list, position, isNewestFirst });
      return { status: 200, body: { [list]: entries, ...found.beside, next }, next };
    },
  };
}

/** Parameters as their schema has them; one that is empty is absent. Throws `BadRequest` (refuse), which names one. */
function parametersOf<Q extends z.ZodObject>(schema: Q, query: RawCall['query']): z.output<Q> {
  const given = Object.entries(query).flatMap(([name, value]): [string, unknown][] => {
    if (value === undefined || value === '') return [];
    if (isRepeated(schema.shape[name])) return [[name, [value].flat()]];
    if (Array.isArray(value)) throw badParameter(name, 'is given more than once');
    return [[name, value]];
  });
  const parsed = schema.safeParse(Object.fromEntries(given));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue?.code === 'unrecognized_keys')
    throw badParameter(
      issue.keys[0] ?? '',
      'is no parameter of this path',
      `there ${Object.keys(schema.shape).length === 0 ? 'are none' : `are ${Object.keys(schema.shape).join(', ')}`}`,
    );
  throw badParameter(String(issue?.path[0] ?? ''), issue?.message ?? 'is not understood');
}

function isRepeated(schema: unknown): boolean {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) return isRepeated(schema.unwrap());
  return schema instanceof z.ZodArray;
}

export function badParameter(subject: string, message: string, remedy?: string): ConvergeError {
  const facts = { code: 'BadRequest', subject, message, disposition: 'refuse' } as const;
  return new ConvergeError(remedy === undefined ? facts : { ...facts, remedy });
}

/** What a route's path makes of a call's; undefined: it is another one. */
export function matchPath(route: Pick<Route, 'path'>, path: string): PathParameters | undefined {
  const wanted = partsOf(route.path);
  const given = partsOf(path);
  if (wanted.length !== given.length) return undefined;
  const found: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const text = given[index] ?? '';
    const [, name] = /^\{(.*)\}$/.exec(part) ?? [];
    if (name !== undefined && text !== '') found[name] = decoded(text);
    else if (part !== text) return undefined;
  }
  return found;
}

function partsOf(path: string): string[] {
  return path.replace(/\/$/, '').split('/');
}

/** What is not encoded as a URL has it is none of ours, and is found nowhere. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
