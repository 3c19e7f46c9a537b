import { brotliCompressSync, constants } from 'node:zlib';
import { z } from 'zod';
import type { FieldSchema, KindSchemas, TypeSchema } from '../cli/validate/field-schema.ts';
import { builtInResources, builtInVersion } from '../shared/rbac/known-resources.ts';

/*
 * The API server publishes what it knows of each kind: https://kubernetes.io/docs/concepts/overview/kubernetes-api/
 * What `converge validate` needs of it is packed into cli/validate/built-in-kinds.json by `write-built-in-kinds.ts`.
 */

interface Published {
  readonly type?: string | undefined;
  readonly format?: string | undefined;
  readonly enum?: readonly string[] | undefined;
  readonly default?: unknown;
  readonly required?: readonly string[] | undefined;
  readonly properties?: Readonly<Record<string, Published>> | undefined;
  readonly items?: Published | undefined;
  readonly additionalProperties?: Published | undefined;
  readonly allOf?: readonly Published[] | undefined;
  readonly $ref?: string | undefined;
  readonly 'x-kubernetes-list-type'?: string | undefined;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[] | undefined;
  readonly 'x-kubernetes-group-version-kind'?:
    | readonly { readonly group: string; readonly version: string; readonly kind: string }[]
    | undefined;
}

const published: z.ZodType<Published> = z.lazy(() =>
  z.object({
    type: z.string().optional(),
    format: z.string().optional(),
    enum: z.array(z.string()).optional(),
    default: z.unknown().optional(),
    required: z.array(z.string()).optional(),
    properties: z.record(z.string(), published).optional(),
    items: published.optional(),
    additionalProperties: published.optional(),
    allOf: z.array(published).max(1).optional(),
    $ref: z.string().optional(),
    'x-kubernetes-list-type': z.string().optional(),
    'x-kubernetes-list-map-keys': z.array(z.string()).optional(),
    'x-kubernetes-group-version-kind': z
      .array(z.object({ group: z.string(), version: z.string(), kind: z.string() }))
      .optional(),
  }),
);
const documentSchema = z.object({ components: z.object({ schemas: z.record(z.string(), published) }) });

/** The documents of `/openapi/v3` that describe kinds. */
export const documentPaths: readonly string[] = [
  ...new Set(
    builtInResources.map(({ group, version }) =>
      group === '' ? `/openapi/v3/api/${version}` : `/openapi/v3/apis/${group}/${version}`,
    ),
  ),
];

/** What `validate` needs of these documents. Throws where one describes a built-in kind in a way that is not known here. */
export function kindSchemasOf(documents: readonly unknown[]): KindSchemas {
  const all = new Map(
    documents.flatMap((document) => Object.entries(documentSchema.parse(document).components.schemas)),
  );
  const kinds: Record<string, string> = {};
  const types: Record<string, TypeSchema> = {};
  const waiting: string[] = [];
  for (const { group, version, kind } of builtInResources) {
    const found = [...all].find(([, schema]) =>
      schema['x-kubernetes-group-version-kind']?.some(
        (one) => one.group === group && one.version === version && one.kind === kind,
      ),
    );
    if (found === undefined) throw new Error(`no document describes ${kind} in ${group}/${version}`);
    kinds[`${group === '' ? '' : `${group}/`}${version}/${kind}`] = found[0];
    waiting.push(found[0]);
  }
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (types[name] !== undefined) continue;
    const { properties = {}, required = [] } = all.get(name) ?? {};
    const fields = Object.entries(properties).map(([field, schema]) => [field, fieldOf(schema, all)] as const);
    types[name] = {
      fields: Object.fromEntries(fields),
      required: required.filter((field) => isAskedFor(`${shortName(name)}.${field}`)),
    };
    for (const [, field] of fields) waiting.push(...namedIn(field));
  }
  return { version: builtInVersion, kinds, types };
}

