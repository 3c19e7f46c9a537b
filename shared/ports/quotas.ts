/** A limit of a service of Google's for the project, and how much of it is used. */
export interface QuotaUse {
  /** `run.googleapis.com` */
  readonly service: string;
  /** `run.googleapis.com/cpu_allocation` */
  readonly metric: string;
  /** `CpuAllocPerProjectRegion` */
  readonly name: string;
  /** A region, or `global`. */
  readonly location: string;
  readonly limit: number;
  /** What is held now; of a limit by the minute, in the busiest minute of the last hour. */
  readonly used: number;
  /** Whether something was refused for it in the last hour. */
  readonly isExceeded: boolean;
}

/** `refused`: whoever asks may not, or the API is not enabled, in Google's words; `none`: nothing answered, or not all. */
export type QuotaAnswer =
  | { readonly answer: 'told'; readonly quotas: readonly QuotaUse[] }
  | { readonly answer: 'refused'; readonly status: number; readonly message: string }
  | { readonly answer: 'none'; readonly why: string };

export interface Quotas {
  /**
   * The quotas of these services of which both the limit and the use are known. Throws `CredentialsUnavailable` (retry).
   *
   * @param now to which the last hour is counted
   */
  read(services: readonly string[], now: Date): Promise<QuotaAnswer>;
}
