/** One line of the report, and of `--json`. */
export interface Case {
  readonly name: CaseName;
  /** Objects of the environment. */
  readonly objects: number;
  readonly seconds: number;
  /** What the same takes without the product; null where there is nothing to compare with. */
  readonly floorSeconds: number | null;
  /** Requests that the API server counted. */
  readonly apiCalls: number;
}

export const caseNames = ['apply-configmaps-1000', 'noop-configmaps-1000', 'drift-configmaps-1000', 'upload-to-converged'] as const;
export type CaseName = (typeof caseNames)[number];

/** Seconds that the work took. */
export async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** The middle one; of an even number, the mean of the two in the middle. Throws for none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.ceil(sorted.length / 2) - 1];
  if (upper === undefined || lower === undefined) throw new Error('nothing was measured');
  return (lower + upper) / 2;
}

/** Does both, the one first in even rounds and the other in odd ones, so that neither always meets the warmer machine. */
export async function inTurns(round: number, works: { even: () => Promise<void>; odd: () => Promise<void> }): Promise<void> {
  const { even, odd } = works;
  for (const work of round % 2 === 0 ? [even, odd] : [odd, even]) await work();
}
