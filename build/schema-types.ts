import { z } from 'zod';

/** What our schemas consist of; anything else is an error, so that no type is wrong in silence. */
interface Schema {
  readonly $ref?: string | undefined;
  readonly $defs?: Readonly<Record<string, Schema>> | undefined;
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  readonly type?: string | readonly string[] | undefined;
  readonly const?: unknown;
  readonly enum?: readonly unknown[] | undefined;
  readonly anyOf?: readonly Schema[] | undefined;
  readonly oneOf?: readonly Schema[] | undefined;
  readonly allOf?: readonly Schema[] | undefined;
  readonly items?: Schema | undefined;
  readonly properties?: Readonly<Record<string, Schema>> | undefined;
  readonly required?: readonly string[] | undefined;
  readonly additionalProperties?: Schema | boolean | undefined;
}

const schemaSchema: z.ZodType<Schema> = z.lazy(() =>
  z.looseObject({
    $ref: z.string().optional(),
    $defs: z.record(z.string(), schemaSchema).optional(),
    title: z.string().optional(),
    description: z.string().optional(),
    type: z.union([z.string(), z.array(z.string())]).optional(),
    enum: z.array(z.unknown()).optional(),
    anyOf: z.array(schemaSchema).optional(),
    oneOf: z.array(schemaSchema).optional(),
    allOf: z.array(schemaSchema).optional(),
    items: schemaSchema.optional(),
    properties: z.record(z.string(), schemaSchema).optional(),
    required: z.array(z.string()).optional(),
    additionalProperties: z.union([z.boolean(), schemaSchema]).optional(),
  }),
);

/**
 * TypeScript's declarations of what JSON schemas describe, a type of each.
 *
 * @param schemas by their names: `dead-letter` becomes `DeadLetter`
 */
export function schemaTypes(schemas: ReadonlyMap<string, unknown>): string {
  const types = [...schemas]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, json]) => typesOf(typeName(name), schemaSchema.parse(json)));
  return `// Generated from the JSON schemas beside this file. Keys may be added to what Converge sends.\n\n${types.join('\n\n')}\n`;
}

export function typeName(name: string): string {
  return name
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('');
}

function typesOf(name: string, schema: Schema): string[] {
  const own = (definition: string): string => `${name}${typeName(definition)}`;
  const refer = (reference: string): string => {
    const [, definition] = /^#\/\$defs\/(.+)$/.exec(reference) ?? [];
    if (reference === '#') return name;
    if (definition === undefined) throw new Error(`${name}: ${reference} is in another schema`);
    return own(definition);
  };
  const inner = Object.entries(schema.$defs ?? {}).map(
    ([definition, described]) => `type ${own(definition)} = ${typeOf(described, { refer, indent: '' })};`,
  );
  const said = schema.title ?? '';
  return [...inner, `${comment(said, '')}export type ${name} = ${typeOf(schema, { refer, indent: '' })};`];
}

interface Surroundings {
  readonly refer: (reference: string) => string;
  readonly indent: string;
}

function typeOf(schema: Schema, around: Surroundings): string {
  if (schema.$ref !== undefined) return around.refer(schema.$ref);
  if ('const' in schema && schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return union(schema.enum.map((value) => JSON.stringify(value)));
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return union(choices.map((choice) => typeOf(choice, around)));
  if (schema.allOf !== undefined) return schema.allOf.map((part) => `(${typeOf(part, around)})`).join(' & ');
  if (schema.type === undefined) return 'unknown';
  const types = typeof schema.type === 'string' ? [schema.type] : schema.type;
  return union(types.map((type) => typeNamed(type, schema, around)));
}

function union(types: readonly string[]): string {
  return [...new Set(types)].join(' | ') || 'never';
}

function typeNamed(type: string, schema: Schema, around: Surroundings): string {
  switch (type) {
    case 'string':
    case 'boolean':
    case 'null':
      return type;
    case 'integer':
    case 'number':
      return 'number';
    case 'array':
      return `readonly (${schema.items === undefined ? 'unknown' : typeOf(schema.items, around)})[]`;
    case 'object':
      return objectType(schema, around);
    default:
      throw new Error(`${type} is no type of JSON`);
  }
}

function objectType({ properties, required = [], additionalProperties }: Schema, around: Surroundings): string {
  const others = typeof additionalProperties === 'object' ? typeOf(additionalProperties, around) : 'unknown';
  if (properties === undefined) return `{ readonly [key: string]: ${others} }`;
  const indent = `${around.indent}  `;
  const lines = Object.entries(properties).map(([key, property]) => {
    const mark = required.includes(key) ? '' : '?';
    const type = typeOf(property, { ...around, indent });
    return `${comment(property.description ?? '', indent)}${indent}readonly ${JSON.stringify(key)}${mark}: ${type};`;
  });
  return `{\n${lines.join('\n')}\n${around.indent}}`;
}

function comment(text: string, indent: string): string {
  return text === '' ? '' : `${indent}/** ${text.replaceAll('*/', '*\\/').replaceAll('\n', ' ')} */\n`;
}