function fieldOf(schema: Published, all: ReadonlyMap<string, Published>): FieldSchema {
  const ref = schema.$ref ?? schema.allOf?.[0]?.$ref;
  if (ref !== undefined) return typeNamed(ref.slice('#/components/schemas/'.length), all);
  const { type, format, items, additionalProperties } = schema;
  if (schema.enum !== undefined) return { enum: schema.enum };
  if (type === 'array' && items !== undefined) {
    const list = fieldOf(items, all);
    const keys = schema['x-kubernetes-list-map-keys'];
    if (schema['x-kubernetes-list-type'] === 'set') return { list, keys: {} };
    if (schema['x-kubernetes-list-type'] !== 'map' || keys === undefined) return { list };
    const of = all.get(namedIn(list)[0] ?? '')?.properties ?? {};
    return { list, keys: Object.fromEntries(keys.map((key) => [key, of[key]?.default ?? null])) };
  }
  if (type === 'object')
    return additionalProperties === undefined ? 'object' : { map: fieldOf(additionalProperties, all) };
  if (type === 'integer') return format === 'int64' ? 'int64' : 'int32';
  if (type === 'string') return format === 'byte' ? 'bytes' : format === 'date-time' ? 'time' : 'string';
  if (type === 'number' || type === 'boolean') return type;
  throw new Error(`a field is described in a way that is not known here: ${JSON.stringify(schema)}`);
}

function typeNamed(name: string, all: ReadonlyMap<string, Published>): FieldSchema {
  const schema = all.get(name);
  if (schema?.properties !== undefined) return `#${name}`;
  switch (shortName(name)) {
    case 'Quantity':
      return 'quantity';
    case 'IntOrString':
      return 'intOrString';
    case 'Time':
    case 'MicroTime':
      return 'time';
    default:
      return schema?.type === 'object' ? 'object' : 'any';
  }
}

function shortName(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}

function namedIn(field: FieldSchema): string[] {
  if (typeof field === 'string') return field.startsWith('#') ? [field.slice(1)] : [];
  if ('enum' in field) return [];
  return namedIn('list' in field ? field.list : field.map);
}

/**
 * Fields that are described as required, and that the API server takes for empty, zero or false where they are not
 * there: tried with the objects of test/parts/built-in-objects.ts. Of kinds that drivers and controllers write (the last
 * lines) it was not tried, and nothing is missed.
 */
const takenWithout: ReadonlySet<string> = new Set([
  ...['PreferredSchedulingTerm.preference', 'SleepAction.seconds', 'HTTPHeader.value', 'Sysctl.value'],
  ...['ISCSIVolumeSource.lun', 'ISCSIPersistentVolumeSource.lun', 'ControllerRevision.revision'],
  ...['PodFailurePolicy.rules', 'LimitRangeSpec.limits', 'ForZone.name', 'ForNode.name'],
  ...['CSIDriver.spec', 'TokenRequest.audience', 'CSINode.spec', 'CSINodeSpec.drivers'],
  ...['CustomResourceDefinitionVersion.served', 'CustomResourceDefinitionVersion.storage'],
  ...['DeviceClass.spec', 'ResourceClaim.spec', 'ResourceClaimTemplate.spec', 'ResourceClaimTemplateSpec.spec'],
  ...['ResourceSlice.spec', 'ResourceSliceSpec.pool', 'ResourcePool.generation', 'ResourcePool.resourceSliceCount'],
  ...['Counter.value', 'CounterSet.counters', 'DeviceCapacity.value', 'DeviceCounterConsumption.counters'],
  ...['CapacityRequestPolicyRange.min', 'OpaqueDeviceConfiguration.parameters'],
  ...['Event.metadata', 'Event.involvedObject', 'Event.eventTime', 'EventSeries.count', 'EventSeries.lastObservedTime'],
]);

function isAskedFor(field: string): boolean {
  return !takenWithout.has(field);
}

/** The text of cli/validate/built-in-kinds.json. */
export function packedText(schemas: KindSchemas): string {
  const packed = brotliCompressSync(JSON.stringify(schemas), {
    params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY },
  });
  return `${JSON.stringify({ kubernetes: schemas.version, brotli: packed.toString('base64') }, undefined, 2)}\n`;
}
