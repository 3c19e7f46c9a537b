/**
 * One of the reasons for which the API server refuses an object (`status.details.causes`), without the value that it
 * quotes: https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.36/#statuscause-v1-meta
 */
export interface RefusalCause {
  /** `FieldValueInvalid`, …; empty where it says none. */
  readonly reason: string;
  /** `spec.template.spec.containers[0].image`. */
  readonly field: string;
}
