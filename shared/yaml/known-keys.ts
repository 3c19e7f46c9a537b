import type { z } from 'zod';

/** The keys that a schema knows at a path of its values; none where it takes any, or has nothing there. */
export function knownKeys(schema: z.core.$ZodType, path: readonly PropertyKey[]): readonly string[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  const [next, ...rest] = path;
  switch (def.type) {
    case 'object': {
      if (next === undefined) return Object.keys(def.shape);
      const below = def.shape[String(next)];
      return below === undefined ? [] : knownKeys(below, rest);
    }
    case 'array':
      return next === undefined ? [] : knownKeys(def.element, rest);
    case 'record':
      return next === undefined ? [] : knownKeys(def.valueType, rest);
    case 'union':
      return [...new Set(def.options.flatMap((option) => knownKeys(option, path)))];
    case 'pipe':
      return knownKeys(def.in, path);
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'nonoptional':
    case 'catch':
    case 'readonly':
      return knownKeys(def.innerType, path);
    default:
      return [];
  }
}
