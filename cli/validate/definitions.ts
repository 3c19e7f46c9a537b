import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { z } from 'zod';
import { meantBy } from '../../shared/base/nearest-name.ts';
import { compileCel } from '../../shared/health/cel.ts';
import { isMap } from '../../shared/objects/exact-json.ts';
import type { KubernetesObject } from '../../shared/objects/kubernetes-object.ts';

/*
 * https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/ : a structural schema
 * is OpenAPI 3.0, which differs from JSON Schema in what is rewritten here. Formats are left to the API server.
 */

type Schema = Readonly<Record<string, unknown>>;

const definitionSchema = z.object({
  spec: z.object({
    group: z.string(),
    names: z.object({ kind: z.string() }),
    versions: z.array(
      z.object({
        name: z.string(),
        schema: z.object({ openAPIV3Schema: z.record(z.string(), z.unknown()) }).optional(),
      }),
    ),
  }),
});

/** What an object comes to by the definition of its kind. `unchecked`: expressions that cannot be evaluated here. */
export interface Verdict {
  readonly problems: readonly string[];
  readonly unchecked: readonly string[];
}

export type Check = (object: KubernetesObject) => Verdict;

/** By `<apiVersion>/<kind>`: of each object that is a CustomResourceDefinition, each version with a schema. */
export function checksOf(objects: readonly KubernetesObject[]): ReadonlyMap<string, Check> {
  const ajv = new Ajv({
    allErrors: true,
    strict: false,
    useDefaults: true,
    validateFormats: false,
    // The API server takes what the draft does not: a value twice in an enum.
    validateSchema: false,
    // 0.07 is a multiple of 0.01.
    multipleOfPrecision: 9,
    verbose: true,
    logger: false,
  });
  const found = objects.flatMap((object) => {
    const spec = object.kind === 'CustomResourceDefinition' ? definitionSchema.safeParse(object).data?.spec : undefined;
    return (spec?.versions ?? []).flatMap(({ name, schema }) => {
      if (schema === undefined || spec === undefined) return [];
      const kind = `${spec.group}/${name}/${spec.names.kind}`;
      return [[kind, checkBy(ajv, { kind, structural: schema.openAPIV3Schema })] as const];
    });
  });
  return new Map(found);
}

function checkBy(ajv: Ajv, { kind, structural }: { kind: string; structural: Schema }): Check {
  let validate: ValidateFunction | 'impossible' | undefined;
  return (object) => {
    const copy: unknown = JSON.parse(JSON.stringify(object));
    validate ??= compiled(ajv, structural);
    if (validate === 'impossible') return { problems: [], unchecked: [`the schema of ${kind}`] };
    validate(copy);
    const errors = (validate.errors ?? []).filter(({ schemaPath }) => !isOfForm(schemaPath));
    const said = celRules({ schema: structural, value: copy, path: '' });
    return {
      problems: [...new Set([...errors.map(inWords), ...said.problems])],
      unchecked: said.unchecked,
    };
  };
}

/** Whether it is of one of several forms, of which the form as a whole speaks. A field may have the name of one. */
function isOfForm(schemaPath: string): boolean {
  return /\/(anyOf|oneOf|not)\//.test(schemaPath.replaceAll(/\/properties\/[^/]+/g, ''));
}

/** `impossible`: what the API server refuses of a definition, or reads in another way than others do. */
function compiled(ajv: Ajv, structural: Schema): ValidateFunction | 'impossible' {
  try {
    return ajv.compile(JSON.parse(JSON.stringify(jsonSchemaOf(structural, { place: 'root' }))) as object);
  } catch {
    return 'impossible';
  }
}

const carried = [
  ...['enum', 'required', 'minimum', 'maximum', 'multipleOf', 'minLength', 'maxLength', 'minItems', 'maxItems'],
  ...['uniqueItems', 'minProperties', 'maxProperties'],
];

/** @param place `form`: below anyOf and the like, which name no fields of their own and have no defaults */
function jsonSchemaOf(schema: Schema, { place }: { place: 'root' | 'value' | 'form' }): Schema {
  const below = (value: unknown, at: 'value' | 'form' = place === 'form' ? 'form' : 'value'): unknown =>
    isMap(value) ? jsonSchemaOf(value, { place: at }) : value;
  const types = schema['x-kubernetes-int-or-string'] === true ? ['integer', 'string'] : [schema['type']].filter(isText);
  const isNullable = schema['nullable'] === true;
  const { pattern, minimum, maximum } = schema;
  return {
    ...Object.fromEntries(carried.filter((key) => schema[key] !== undefined).map((key) => [key, schema[key]])),
    ...(types.length === 0 ? {} : { type: isNullable ? [...types, 'null'] : types }),
    ...(isNullable && Array.isArray(schema['enum']) ? { enum: [...(schema['enum'] as unknown[]), null] } : {}),
    ...(schema['exclusiveMinimum'] === true ? { minimum: undefined, exclusiveMinimum: minimum } : {}),
    ...(schema['exclusiveMaximum'] === true ? { maximum: undefined, exclusiveMaximum: maximum } : {}),
    ...(isText(pattern) && compiles(pattern) ? { pattern } : {}),
    ...(place === 'value' && schema['default'] !== undefined ? { default: schema['default'] } : {}),
    ...fieldsOf(schema, place, below),
    ...(isMap(schema['items']) ? { items: below(schema['items']) } : {}),
    ...Object.fromEntries(
      ['allOf', 'anyOf', 'oneOf'].flatMap((form) =>
        Array.isArray(schema[form]) ? [[form, schema[form].map((one: unknown) => below(one, 'form'))]] : [],
      ),
    ),
    ...(isMap(schema['not']) ? { not: below(schema['not'], 'form') } : {}),
  };
}

