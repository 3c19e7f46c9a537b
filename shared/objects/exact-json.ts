/**
 * JSON whose numbers survive: an integer beyond 2^53, or a decimal that a double would rewrite, keeps its source text
 * as a `JSON.rawJSON` object, which `JSON.stringify` writes back unchanged (TC39 "JSON.parse source text access").
 */

/**
 * A number long enough that a double might not hold it, where a number can stand. A string that looks so inside only
 * costs time: the exact way takes five times as long.
 */
const mayLosePrecision = /(?:^|[:[,\s])-?[\d.]{16}/;

interface ReviverContext {
  readonly source?: string;
}

interface ExactJson {
  parse(text: string, reviver: (key: string, value: unknown, context: ReviverContext) => unknown): unknown;
  rawJSON(text: string): object;
  isRawJSON(value: unknown): value is { readonly rawJSON: string };
}

const exact = JSON as unknown as ExactJson;

/** Parses JSON text. Throws `SyntaxError` as `JSON.parse` does. */
export function parseJson(text: string): unknown {
  if (!mayLosePrecision.test(text)) return JSON.parse(text);
  return exact.parse(text, (_key, value, { source }) =>
    typeof value === 'number' &&
    source !== undefined &&
    JSON.stringify(value) !== source &&
    !isSameNumber(value, source)
      ? exact.rawJSON(source)
      : value,
  );
}

/** `1.0` and `1e3` are the numbers 1 and 1000, spelled differently: only what a double can't hold is kept as text. */
function isSameNumber(value: number, source: string): boolean {
  if (/^-?\d+$/.test(source)) return Number.isSafeInteger(value);
  return source.replace(/[^0-9]/g, '').length < 16;
}

/** A JSON object: no list, and no number kept exact. */
export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value) && exactNumber(value) === undefined;
}

/** The source text of a number kept exact, or undefined for any other value. */
export function exactNumber(value: unknown): string | undefined {
  return exact.isRawJSON(value) ? value.rawJSON : undefined;
}
