/**
 * When an object of a kind that others define is suspended, degraded, progressing or healthy: CEL expressions, asked in
 * this order. A field that is not there makes an expression false; where none is true, the object is progressing. A
 * status or condition that is older than the specification is never judged.
 */
export interface KnownKind {
  /** `group/Kind`, `group/*`, or `*.parent/*` for every group under a domain. */
  readonly kinds: readonly string[];
  readonly suspended?: string;
  readonly degraded?: string;
  readonly progressing?: string;
  readonly healthy: string;
}
