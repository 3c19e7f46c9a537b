/**
 * Statuses below 500 after which the same request may succeed later, by the standards that define them: 408 (RFC 9110,
 * 15.5.9: it may be repeated), 423 (RFC 4918, 11.3: somebody holds a lock), 425 (RFC 8470, 5.2: sent before the
 * connection was ready), 429 (RFC 6585, 4).
 */
const passing: ReadonlySet<number> = new Set([408, 423, 425, 429]);

/**
 * Whether a request that was answered so may succeed when it is sent again as it is: then it is tried again, and where
 * it stays so the message is (`retry`). Any failure of the server may pass, as Google has it for its own APIs:
 * https://cloud.google.com/storage/docs/retry-strategy#retryable. Where a system's own words know better, its adapter
 * says so.
 */
export function mayPass(status: number): boolean {
  return status >= 500 || passing.has(status);
}
