/**
 * What one value may be: a scalar, `#NAME` of a type, a list, a map, or one of some texts. Scalars: `string`, `boolean`,
 * `int32`, `int64`, `number`, `bytes` (base64), `time` (RFC 3339), `quantity`, `intOrString`, `object` (any fields) and
 * `any`.
 */
export type FieldSchema = string | ListSchema | { readonly map: FieldSchema } | { readonly enum: readonly string[] };

export interface ListSchema {
  readonly list: FieldSchema;
  /**
   * The keys that tell its items apart, each with what it is where an item leaves it out, or null where none may. No
   * keys: no two items are equal. Absent: items may be.
   */
  readonly keys?: Readonly<Record<string, unknown>>;
}

export interface TypeSchema {
  readonly fields: Readonly<Record<string, FieldSchema>>;
  readonly required: readonly string[];
}

/** The built-in kinds of one version of Kubernetes. */
export interface KindSchemas {
  /** `v1.36.3` */
  readonly version: string;
  /** The type's name, by `<apiVersion>/<kind>`. */
  readonly kinds: Readonly<Record<string, string>>;
  readonly types: Readonly<Record<string, TypeSchema>>;
}
