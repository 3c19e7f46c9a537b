import { Environment, type ASTNode, type ParseResult } from '@marcbachmann/cel-js';
import { z } from 'zod';
import { mask } from '../objects/mask.ts';
import { celContext } from './cel-values.ts';

/**
 * What an expression says of an object. `absent`: it reads a field or an item that the object has not. `failed`: it
 * cannot be evaluated, because a value is of another type, say.
 */
export type CelResult =
  | { readonly kind: 'answer'; readonly value: boolean }
  | { readonly kind: 'absent'; readonly message: string }
  | { readonly kind: 'failed'; readonly message: string };

/** An expression that compiles: evaluating it never throws. */
export type CelExpression = (object: unknown) => CelResult;

export type Compiled =
  | { readonly ok: true; readonly expression: CelExpression }
  | { readonly ok: false; readonly message: string };

/** Nodes of a syntax tree; an expression about a status has some dozens. */
const largestExpression = 500;
/** How many comprehensions (`exists`, `map`, …) and `cel.bind` one may build on another, inside it or behind it. */
const deepestComprehension = 3;
/** How often the body of a comprehension may run. The longest list of the object stands for every list. */
const mostIterations = 1_000_000;
const comprehensions = new Set(['all', 'exists', 'exists_one', 'map', 'filter', 'bind']);
/**
 * Their cost has no bound: JavaScript's regular expressions backtrack, and a text of a mebibyte splits into a million.
 */
const refused = new Set(['matches', 'split']);

const environment = new Environment({
  unlistedVariablesAreDyn: true,
  enableOptionalTypes: true,
  homogeneousAggregateLiterals: false,
  limits: { maxAstNodes: largestExpression, maxDepth: 50 },
});

const compiled = new Map<string, Compiled>();
const mostKept = 1_000;

/**
 * Compiles a CEL expression (https://cel.dev) over a Kubernetes object: the object's fields are its variables, and
 * `self` is the object as a whole. Timestamps are strings, as in JSON (`timestamp(…)` reads them); there is no clock.
 * An expression is compiled once and kept by its text.
 */
export function compileCel(text: string): Compiled {
  const known = compiled.get(text);
  if (known !== undefined) return known;
  const result = compile(text);
  if (compiled.size >= mostKept) compiled.clear();
  compiled.set(text, result);
  return result;
}

function compile(text: string): Compiled {
  try {
    const parsed = environment.parse(text);
    const { valid, type, error } = parsed.check();
    if (!valid) return { ok: false, message: error === undefined ? 'it has no valid type' : summaryOf(error).message };
    if (type !== 'bool' && type !== 'dyn') return { ok: false, message: `it gives ${type}, expected bool` };
    const name = calledNames(parsed.ast).find((called) => refused.has(called));
    if (name !== undefined) return { ok: false, message: `${name}() is not available, as its cost has no bound` };
    const depth = comprehensionDepth(parsed.ast);
    if (depth > deepestComprehension)
      return { ok: false, message: `it nests ${depth} comprehensions, expected ${deepestComprehension} at most` };
    return { ok: true, expression: (object) => evaluate({ parsed, depth, object, text }) };
  } catch (error) {
    return { ok: false, message: summaryOf(error).message };
  }
}

function evaluate({
  parsed,
  depth,
  object,
  text,
}: {
  parsed: ParseResult;
  depth: number;
  object: unknown;
  text: string;
}): CelResult {
  try {
    const { variables, longest } = celContext(object);
    if (longest ** depth > mostIterations) {
      return { kind: 'failed', message: `the object has a list of ${longest} items, too many for its comprehensions` };
    }
    const value: unknown = parsed(variables);
    if (typeof value === 'boolean') return { kind: 'answer', value };
    return { kind: 'failed', message: 'the expression gives no bool' };
  } catch (error) {
    const { code, message } = summaryOf(error);
    return {
      kind:
        code === 'no_such_key' || code === 'unknown_variable' || code === 'index_out_of_bounds' ? 'absent' : 'failed',
      message: withoutValues({ message, text }),
    };
  }
}

/** What the library says of whatever it evaluates. */
const vocabulary = new Set(
  `a an and are argument arguments as at be bool boolean bounds by bytes cannot character compare condition conversion convert decode division double duration dyn encode end error expected
  expression for format found function got have in index input integer int invalid is iso 8601 item key keys list lists logical map message method missing modulo must name negative no not null
  number object of offset operand operator optional or out overflow overload pattern range regular requires return returned size start string strings such ternary that the timestamp to type types uint
  unknown unsigned utc valid value values variable when with wrong zero zone`.split(/\s+/),
);

/**
 * A message about an object may quote it (`No such key: ` and what `data[data.key]` found there), and the object may be
 * a Secret: of its words stay those of the expression and of the library.
 */
function withoutValues({ message, text }: { message: string; text: string }): string {
  const written = new Set(text.match(words));
  return message.replaceAll(words, (word) =>
    written.has(word) || vocabulary.has(word.toLowerCase()) || /^\d{1,3}$/.test(word) ? word : mask,
  );
}

const words = /[\p{L}\p{N}_]+/gu;

const errorSchema = z.object({ code: z.string(), summary: z.string() });

/** The library's errors carry a code, and a message of one line beside the one that draws the expression. */
function summaryOf(error: unknown): { readonly code: string; readonly message: string } {
  const known = errorSchema.safeParse(error);
  if (known.success) return { code: known.data.code, message: known.data.summary };
  return { code: '', message: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error) };
}

function isNode(value: unknown): value is ASTNode {
  return value !== null && typeof value === 'object' && 'op' in value && 'args' in value;
}

/** Whatever the operator: nodes stand in the arguments, in lists of them, and in pairs of a map. */
function childrenOf({ args }: ASTNode): readonly ASTNode[] {
  const all: readonly unknown[] = Array.isArray(args) ? args.flat(2) : [args];
  return all.filter(isNode);
}

function calledName(node: ASTNode): string | undefined {
  return node.op === 'call' || node.op === 'rcall' ? node.args[0] : undefined;
}

function calledNames(node: ASTNode): readonly string[] {
  return [
    ...(calledName(node) === undefined ? [] : [calledName(node) ?? '']),
    ...childrenOf(node).flatMap(calledNames),
  ];
}

function comprehensionDepth(node: ASTNode): number {
  const deepest = Math.max(0, ...childrenOf(node).map(comprehensionDepth));
  return deepest + (comprehensions.has(calledName(node) ?? '') ? 1 : 0);
}