function fieldsOf(schema: Schema, place: 'root' | 'value' | 'form', below: (value: unknown) => unknown): Schema {
  const { properties, additionalProperties } = schema;
  if (!isMap(properties))
    return isMap(additionalProperties) ? { additionalProperties: below(additionalProperties) } : {};
  const isObject = place === 'root' || schema['x-kubernetes-embedded-resource'] === true;
  const fields = {
    ...Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, below(value)])),
    ...(isObject ? { apiVersion: {}, kind: {}, metadata: {} } : {}),
  };
  const isOpen = place === 'form' || schema['x-kubernetes-preserve-unknown-fields'] === true;
  return { properties: fields, ...(isOpen ? {} : { additionalProperties: false }) };
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

/** Go's regular expressions are not all JavaScript's. */
function compiles(pattern: string): boolean {
  try {
    new RegExp(pattern, 'u');
    return true;
  } catch {
    return false;
  }
}

function inWords({ keyword, instancePath, params, parentSchema, message = 'is wrong' }: ErrorObject): string {
  const path = dotted(instancePath);
  const at = (key: unknown): string => (path === '' ? String(key) : `${path}.${String(key)}`);
  const said = params as Readonly<Record<string, unknown>>;
  switch (keyword) {
    case 'required':
      return `${at(said['missingProperty'])}: is missing`;
    case 'additionalProperties': {
      const key = String(said['additionalProperty']);
      const among = isMap(parentSchema?.['properties']) ? Object.keys(parentSchema['properties']) : [];
      const meant = meantBy({ name: key, among });
      return `${at(key)}: unknown field${meant === undefined ? '' : `; did you mean ${meant}?`}`;
    }
    case 'type':
      return `${path}: expected ${[said['type']].flat().join(' or ')}`;
    case 'enum':
      return `${path}: expected one of ${JSON.stringify(said['allowedValues']).slice(1, -1)}`;
    default:
      return `${path}: ${message}`;
  }
}

/** `spec.rules.0` of `/spec/rules/0`. */
function dotted(pointer: string): string {
  return pointer.slice(1).split('/').join('.').replaceAll('~1', '/').replaceAll('~0', '~');
}

interface Said {
  readonly problems: string[];
  readonly unchecked: string[];
}

/** The rules of a schema and of all below it, for the values that are there. */
function celRules({ schema, value, path }: { schema: Schema; value: unknown; path: string }): Said {
  if (value === undefined || value === null) return { problems: [], unchecked: [] };
  const rules = Array.isArray(schema['x-kubernetes-validations']) ? schema['x-kubernetes-validations'] : [];
  const own = rules.flatMap((rule: unknown) => (isMap(rule) && isText(rule['rule']) ? [judge(rule, value, path)] : []));
  const join = (key: string): string => (path === '' ? key : `${path}.${key}`);
  const { properties, additionalProperties, items } = schema;
  const children: { schema: unknown; value: unknown; path: string }[] = Array.isArray(value)
    ? value.map((item: unknown, index) => ({ schema: items, value: item, path: join(String(index)) }))
    : isMap(value)
      ? Object.entries(value).map(([key, child]) => ({
          schema: (isMap(properties) ? properties[key] : undefined) ?? additionalProperties,
          value: child,
          path: join(key),
        }))
      : [];
  const below = children.flatMap((child) =>
    isMap(child.schema) ? [celRules({ ...child, schema: child.schema })] : [],
  );
  return {
    problems: [...own, ...below].flatMap(({ problems }) => problems),
    unchecked: [...own, ...below].flatMap(({ unchecked }) => unchecked),
  };
}

function judge(rule: Schema, value: unknown, path: string): Said {
  const text = String(rule['rule']);
  // A rule about a change says nothing of an object that is made.
  if (/\boldSelf\b/.test(text)) return { problems: [], unchecked: [] };
  const compiled = compileCel(text);
  const result = compiled.ok ? compiled.expression(value) : undefined;
  if (result?.kind !== 'answer') return { problems: [], unchecked: [text] };
  const field = isText(rule['fieldPath']) ? `${path}${rule['fieldPath']}` : path;
  const message = isText(rule['message']) ? rule['message'] : `does not meet ${text}`;
  return { problems: result.value ? [] : [`${field === '' ? '' : `${field}: `}${message}`], unchecked: [] };
}
