/** undici's, and the name of what `AbortSignal.timeout` throws. */
const silences: ReadonlySet<string> = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'TimeoutError',
]);

/** Whether a request ended because nothing came for too long, by its error or one of that error's causes. */
export function isSilence(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return silences.has(code) || silences.has(error.name) || isSilence(error.cause);
}
