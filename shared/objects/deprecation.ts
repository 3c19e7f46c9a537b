/** What the API server says of an API version that it will not serve for ever. */
export interface Deprecation {
  /** Like `1.32`; null where it does not say so. */
  readonly removedIn: string | null;
  /** What to write instead: `flowcontrol.apiserver.k8s.io/v1 FlowSchema`; null where it does not say so. */
  readonly use: string | null;
  readonly message: string;
}

const longestMessage = 300;

/**
 * Reads a warning of the API server, like `… is deprecated in v1.29+, unavailable in v1.32+; use …`; undefined for one of
 * anything else. Of a definition its author chose the words.
 * https://kubernetes.io/blog/2020/09/03/warnings/
 */
export function deprecationOf(warning: string): Deprecation | undefined {
  if (!/deprecat|unavailable in|no longer/i.test(warning)) return undefined;
  const message = warning.slice(0, longestMessage).toWellFormed();
  const [, removedIn = null] = /unavailable in v(\d+\.\d+)\+/.exec(message) ?? [];
  const [, use = null] = /; use (\S.*)$/.exec(message) ?? [];
  return { removedIn, use, message };
}
