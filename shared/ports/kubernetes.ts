import type { fenceManager } from '../objects/field-manager.ts';
import type { ApiResource, ClusterApi } from '../objects/cluster-api.ts';
import type { KubernetesObject, ManagedFieldsEntry } from '../objects/kubernetes-object.ts';
import type { RefusalCause } from '../objects/refusal-cause.ts';

/** What the API server answered: the object, or its own words about why not. */
export type ApplyResult =
  | { readonly outcome: 'applied'; readonly object: KubernetesObject }
  /** `causes`: what of the object is refused, where the API server says it; `message` is cut to what a person reads. */
  | {
      readonly outcome: 'rejected';
      readonly status: number;
      readonly reason: string;
      readonly message: string;
      readonly causes: readonly RefusalCause[];
    };

export type DeleteResult =
  /** `gone`: the API server says that nothing is left of it; otherwise finalizers or its grace period may hold it. */
  | { readonly outcome: 'deleted'; readonly gone: boolean }
  | { readonly outcome: 'absent' }
  /** The kind is not served in that version: this says nothing about the object. */
  | { readonly outcome: 'unserved' }
  | { readonly outcome: 'changed' }
  | { readonly outcome: 'rejected'; readonly status: number; readonly reason: string; readonly message: string };

/** What goes with a write: whoever sent it may have lost the right to, while it was tried again. */
export interface WriteFence {
  /** Asked before each try, the first included. What it throws ends the request: nothing more is sent. */
  assertHeld(): Promise<void>;
  /** Told of each try of which nobody knows whether it was done, or will be: it got no answer, or one that says neither. */
  unanswered(): void;
}

/**
 * A write ends by itself 13 seconds after it was sent, at the API server after twelve, and is tried again as a read is:
 * behind its fence, where it has one.
 */
export interface Cluster {
  readonly name: string;
  /** Version and served kinds; `refresh` asks again (after CRDs were applied). Throws `ClusterUnavailable`. */
  api(options?: { refresh: boolean }): Promise<ClusterApi>;
  /** One object, or undefined where there is none. A failed read throws. */
  get(target: {
    resource: ApiResource;
    namespace: string | undefined;
    name: string;
  }): Promise<KubernetesObject | undefined>;
  /**
   * Every object of a kind in a namespace (undefined: cluster-wide), all pages, `metadata` alone or whole. `onWarning` is
   * told what the API server warns of with the first page. With `most`, no further page is read once so many are there:
   * for what may be without end, and of which some will do. A failed read throws.
   */
  list(query: {
    resource: ApiResource;
    namespace: string | undefined;
    labelSelector?: string;
    content: 'whole' | 'metadata';
    onWarning?: (text: string) => void;
    most?: number;
  }): Promise<readonly KubernetesObject[]>;
  /**
   * Warning events (core group) of a namespace: the first 500, of one answer of at most a mebibyte that is here within
   * three seconds. Undefined where the API server does not let us read them or does not say; it never throws for that.
   */
  warnings(namespace: string): Promise<readonly KubernetesObject[] | undefined>;
  /**
   * Forced server-side apply by the field manager `converge`, unless another is named. With a uid or a resourceVersion in its metadata it is
   * refused with 409 where the live object has another. Never throws for what the API server refuses about the object;
   * throws `ClusterUnavailable` where the API server stays overloaded, or does not answer.
   */
  apply(target: {
    resource: ApiResource;
    object: KubernetesObject;
    dryRun: boolean;
    manager?: typeof fenceManager;
    fence?: WriteFence;
  }): Promise<ApplyResult>;
  /**
   * Writes who owns which field of exactly that incarnation of the object, takes the labels and annotations of these
   * names off it (it must carry them), and nothing else: 409 where uid or resourceVersion no longer match.
   */
  writeManagedFields(target: {
    resource: ApiResource;
    namespace: string | undefined;
    name: string;
    uid: string;
    resourceVersion: string;
    managedFields: readonly ManagedFieldsEntry[];
    without?: { readonly labels: readonly string[]; readonly annotations: readonly string[] };
    fence?: WriteFence;
  }): Promise<ApplyResult>;
  /**
   * Deletes exactly that incarnation of the object (in that version, where one is given): `changed` where they no
   * longer match. With `dryRun`, the API server only says what it would answer: nothing is deleted.
   */
  delete(target: {
    resource: ApiResource;
    namespace: string | undefined;
    name: string;
    uid: string;
    resourceVersion?: string;
    dryRun?: boolean;
    fence?: WriteFence;
  }): Promise<DeleteResult>;
}
