/** How often one caller may call one instance: so many at once, and so many more a second. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/**
 * Of the functions that people and CI ask. An instance knows its own calls alone, so that a caller has up to as many times
 * this as there are instances (`functionSizes`). The command's `status --watch` asks every ten seconds, and
 * `upload --wait` twice a second for each pipeline, all of which are one account of their class.
 */
export const rates = {
  status: { burst: 120, perSecond: 20 },
  // One call at a time, which takes a second or more.
  inspect: { burst: 30, perSecond: 1 },
  // People, one deed at a time.
  act: { burst: 20, perSecond: 0.5 },
} as const satisfies Readonly<Record<string, Rate>>;

/** Callers that are known at a time; one that has not called for a while is forgotten, and has its burst again anyway. */
const mostCallers = 1000;

/**
 * A bucket of tokens for each caller, in this instance.
 *
 * @returns seconds until the caller may call again, rounded up; 0: now, and this call is counted
 */
export function limitRate({ burst, perSecond }: Rate): (caller: string, milliseconds: number) => number {
  const buckets = new Map<string, { tokens: number; at: number }>();
  const filled = ({ tokens, at }: { tokens: number; at: number }, now: number): number =>
    Math.min(burst, tokens + ((now - at) / 1000) * perSecond);
  return (caller, now) => {
    const tokens = filled(buckets.get(caller) ?? { tokens: burst, at: now }, now);
    const isLetIn = tokens >= 1;
    buckets.set(caller, { tokens: isLetIn ? tokens - 1 : tokens, at: now });
    if (buckets.size > mostCallers)
      for (const [other, bucket] of buckets) if (filled(bucket, now) >= burst) buckets.delete(other);
    return isLetIn ? 0 : Math.max(1, Math.ceil((1 - tokens) / perSecond));
  };
}
