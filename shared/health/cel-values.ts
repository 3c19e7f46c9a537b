import { exactNumber, isMap } from '../objects/exact-json.ts';

/** An object as CEL sees it, and the length of its longest list or map. */
export interface CelContext {
  readonly variables: Record<string, unknown>;
  readonly longest: number;
}

const contexts = new WeakMap<object, CelContext>();
const largestInt = 2n ** 63n;

/**
 * The variables of an expression. A JSON number without a fraction is an `int`, as Kubernetes' own decoder has it, else
 * a `double`: arithmetic does not mix the two. An object's properties are its own only: `constructor` is none.
 */
export function celContext(object: unknown): CelContext {
  const known = object !== null && typeof object === 'object' ? contexts.get(object) : undefined;
  if (known !== undefined) return known;
  const measure = { longest: 0 };
  const self = toCel(object, measure);
  const context = {
    variables: Object.assign(Object.create(null), isMap(object) ? self : {}, { self }) as Record<string, unknown>,
    longest: measure.longest,
  };
  if (object !== null && typeof object === 'object') contexts.set(object, context);
  return context;
}

function toCel(value: unknown, measure: { longest: number }): unknown {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (value === null || typeof value !== 'object') return value;
  const exact = exactNumber(value);
  if (exact !== undefined) return numberOf(exact);
  if (Array.isArray(value)) {
    measure.longest = Math.max(measure.longest, value.length);
    return value.map((item) => toCel(item, measure));
  }
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  measure.longest = Math.max(measure.longest, entries.length);
  return Object.assign(
    Object.create(null),
    Object.fromEntries(entries.map(([key, item]) => [key, toCel(item, measure)])),
  );
}

function numberOf(source: string): bigint | number {
  if (!/^-?\d+$/.test(source)) return Number(source);
  const int = BigInt(source);
  return int >= -largestInt && int < largestInt ? int : Number(source);
}
