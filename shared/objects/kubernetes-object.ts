/** Any JSON value. Integers that a double cannot hold are `JSON.rawJSON` objects, see `exact-json.ts`. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

export interface ManagedFieldsEntry {
  readonly manager?: string;
  readonly operation?: 'Apply' | 'Update';
  readonly apiVersion?: string;
  readonly time?: string;
  readonly fieldsType?: string;
  readonly fieldsV1?: JsonObject;
  readonly subresource?: string;
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  /** Whether its controller made the object, and reconciles it. */
  readonly controller?: boolean;
}

export interface ObjectMetadata {
  readonly name?: string;
  readonly namespace?: string;
  readonly generateName?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
  readonly managedFields?: readonly ManagedFieldsEntry[];
}

/** A Kubernetes object of any kind, desired or observed. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMetadata;
  readonly [key: string]: unknown;
}

/** An object as a source rendered it. Numbers are exact (see `exact-json.ts`). */
export interface RenderedObject {
  readonly object: KubernetesObject;
  /** The file it came from, from the repository's root. */
  readonly source: string;
}

/** A Helm hook as a chart rendered it. */
export interface RenderedHook extends RenderedObject {
  /** The Helm release it belongs to. */
  readonly release: string;
  /** What `helm.sh/hook` says, in lower case: `pre-install`, …, or anything else somebody wrote there. */
  readonly events: readonly string[];
}
