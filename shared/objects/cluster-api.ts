/** One kind that the cluster serves in one API version. */
export interface ApiResource {
  /** `''` for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** False for what cannot be listed, like reviews and bindings: such objects are never stored. */
  readonly listable?: boolean;
}

export interface ClusterApi {
  /** Like `v1.36.3`. */
  readonly version: string;
  readonly resources: readonly ApiResource[];
  /** Groups whose discovery failed (an aggregated API without a backend): their kinds are unknown, not absent. */
  readonly unreadable: readonly string[];
}
