import { brotliDecompressSync } from 'node:zlib';
import { meantBy } from '../../shared/base/nearest-name.ts';
import { exactNumber, isMap } from '../../shared/objects/exact-json.ts';
import type { KubernetesObject } from '../../shared/objects/kubernetes-object.ts';
import type { FieldSchema, KindSchemas, ListSchema } from './field-schema.ts';

/*
 * What the API server says of an object before its own code looks at it: server-side apply with fieldValidation=Strict.
 * These are types of Go, and JSON Schema says other things of them: null is as good as nothing, a quantity is a text or a
 * number, and items of a list are told apart by keys.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation
 */

let loaded: Promise<KindSchemas> | undefined;

/** What the package has of Kubernetes' own kinds; read when it is asked for first. */
export function loadBuiltInKinds(): Promise<KindSchemas> {
  return (loaded ??= unpack());
}

async function unpack(): Promise<KindSchemas> {
  const { default: file } = await import('./built-in-kinds.json', { with: { type: 'json' } });
  // It was made by build/built-in-kinds.ts, and a test holds it against that.
  return JSON.parse(brotliDecompressSync(Buffer.from(file.brotli, 'base64')).toString('utf8')) as KindSchemas;
}

/** What is wrong with an object of a built-in kind, each with its field and never with its value; nothing of other kinds. */
export function problemsOfBuiltIn({ kinds, types }: KindSchemas, object: KubernetesObject): string[] {
  const type = kinds[`${object.apiVersion}/${object.kind}`];
  if (type === undefined) return [];
  const problems: string[] = [];
  const say = (path: string, message: string): void => void problems.push(`${path}: ${message}`);

  const look = (value: unknown, schema: FieldSchema, path: string): void => {
    // Of labels and annotations names.ts speaks.
    if (value === undefined || value === null || /^metadata\.(labels|annotations)$/.test(path)) return;
    if (typeof schema === 'string') {
      if (schema.startsWith('#')) lookAtFields(value, schema.slice(1), path);
      else if (!(scalars[schema]?.fits(value) ?? false)) say(path, `expected ${scalars[schema]?.words ?? schema}`);
    } else if ('enum' in schema) {
      if (typeof value !== 'string') say(path, 'expected string');
      // What is empty is filled in by the API server.
      else if (value !== '' && !schema.enum.includes(value))
        say(path, `expected one of ${JSON.stringify(schema.enum).slice(1, -1)}`);
    } else if ('map' in schema) {
      if (!isMap(value)) say(path, 'expected object');
      else for (const [key, item] of Object.entries(value)) look(item, schema.map, `${path}.${key}`);
    } else if (!Array.isArray(value)) say(path, 'expected array');
    else {
      for (const [index, item] of value.entries()) look(item, schema.list, `${path}.${index}`);
      for (const message of twice(value, schema)) say(path, message);
    }
  };

  const lookAtFields = (value: unknown, name: string, path: string): void => {
    if (!isMap(value)) return say(path, 'expected object');
    const { fields, required } = types[name] ?? { fields: {}, required: [] };
    const at = (key: string): string => (path === '' ? key : `${path}.${key}`);
    for (const [key, item] of Object.entries(value)) {
      const schema = Object.hasOwn(fields, key) ? fields[key] : undefined;
      if (schema !== undefined) look(item, schema, at(key));
      else {
        const meant = meantBy({ name: key, among: Object.keys(fields) });
        say(at(key), `unknown field${meant === undefined ? '' : `; did you mean ${meant}?`}`);
      }
    }
    // The status that a manifest brings is not taken over, so nothing of it is missed.
    if (path === 'status' || path.startsWith('status.')) return;
    for (const key of required) if ((value[key] ?? null) === null) say(at(key), 'is missing');
  };

  lookAtFields(object, type, '');
  return problems;
}

/** Items that the API server can't tell apart, or that are none. */
function twice(items: readonly unknown[], { keys }: ListSchema): string[] {
  if (keys === undefined) return [];
  const names = Object.keys(keys);
  const seen = new Set<string>();
  const said = new Set<string>();
  for (const [index, item] of items.entries()) {
    // What makes such an item is a template's `-` with nothing behind it.
    if (names.length > 0 && item === null) said.add(`item ${index} is null`);
    if (names.length > 0 && !isMap(item)) continue;
    const values = names.length === 0 ? [item] : names.map((name) => (isMap(item) ? item[name] : null) ?? keys[name]);
    const id = JSON.stringify(values);
    if (seen.has(id))
      said.add(`item ${index} has the same ${names.length === 0 ? 'value' : names.join(' and ')} as one before it`);
    seen.add(id);
  }
  return [...said];
}

interface Scalar {
  readonly words: string;
  readonly fits: (value: unknown) => boolean;
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isNumber = (value: unknown): boolean => typeof value === 'number' || exactNumber(value) !== undefined;
const isInteger = (bits: 32 | 64): Scalar['fits'] => {
  const limit = 2n ** BigInt(bits - 1);
  return (value) => {
    if (typeof value === 'number' && !Number.isInteger(value)) return false;
    const text = typeof value === 'number' ? String(BigInt(value)) : exactNumber(value);
    return text !== undefined && /^-?\d+$/.test(text) && BigInt(text) < limit && BigInt(text) >= -limit;
  };
};

/** https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
const quantity = /^\s*[+-]?(\d+\.?\d*|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?\s*$/;
/** RFC 3339, as Go reads it. */
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([.,]\d+)?(Z|[+-]\d\d:\d\d)$/;

const scalars: Readonly<Record<string, Scalar>> = {
  string: { words: 'string', fits: isText },
  boolean: { words: 'boolean', fits: (value) => typeof value === 'boolean' },
  int32: { words: 'integer of 32 bits', fits: isInteger(32) },
  int64: { words: 'integer of 64 bits', fits: isInteger(64) },
  number: { words: 'number', fits: isNumber },
  bytes: { words: 'base64', fits: (value) => isText(value) && isBase64(value.replace(/[\r\n]/g, '')) },
  time: { words: 'time like 2026-01-31T12:00:00Z', fits: (value) => isText(value) && time.test(value) },
  quantity: {
    words: 'quantity like 500m or 1Gi',
    fits: (value) => isNumber(value) || (isText(value) && quantity.test(value)),
  },
  intOrString: { words: 'integer or string', fits: (value) => isText(value) || isInteger(32)(value) },
  object: { words: 'object', fits: isMap },
  any: { words: 'anything', fits: () => true },
};

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}
