import { z } from 'zod';

const node = z.looseObject({
  description: z.string().optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
  items: z.unknown().optional(),
});

/** A key that a schema names, and what an editor shows where the pointer rests on it. */
export interface SchemaKey {
  /** `spec.sources[].helm`: a list stands for its items */
  readonly path: string;
  readonly description: string | undefined;
}

/** Every key of a schema, those below others behind them. */
export function keysOf(schema: unknown, prefix = ''): readonly SchemaKey[] {
  const { properties = {}, items } = node.parse(schema);
  const own = Object.entries(properties).flatMap(([key, value]) => [
    { path: `${prefix}${key}`, description: node.parse(value).description },
    ...keysOf(value, `${prefix}${key}.`),
  ]);
  return [...own, ...(items === undefined ? [] : keysOf(items, `${prefix.slice(0, -1)}[].`))];
}
