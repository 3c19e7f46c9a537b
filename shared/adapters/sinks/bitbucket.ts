import type { Verdict } from '../../notices/commit-report.ts';
import { isSameText } from './host-text.ts';
import type { SinkAnswer } from './post.ts';

/** What Bitbucket Cloud and Bitbucket Data Center have in common. */
export const states: Readonly<Record<Verdict, 'INPROGRESS' | 'SUCCESSFUL' | 'FAILED'>> = {
  pending: 'INPROGRESS',
  success: 'SUCCESSFUL',
  failure: 'FAILED',
};

/** Bytes. Neither says a limit. */
export const largestDescription = 255;
/**
 * Bytes. No documentation says it: Data Center refuses more than so many characters (400, "less than 32768 characters"), as
 * https://github.com/checkmarx-ltd/cx-flow/issues/374 shows; Cloud takes no fewer.
 */
export const largestComment = 32_767;
/** Both show HTML as text: https://confluence.atlassian.com/bitbucketserver/markdown-syntax-guide-776639995.html */
export const hiding = 'definition';

/**
 * Keeps one comment of our own: as only its author may reword one, the host says which is ours. What others wrote to look like
 * it stays as it is, and another one is made.
 *
 * @param marked the oldest first
 * @param make absent: only what is there is kept up to date
 */
export async function keepComment<T extends { readonly text: string }>({
  marked,
  body,
  reword,
  make,
}: {
  readonly marked: readonly T[];
  readonly body: string;
  /** Whether the host let us. */
  readonly reword: (comment: T) => Promise<boolean>;
  readonly make: (() => Promise<unknown>) | undefined;
}): Promise<void> {
  for (const comment of marked) if (isSameText(comment.text, body) || (await reword(comment))) return;
  await make?.();
}

/** https://support.atlassian.com/bitbucket-cloud/docs/api-request-limits/ says no header: the usual one, or a minute. */
export function pauseBy({ status, headers }: SinkAnswer): number | undefined {
  if (status !== 429) return undefined;
  const after = headers.get('retry-after');
  return after !== null && /^\d+$/.test(after) ? Number(after) * 1000 : 60_000;
}
